"""Hindsight equals foresight wherever past runs are executed again: over the project, or beside it."""

import ctypes
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from journeys.again import WAYS
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}
_PR_CAPBSET_DROP, _CAP_SYS_ADMIN = 24, 21

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


def cells(place: Workplace, run: int, *names: str) -> list[list[Any]]:
    """What was logged in one run, oldest run first."""
    frame = place.frame(*names)
    stamp = sorted(frame["tstamp"].unique())[run]
    rows = frame[frame["tstamp"] == stamp].drop(columns="tstamp")
    return [[value.hex() if isinstance(value, float) else value for value in row] for row in rows.values]


def files(root: Path) -> dict[str, str]:
    found = (path for path in root.rglob("*") if path.is_file() and not {".git", ".flor"} & set(path.parts))
    return {path.relative_to(root).as_posix(): path.read_text("utf-8", "replace") for path in found}


OWN_FILES = """
    import os
    import random

    import flor

    random.seed(flor.arg("seed", 1))
    best, weight = 1e9, 1.0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(5)):
            if epoch == 0:
                os.makedirs("out")
            weight *= random.uniform(0.5, 1.4)
            if weight < best:
                best = weight
                with open("out/best.txt", "w") as file:
                    file.write(weight.hex())
            with open("out/log.txt", "a") as file:
                file.write(f"{epoch} {weight.hex()}\\n")
            flor.log("weight", weight)
    kept = open("out/best.txt").read()
    # suffix
    """


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("where", ["# suffix\n", 'flor.log("weight", weight)\n'])
def test_files_that_a_run_wrote_itself_are_its_own_and_not_those_of_later_runs(
    way: str, where: str, place: Workplace
) -> None:
    probe = 'flor.log("probe", open("out/best.txt").read() + open("out/log.txt").read())\n'
    indent = "            " if where.startswith("flor") else ""
    probed = OWN_FILES.replace(where, f"{where if indent else ''}{indent}{probe}")
    for text, seed in ((OWN_FILES, 1), (OWN_FILES, 2), (probed, 1), (probed, 2)):
        place.write("train.py", text)
        shutil.rmtree(place.root / "out", ignore_errors=True)
        place.python("train.py", "--kwargs", f"seed={seed}", env=KEEP_ALL)

    mount = {"FLOR_MOUNT": "on" if way == "mounted" else "off"}
    done = place.python("-m", "flor", "replay", "probe", "--audit", "1", "--yes", env=mount)

    runs = [cells(place, number, "weight", "probe") for number in range(4)]
    assert runs[:2] == runs[2:], done.stdout
    assert runs[0] != runs[1]


EARLY_FILES = """
    import os

    import flor

    os.makedirs("out/inner")
    with open("out/inner/log.txt", "x") as file:
        file.write("begun")
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            flor.log("listing", os.listdir("out"))
            # probe
    """


def test_files_that_a_run_wrote_before_its_first_call_are_none_of_its_code(place: Workplace) -> None:
    place.run(EARLY_FILES, env=KEEP_ALL)
    place.write(
        "train.py", EARLY_FILES.replace("# probe", 'flor.log("probe", open("out/inner/log.txt").read())')
    )

    place.python("-m", "flor", "replay", "probe", "--yes")

    assert place.values("probe") == ["begun"] * 3


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

    names = ("loss", "best", "probe", "listing")
    assert cells(place, 0, *names) == cells(place, 1, *names)
    assert files(place.root) == before
    assert place.git("status", "--short") == status
    assert not list(place.layout.worktrees.iterdir())


def _may_not_mount() -> None:
    """In a child that may be root's: it has to ask for a space of its own, like anybody else."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN, 0, 0, 0)


def test_who_is_not_root_has_the_same_answers(place: Workplace) -> None:
    probed = SCRIPT.replace("# top\n", 'flor.log("probe", [os.getcwd(), os.getuid(), str(HERE)])\n')
    for text in (SCRIPT, probed):
        for name, content in {**_texts(), "train.py": text}.items():
            place.write(name, content)
        place.python("train.py", env=KEEP_ALL)

    place.python("-m", "flor", "replay", "probe", "--yes", preexec_fn=_may_not_mount)

    assert cells(place, 0, "best", "probe") == cells(place, 1, "best", "probe")


def _texts() -> dict[str, str]:
    return {"lib/__init__.py": "", "lib/model.py": MODEL, "train.py": SCRIPT}


MOVES = """
    import os
    EARLY
    import flor

    LATE
    n = int(open("start.txt").read())
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            n += epoch
            flor.log("n", n)
            # probe
    """
INTO_DATA = 'os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data"))'


@pytest.mark.parametrize("moment", ["EARLY", "LATE"])
@pytest.mark.parametrize(
    ("folder", "name"), [(".", "sub/train.py"), ("sub", "train.py"), ("sub/data", "../train.py")]
)
def test_a_program_may_go_to_another_folder_before_its_first_call(
    moment: str, folder: str, name: str, place: Workplace
) -> None:
    script = MOVES.replace(moment, INTO_DATA).replace("EARLY", "").replace("LATE", "")
    place.write("sub/data/start.txt", "5")
    place.write("sub/train.py", script)
    place.python(name, cwd=place.root / folder)

    place.write("sub/train.py", script.replace("# probe", 'flor.log("probe", n * 2)'))
    place.python("-m", "flor", "replay", "probe", "--yes")

    assert place.values("probe") == [10, 12, 16]


READS_VARIABLES = """
    import os

    import flor

    scale = int(os.environ.get("SCALE", 1))
    # prefix
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            scale += int(os.getenv("STEP", "1"))
            flor.log("scale", scale)
            # behind
    """


@pytest.mark.parametrize(("where", "asked"), [("prefix", "scale"), ("behind", "os.environ['SCALE'] * epoch")])
def test_variables_that_a_script_reads_are_what_they_were(where: str, asked: str, place: Workplace) -> None:
    probed = READS_VARIABLES.replace(f"# {where}\n", f'flor.log("probe", {asked})\n')
    for script in (READS_VARIABLES, probed):
        place.run(script, env={**KEEP_ALL, "SCALE": "5", "STEP": "3"})

    place.python("-m", "flor", "replay", "probe", "--yes", env={"STEP": "7"})

    assert cells(place, 0, "scale", "probe") == cells(place, 1, "scale", "probe")
