"""Enters a recorded script at one of its entry points, and prints what it logs from there on.

Called as `python reentry.py RUN ENTRY SCRIPT [ARGUMENTS]` in the project's folder.
"""

import builtins
import json
import os
import sys
from pathlib import Path
from types import ModuleType

from flor.checkpoints.entry import parse
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.record import session
from flor.record.context import Node, chain
from flor.replay import player as players
from flor.replay import rewrite
from flor.replay.reentry import Itinerary


def sink(node: Node, name: str, value: object) -> None:
    place = [(link.loop.name, link.number) for link in chain(node) if link.loop]
    print(json.dumps([place, name, value.hex() if isinstance(value, float) else repr(value)]), flush=True)


def main(run: str, entry: str, script: str, *arguments: str) -> None:
    store = CheckpointStore(Path(".flor") / "checkpoints")
    kept = players.by_entry(store.kept(run))
    itinerary = Itinerary(parse(entry), frozenset(kept))
    player = players.Player(itinerary, kept, store, Scope(Path.cwd()), {}, sink)
    session.install(player)
    path = Path(script).resolve()
    module = ModuleType("__main__")
    module.__dict__.update(__file__=str(path), __builtins__=builtins)
    sys.modules["__main__"] = module
    sys.argv = [script, *arguments]
    sys.path[0] = str(path.parent)
    code = compile(rewrite.rewrite(path.read_text("utf-8"), str(path)), str(path), "exec")
    exec(code, module.__dict__)
    assert player.has_arrived, "the entry point was never reached"
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
