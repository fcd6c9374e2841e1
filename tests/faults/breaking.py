"""Breaks the restoring of past states in the processes of a replay, from outside of the product.

The folder of `sitecustomize.py` stands on PYTHONPATH when the run is recorded, so that replays have it too.
`BREAK` names what goes wrong behind every restore, and `BREAK_WHEN` whether before or after it was verified.
"""

from pathlib import Path
from typing import Any

from workplace import SOURCE, Workplace

BREAKS = {
    "a leaf left out": "block.objects['weights'][0] = 0.25",
    "a random state shifted by one draw": "__import__('random').random()",
    "a stale variable": "frame.f_globals.__setitem__('scale', 1.0)",
}
_CUSTOMIZE = """
import importlib.abc
import importlib.util
import os
import sys

BROKEN = {breaks!r}.get(os.environ.get("BREAK", ""))
METHOD = {{"before": "_put_back", "after": "restore"}}[os.environ.get("BREAK_WHEN", "after")]


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "flor.replay.restoring":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            breaking(module.Restorer)

        spec.loader.exec_module = exec_module
        return spec


def breaking(kind):
    rightly = getattr(kind, METHOD)

    def wrongly(self, entry, block, frame, *more):
        names = rightly(self, entry, block, frame, *more)
        exec(BROKEN)
        return names

    setattr(kind, METHOD, wrongly)


if BROKEN and os.environ.get("FLOR_REPLAY"):
    sys.meta_path.insert(0, Finder())
"""


def search_path(place: Workplace) -> dict[str, str]:
    """The variable that lets Python find what breaks it."""
    folder = Path(place.environ["HOME"]) / "breaking"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CUSTOMIZE.format(breaks=BREAKS))
    return {"PYTHONPATH": f"{SOURCE}:{folder}"}


def variables(place: Workplace, what: str, when: str = "after") -> dict[str, Any]:
    """The variables of a replay in which that goes wrong."""
    return {**search_path(place), "BREAK": what, "BREAK_WHEN": when}
