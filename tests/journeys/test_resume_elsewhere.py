"""`flor resume` does nothing where the project, or the data that the run read, is not as it was."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from flor.replay.surroundings import can_mount
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from journeys.remembered import contents, given, settle
from journeys.test_resume import KEEP_ALL, SCRIPT, resume, rows
from workplace import SOURCE, Workplace

READING = SCRIPT.replace("random.seed(", 'offset = float(open("data.txt").read())\n    random.seed(').replace(
    "os.kill(os.getpid(), signal.SIGKILL)", 'raise RuntimeError("it ends here")'
)


def failed(place: Workplace) -> str:
    """A run that read an ignored file and ended by an exception; its id."""
    given(place, ".gitignore", "*.txt\n.flor\n")
    given(place, "data.txt", "7")
    settle()
    place.write("train.py", READING)
    place.python("train.py", code=1, env={**KEEP_ALL, "KILL": "2 1.0"})
    return place.catalog().runs[-1].run


@pytest.mark.parametrize("content", ["8", None])
def test_other_data_than_the_run_read_is_named_and_nothing_is_done(
    place: Workplace, content: str | None
) -> None:
    run = failed(place)
    before = rows(place, run)
    if content is None:
        (place.root / "data.txt").unlink()
    else:
        given(place, "data.txt", content)
        os.utime(place.root / "data.txt", (9e9, 9e9))  # so late that it cannot have been the run

    refused = resume(place, run, code=1, env=KEEP_ALL)

    reason = "it is gone" if content is None else "its content has changed"
    assert f"data that it read is not as it was: data.txt: {reason}" in refused.stderr
    assert rows(place, run) == before
    command = refused.stderr.split("`")[1].split()
    shutil.copy(command[1], command[2])
    resume(place, run, env=KEEP_ALL)
    assert rows(place, run)[: len(before)] == before


def test_a_copy_of_a_project_is_not_gone_on_with_and_the_project_is_left_alone(
    place: Workplace, tmp_path: Path
) -> None:
    run = failed(place)
    before = rows(place, run)
    copy = Workplace(tmp_path / "copy", place.environ)
    shutil.copytree(place.root, copy.root)
    stood = contents(place.root), contents(copy.root)

    refused = copy.python("-m", "flor", "resume", run, code=1, env=KEEP_ALL)

    assert f"it took place in {place.root}, and this is {copy.root}" in refused.stderr
    assert (contents(place.root), contents(copy.root)) == stood
    assert rows(place, run) == before
    assert Catalog.open(Layout(copy.root / ".flor")).find(run).resumed == ()


@pytest.mark.skipif(not can_mount(), reason="no mounts of one's own here")
@pytest.mark.parametrize("command", ["resume last", "rm last --yes", "gc --yes"])
def test_a_store_that_cannot_be_written_is_said(place: Workplace, command: str) -> None:
    failed(place)
    mounted = "mount --bind .flor .flor && mount -o remount,ro,bind .flor"
    script = f"{mounted} && exec {sys.executable} -m flor {command}"

    said = place.python("-c", RUN, "unshare", "-rm", "sh", "-c", script, code=1)

    assert f"error: The store {place.root / '.flor'} cannot be written." in said.stderr


RUN = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def test_a_project_that_was_moved_goes_on_where_it_was(place: Workplace, tmp_path: Path) -> None:
    run = failed(place)
    moved = Workplace(tmp_path / "moved", place.environ)
    place.root.rename(moved.root)

    refused = moved.python("-m", "flor", "resume", run, code=1, env=KEEP_ALL)

    assert f"Move the project to {place.root}" in refused.stderr
    moved.root.rename(place.root)
    resume(place, run, env=KEEP_ALL)
    assert place.catalog().find(run).status == "finished"


def test_the_folder_that_a_script_was_started_in_must_be_there(place: Workplace) -> None:
    given(place, "sub/keep.txt", "")
    place.write("train.py", SCRIPT.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError"))
    place.python("../train.py", code=1, env={**KEEP_ALL, "KILL": "2 1.0"}, cwd=place.root / "sub")
    shutil.rmtree(place.root / "sub")

    refused = resume(place, "last", code=1, env=KEEP_ALL)

    assert f"the folder that it was started in is gone: {place.root / 'sub'}" in refused.stderr


def test_other_packages_than_those_of_the_run_are_named(place: Workplace, tmp_path: Path) -> None:
    library = tmp_path / "libraries" / "scaling-1.0.dist-info"
    library.mkdir(parents=True)
    environ = {**KEEP_ALL, "PYTHONPATH": f"{SOURCE}:{library.parent}"}
    place.write("train.py", SCRIPT.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError"))
    place.python("train.py", code=1, env={**environ, "KILL": "2 1.0"})
    library.rename(library.with_name("scaling-2.0.dist-info"))

    resumed = resume(place, "last", env=environ)

    assert "not as in the run: scaling 1.0 is now 2.0" in resumed.stderr
    assert resumed.stderr.count("not as in the run") == 1
