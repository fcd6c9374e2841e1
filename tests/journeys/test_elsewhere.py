"""What a run wrote outside of its project is the user's, and stays as it is whatever is asked of the run."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from flor.replay import surroundings
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}
SCRIPT = """
    import os
    import random
    from pathlib import Path

    import flor

    random.seed(1)
    out = Path(open("out.txt").read())
    (out / "made" / "deep").mkdir(parents=True)
    log = open(out / "log.txt", "w")
    print("header", file=log, flush=True)
    scale = int((out / "data" / "scale.txt").read_text()) + len((out / "link").read_text())
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            for step in flor.loop("step", range(2)):
                loss = flor.log("loss", random.random() * scale)
            print(loss, file=log, flush=True)
            (out / "made" / "deep" / f"{epoch}.txt").write_text(str(loss))
            with open(out / "hist.txt", "a") as history:
                history.write(f"{loss}\\n")
            with open(out / "all.csv", "a") as rows:
                rows.write(f"{loss}\\n")
            # probe
            flor.log("end", epoch)
    """
PROBES = {
    "no file": "loss / 2",
    "what it appended": "(out / 'hist.txt').read_text()",
    "what there is": "sorted(os.listdir(out / 'made' / 'deep')) + sorted(os.listdir(out))",
}


@pytest.fixture
def out() -> Iterator[Path]:
    """A folder of the user's that is not among temporary files: those are nobody's."""
    folder = Path.home() / f"flor-elsewhere-{os.getpid()}"
    fill(folder)
    yield folder
    shutil.rmtree(folder)


def fill(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "scale.txt").write_text("3")
    (folder / "notes.txt").write_text("four")
    (folder / "link").symlink_to("notes.txt")
    time.sleep(0.05)  # the clock of a file system moves on in steps


def contents(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def replay(place: Workplace, *arguments: str, **options: Any) -> CompletedProcess[str]:
    return place.python("-m", "flor", "replay", "probe", *arguments, "--yes", **options)


@pytest.mark.skipif(not surroundings.can_mount(), reason="nothing can be mounted here")
@pytest.mark.parametrize("only", ["", "epoch >= 3"])
@pytest.mark.parametrize("what", PROBES)
def test_hindsight_equals_foresight(what: str, only: str, place: Workplace, out: Path) -> None:
    place.write("out.txt", str(out))
    place.run(SCRIPT.replace("# probe", f'flor.log("probe", {PROBES[what]})'), env=KEEP_ALL)
    foresight = place.values("probe")
    shutil.rmtree(out)
    fill(out)
    place.run(SCRIPT, env=KEEP_ALL)
    run, before = place.catalog().runs[-1].run, contents(out)
    place.write("train.py", SCRIPT.replace("# probe", f'flor.log("probe", {PROBES[what]})'))

    replay(place, *filter(None, [only]), "--runs", run)

    assert place.values("probe", run=run) == (foresight[2:] if only else foresight)
    assert contents(out) == before


@pytest.mark.skipif(not surroundings.can_mount(), reason="nothing can be mounted here")
def test_what_stood_in_a_file_that_was_there_before_is_not_made_up(place: Workplace, out: Path) -> None:
    (out / "all.csv").write_text("1.0\n")
    time.sleep(0.05)
    place.write("out.txt", str(out))
    place.run(SCRIPT, env=KEEP_ALL)
    before = contents(out)

    place.write("train.py", SCRIPT.replace("# probe", 'flor.log("probe", (out / "all.csv").read_text())'))
    refused = replay(place, code=1)
    place.write("train.py", SCRIPT.replace("# probe", 'flor.log("probe", epoch * 2)'))
    replay(place)

    assert "all.csv, outside of the project, was there before the run" in refused.stderr + refused.stdout
    assert place.values("probe") == [0, 2, 4, 6]
    assert contents(out) == before


def test_where_nothing_can_be_mounted_it_is_not_executed(place: Workplace, out: Path) -> None:
    place.write("out.txt", str(out))
    place.run(SCRIPT, env=KEEP_ALL)
    before = contents(out)

    place.write("train.py", SCRIPT.replace("# probe", 'flor.log("probe", epoch * 2)'))
    refused = replay(place, code=1, env={"FLOR_MOUNT": "off"})

    assert "outside of the project, and nothing can be mounted there" in refused.stderr + refused.stdout
    assert contents(out) == before
