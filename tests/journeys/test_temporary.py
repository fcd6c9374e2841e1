"""Temporary files have another name each time, and are gone when a run is asked or gone on with."""

import os
import signal
from pathlib import Path

import pytest

from flor.entities import RunId
from flor.runs import files
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000", "FLOR_STRICT": "1"}
SCRIPT = """
    import os
    import random
    import signal
    import tempfile

    import flor

    random.seed(5)
    best = 0.0
    with tempfile.TemporaryDirectory() as folder:
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(4)):
                for step in flor.loop("step", range(2)):
                    loss = flor.log("loss", random.random())
                    if os.environ.get("KILL") == f"{epoch} {step}":
                        os.kill(os.getpid(), signal.SIGKILL)
                    # nested
                with open(os.path.join(folder, f"{epoch}.txt"), "w") as file:
                    file.write(repr(loss))
                best = max(best, loss)
                flor.log("best", best)
                # behind
        with open(os.path.join(folder, "2.txt")) as file:
            kept = file.read()
        # suffix
    flor.log("kept", kept)
    """
PROBES = {
    "nested": "loss + best",
    "behind": "sorted(os.listdir(folder))",
    "suffix": "best, kept, len(os.listdir(folder))",
}


def below(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where this user's temporary files are."""
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.mark.parametrize(
    "folder", ["tempfile.TemporaryDirectory()", "__import__('contextlib').nullcontext(tempfile.mkdtemp())"]
)
@pytest.mark.parametrize("where", PROBES)
def test_hindsight_equals_foresight(where: str, folder: str, place: Workplace, temporary: Path) -> None:
    script, env = (
        SCRIPT.replace("tempfile.TemporaryDirectory()", folder),
        {**KEEP_ALL, "TMPDIR": str(temporary)},
    )
    place.run(script, env=env)
    place.run(script.replace(f"# {where}\n", f'flor.log("probe", [{PROBES[where]}])\n'), env=env)
    left = below(temporary)

    place.python("-m", "flor", "replay", "probe", "--yes", env={"TMPDIR": str(temporary)})

    hindsight, foresight = (place.values("probe", run=run.run) for run in place.catalog().runs)
    assert hindsight == foresight
    assert below(temporary) == left


def test_they_are_no_data_of_a_run_that_reads_back_what_it_wrote(place: Workplace, temporary: Path) -> None:
    kept = SCRIPT.replace("tempfile.TemporaryDirectory()", "contextlib.nullcontext(tempfile.mkdtemp())")
    place.run(kept.replace("import os\n", "import contextlib, os\n", 1), env={"TMPDIR": str(temporary)})

    assert below(temporary), "the run has left them"
    assert files.of(place.only_run()).outputs == {}


def test_a_run_is_gone_on_with_before_anything_stood_in_them(place: Workplace, temporary: Path) -> None:
    env = {**KEEP_ALL, "TMPDIR": str(temporary)}
    place.run(SCRIPT, env=env)
    wanted = [(row.name, row.value) for row in place.rows()]
    place.python("train.py", code=-signal.SIGKILL, env={**env, "KILL": "3 0"})
    run = place.catalog().runs[-1].run

    resumed = place.python("-m", "flor", "resume", run, env=env)

    assert f"Resuming run {run} (train.py): before epoch 1." in resumed.stderr
    assert "what stands in temporary files is not kept" in resumed.stderr
    assert [(row.name, row.value) for row in place.rows(run=RunId(run))] == wanted
