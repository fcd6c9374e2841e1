"""Hindsight equals foresight wherever past runs are executed again: over the project, or beside it."""

from pathlib import Path
from typing import Any

import pytest

from journeys.again import WAYS
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}

MODEL = """
    import random
    from pathlib import Path

    HERE = Path(__file__).resolve().parent


    class Model:
        def __init__(self):
            self.weight, self.best = 0.5, HERE / "nothing"

        def fit(self, x):
            self.weight += random.gauss(x, 0.1)
            # inside
            return self.weight

        def save(self, epoch):
            self.best = HERE / "out" / f"{epoch}.txt"
            self.best.write_text(repr(self.weight))
    """
SCRIPT = """
    import os
    import random
    import sys

    import flor
    from lib.model import HERE, Model

    random.seed(7)
    os.makedirs(HERE / "out", exist_ok=True)
    model = Model()
    with flor.checkpointing(model=model):
        for epoch in flor.loop("epoch", range(4)):
            # top
            for x in flor.loop("step", [1.0, -2.0]):
                flor.log("loss", model.fit(x))
            model.save(epoch)
            flor.log("best", str(model.best))
            # behind
    flor.log("listing", sorted(os.listdir(HERE / "out")))
    """
PROBES = {
    "top": 'flor.log("probe", [str(model.best), model.weight.hex()])',
    "behind": 'flor.log("probe", model.best.read_text() + os.path.abspath(sys.argv[0]))',
    "inside": 'import flor\n            flor.log("probe", self.weight * 2)',
}


def cells(place: Workplace, run: int) -> list[list[Any]]:
    """Everything logged in one run, oldest run first."""
    frame = place.frame("loss", "best", "probe", "listing")
    stamp = sorted(frame["tstamp"].unique())[run]
    rows = frame[frame["tstamp"] == stamp].drop(columns="tstamp")
    return [[value.hex() if isinstance(value, float) else value for value in row] for row in rows.values]


def files(root: Path) -> dict[str, str]:
    found = (path for path in root.rglob("*") if path.is_file() and not {".git", ".flor"} & set(path.parts))
    return {path.relative_to(root).as_posix(): path.read_text("utf-8", "replace") for path in found}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("where", PROBES)
def test_hindsight_equals_foresight(way: str, where: str, place: Workplace) -> None:
    probed = {name: text.replace(f"# {where}\n", f"{PROBES[where]}\n") for name, text in _texts().items()}
    for texts in (_texts(), probed):
        for name, text in texts.items():
            place.write(name, text)
        place.python("train.py", env=KEEP_ALL)
    before, status = files(place.root), place.git("status", "--short")

    mount = {"FLOR_MOUNT": "on" if way == "mounted" else "off"}
    place.python("-m", "flor", "replay", "probe", "--audit", "1", "--yes", env=mount)

    assert cells(place, 0) == cells(place, 1)
    assert files(place.root) == before
    assert place.git("status", "--short") == status
    assert not list(place.layout.worktrees.iterdir())


def _texts() -> dict[str, str]:
    return {"lib/__init__.py": "", "lib/model.py": MODEL, "train.py": SCRIPT}
