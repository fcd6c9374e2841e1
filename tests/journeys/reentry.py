"""Enters a recorded script at some of its entry points, and tells what it logs from there on.

Called as `python reentry.py RUN SCRIPT ENTRY...` in the project's folder. For each entry a fork executes the
script; a line of JSON tells the rows it logged, where its state came to differ later, or the refusal.
"""

import builtins
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.places import Place
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore, Kept
from flor.record import session
from flor.record.context import Node, chain
from flor.record.keeper import OpenBlock
from flor.replay import loader, rewrite
from flor.replay.player import Player, kept_of
from flor.replay.reentry import Itinerary
from flor.replay.restoring import Restorer
from flor.runs.values import decode, encode


@dataclass
class Told:
    """What became of one way into the script."""

    entry: str
    rows: list[Any] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)
    refused: str = ""

    def hear(self, node: Node, name: str, value: Any) -> None:
        place = [(link.loop.name, link.number) for link in chain(node) if link.loop]
        kind, payload = encode(value, lambda _: None)
        text = payload.decode() if isinstance(payload, bytes) else None
        kept = decode(kind, payload, payload, text)  # type: ignore[arg-type]
        self.rows.append([place, name, kept.hex() if isinstance(kept, float) else repr(kept)])


class Witness:
    """In the place of a keeper: compares the state at each later entry point with the one that was kept."""

    step_at_s = top_at_s = 0.0  # every header is of interest

    class termination:  # noqa: N801  (an attribute of a keeper)
        is_asked = False

        @staticmethod
        def follow(is_open: bool) -> None:
            """Nothing follows signals here."""

    def __init__(self, player: Player, told: Told) -> None:
        self._player, self._told = player, told
        self._restorer = Restorer(player.kept, player.store, player.scope)
        self.thread = player.thread

    @property
    def block(self) -> OpenBlock | None:
        return next(iter(self._player.adoptable().opened), None)

    def loop_begins(self, around: Place | None) -> Place | None:
        return self._player.loop_begins(around) if self.block else None

    def drawing(self, place: Place, iterable: Any, iterator: Any, *, is_bare: bool) -> Any:
        return iterator

    def end_passed(self, place: Place) -> bool:
        return False

    def close_block(self, opened: OpenBlock, frame: FrameType) -> None:
        self.reach(opened.place.end(), frame)

    def reach(self, entry: EntryPoint | None, frame: FrameType, facts: Any = None) -> None:
        if entry in self._player.kept and self.block is not None:
            if entry.kind == "top" and entry.iteration == 0:
                found, _ = self._restorer.look(self.block, frame, entry)
            else:
                found = self._restorer.differences(entry, self.block, frame)
            self._told.different += [f"{entry}: {each}" for each in found]


def enter(script: Path, kept: Sequence[Kept], entry: str, answers: int) -> None:
    """Execute the script from the entry point on, and tell of it."""
    told = Told(entry)

    def leave(code: int) -> None:
        told.prefix = [str(each) for each in player.prefix_differences]
        os.write(answers, json.dumps(vars(told)).encode() + b"\n")
        os._exit(code)

    def refuse(error: Exception) -> None:
        told.refused = str(error)
        leave(1)

    def arrive() -> None:
        player.keeper = Witness(player, told)  # type: ignore[assignment]

    store = CheckpointStore(Path(".flor").absolute() / "checkpoints")
    points = kept_of(store, kept[0].manifest.run)
    itinerary = Itinerary(parse(entry), frozenset(points))
    player = Player(itinerary, points, store, Scope(Path.cwd()), {}, told.hear, arrive, refuse)
    session.install(player)
    loader.install(Path.cwd())
    execute(script)
    player.close()
    leave(0)


def execute(script: Path) -> None:
    """Be the script, rewritten."""
    module = ModuleType("__main__")
    module.__dict__.update(__file__=str(script), __builtins__=builtins)
    sys.modules["__main__"] = module
    sys.argv, sys.path[0] = [str(script)], str(script.parent)
    exec(
        compile(rewrite.rewrite(script.read_text("utf-8"), str(script)), str(script), "exec"), module.__dict__
    )


def main(run: str, script: str, *entries: str) -> None:
    path = Path(script).resolve()
    if "import torch" in path.read_text("utf-8"):
        import torch  # noqa: F401  (once for all)
    kept = CheckpointStore(Path(".flor") / "checkpoints").kept(run)
    for entry in entries:
        child = os.fork()
        if child == 0:
            enter(path, kept, entry, os.dup(1))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
