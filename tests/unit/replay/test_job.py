"""What a command line of Python says, and the command that runs it again."""

from pathlib import Path

import pytest

from flor.errors import FlorError
from flor.replay import job
from flor.replay.job import Invocation, Job

COMMANDS = {
    "python train.py": Invocation((), "train.py", False, ()),
    "python3 -u train.py --kwargs lr=1 -m x": Invocation(
        ("-u",), "train.py", False, ("--kwargs", "lr=1", "-m", "x")
    ),
    "/venv/bin/python -m pkg.train -m": Invocation((), "pkg.train", True, ("-m",)),
    "python -Oum pkg": Invocation(("-O", "-u"), "pkg", True, ()),
    "python -mpkg a": Invocation((), "pkg", True, ("a",)),
    "python -OOIWerror -W ignore -Xdev -X utf8=1 -i a/train": Invocation(
        ("-O", "-O", "-I", "-W", "error", "-W", "ignore", "-X", "dev", "-X", "utf8=1"), "a/train", False, ()
    ),
    "python -bb --check-hash-based-pycs never -- -odd.py -x": Invocation(
        ("-b", "-b", "--check-hash-based-pycs", "never"), "-odd.py", False, ("-x",)
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_line_is_taken_apart(command: str) -> None:
    assert job.parse(command.split()) == COMMANDS[command]


@pytest.mark.parametrize(
    "command",
    [
        "python",
        "python -",
        "python -u",
        "python -c pass",
        "python -ucpass",
        "python -x a.py",
        "python --help",
        "python --",
    ],
)
def test_what_cannot_be_started_again_is_refused_with_the_reason(command: str) -> None:
    with pytest.raises(FlorError, match=r"cannot be run again: .*\n.*Run a script or a module"):
        job.parse(command.split())


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = Job(
        "/bin/python", ("python", "-O", "t.py"), "/here", "/root", "a:b", {"entry": "0/0 top(3)", "n": [1]}
    )

    job.write(given, tmp_path / "job.json")

    assert job.read(tmp_path / "job.json") == given
    assert job.command(given, Path("/x/job.json")) == [
        "/bin/python", "-O", "-P", "-m", "flor.replay.runner", "/x/job.json"
    ]  # fmt: skip
