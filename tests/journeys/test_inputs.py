"""The files that a run read: compared with today's, and put where a replay executes."""

import os
from pathlib import Path

import pytest

from flor.replay import inputs
from flor.replay.inputs import InputChange, Provided
from journeys.remembered import contents, files_of, given, settle
from workplace import Workplace

READS = """
    import flor, pathlib
    for name in ("tracked.csv", "data/kept.csv", "data/other.csv", {outside!r}, ".env"):
        flor.log("content", pathlib.Path(name).read_text())
    pathlib.Path("own.txt").write_text("own")
    pathlib.Path("own.txt").read_text()
"""


@pytest.fixture
def read(place: Workplace, tmp_path: Path) -> Workplace:
    """A project in which a run has read files of every kind."""
    given(place, ".gitignore", "data/\n.env\n")
    given(place, "tracked.csv", "tracked")
    place.git("add", ".gitignore", "tracked.csv")
    place.git("commit", "--quiet", "-m", "data")
    for name in ("data/kept.csv", "data/other.csv", ".env"):
        given(place, name, name)
    outside = tmp_path / "outside.csv"
    outside.write_text("outside")
    settle()
    place.run(READS.format(outside=str(outside)))
    return place


def check(place: Workplace) -> list[InputChange]:
    return inputs.check(files_of(place), place.root, place.layout)


def provide(place: Workplace, folder: Path) -> Provided:
    """In a folder with the code version."""
    if not folder.exists():
        place.git("worktree", "add", "--quiet", "--detach", str(folder), str(place.only_run().version))
    return inputs.provide(files_of(place), folder, place.root, place.layout)


def test_nothing_has_changed(read: Workplace) -> None:
    assert check(read) == []


def test_what_has_changed_or_gone_is_named(read: Workplace, tmp_path: Path) -> None:
    given(read, "tracked.csv", "TRACKED")
    given(read, "data/kept.csv", "longer than before")
    (read.root / "data" / "other.csv").unlink()
    (tmp_path / "outside.csv").write_text("OUTSIDE")
    given(read, ".env", "x")

    found = {change.path: (change.reason, change.is_kept) for change in check(read)}

    assert found["tracked.csv"] == ("its content has changed", True)
    assert found["data/kept.csv"] == ("its size was 13 bytes and is 18", True)
    assert found["data/other.csv"] == ("it is gone", True)
    assert found[str(tmp_path / "outside.csv")] == ("its content has changed", False)
    assert found[".env"][0].startswith("it may have changed")
    assert len(found) == 5


def test_the_same_content_under_another_time_is_no_change(read: Workplace) -> None:
    given(read, "data/kept.csv", "data/kept.csv", age_s=5)

    assert check(read) == []


def test_a_replay_gets_the_files_as_they_were_read(read: Workplace, tmp_path: Path) -> None:
    given(read, "data/kept.csv", "changed")
    (read.root / "data" / "other.csv").unlink()
    folder = tmp_path / "worktree"

    done = provide(read, folder)

    assert done.lacking == ()
    assert set(done.paths) == {"tracked.csv", "data/kept.csv", "data/other.csv", ".env"}
    there = contents(folder)
    assert there["data/kept.csv"] == b"data/kept.csv"
    assert there["data/other.csv"] == b"data/other.csv"
    assert there["tracked.csv"] == b"tracked"
    assert "own.txt" not in there


def test_nothing_that_is_written_there_reaches_what_was_kept_or_the_users_files(
    read: Workplace, tmp_path: Path
) -> None:
    folder, before = tmp_path / "worktree", contents(read.root)
    kept = {path.name: path.read_bytes() for path in read.layout.files.rglob("*") if path.is_file()}
    provide(read, folder)

    for path in (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts):
        with path.open("r+b") as file:
            file.write(b"OVERWRITTEN")

    assert contents(read.root) == before
    assert {path.name: path.read_bytes() for path in read.layout.files.rglob("*") if path.is_file()} == kept
    assert provide(read, folder).lacking == ()
    assert contents(folder)["data/kept.csv"] == b"data/kept.csv"


def test_links_in_the_code_version_lead_no_write_out_of_the_folder(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "x.csv").write_text("shared")
    os.symlink(tmp_path / "shared", place.root / "data")
    os.symlink("README", place.root / "inside")
    place.git("add", "data", "inside")
    place.git("commit", "--quiet", "-m", "links")
    settle()
    place.run("import flor\nflor.log('a', open('data/x.csv').read())\nflor.log('b', open('inside').read())")
    folder = tmp_path / "worktree"

    done = provide(place, folder)

    assert done.lacking == ()
    assert not (folder / "data").is_symlink()
    (folder / "data" / "x.csv").write_text("written")
    assert (tmp_path / "shared" / "x.csv").read_text() == "shared"


def test_what_cannot_be_had_any_more_is_lacking(read: Workplace, tmp_path: Path) -> None:
    given(read, "data/kept.csv", "changed")
    (tmp_path / "outside.csv").unlink()
    given(read, ".env", "changed")
    for path in read.layout.files.rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")

    done = provide(read, tmp_path / "worktree")

    secret = "its name is that of a secret or excluded"
    assert {change.path: change.reason for change in done.lacking} == {
        ".env": f"it may have changed: the run did not keep its hash ({secret})",
        "data/kept.csv": "its size was 13 bytes and is 7",
        str(tmp_path / "outside.csv"): "it is gone",
    }
    assert (tmp_path / "worktree" / "data" / "other.csv").read_text() == "data/other.csv"


def test_what_the_run_read_before_it_overwrote_it_itself_is_provided(
    place: Workplace, tmp_path: Path
) -> None:
    given(place, "state.txt", "before")
    settle()
    place.run(
        """
        import flor, pathlib, time
        flor.log("a", pathlib.Path("state.txt").read_text())
        time.sleep(0.6)
        pathlib.Path("state.txt").write_text("after")
        """
    )

    done = provide(place, tmp_path / "worktree")

    assert done.lacking == ()
    assert (tmp_path / "worktree" / "state.txt").read_text() == "before"


def test_what_nobody_knows_is_no_input_that_is_the_same(place: Workplace, tmp_path: Path) -> None:
    given(place, "state.txt", "before")
    settle()
    place.run(
        """
        import flor, pathlib
        flor.log("a", pathlib.Path("state.txt").read_text())
        pathlib.Path("state.txt").write_text("after")
        """
    )

    [change] = check(place)
    assert change.reason.startswith("nobody knows what the run read")
    assert provide(place, tmp_path / "worktree").lacking == (InputChange("state.txt", change.reason),)
