"""The audit hook notes which files a program opens, and how; nothing else."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flor.record import startup


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    startup.note_anew()
    start = len(startup.opened)
    yield tmp_path
    del startup.opened[start:]
    startup.note_anew()


def noted(start: int) -> list[tuple[str, str | bytes]]:
    return [(kind, name) for kind, name, _, _ in startup.opened[start:]]


def test_the_ways_in_which_a_file_is_opened(folder: Path) -> None:
    start = len(startup.opened)
    for mode in ("w", "r", "a", "r+", "x+"):
        open("new" if mode == "x+" else "file", mode).close()
    os.close(os.open("file", os.O_WRONLY | os.O_APPEND))
    os.close(os.open(b"b\xff", os.O_RDWR | os.O_CREAT))
    sqlite3.connect("data.db").close()
    os.replace("new", "newer")
    os.remove("newer")

    assert noted(start) == [
        ("w", "file"),
        ("r", "file"),
        ("a", "file"),
        ("u", "file"),
        ("w", "new"),
        ("w", b"b\xff"),  # it was not there: nothing could be read
        ("w", "data.db"),
        ("d", "new"),
        ("w", "newer"),
        ("d", "newer"),
    ]
    assert {where for *_, where in startup.opened[start:]} == {str(folder)}


def test_what_is_not_there_is_not_read(folder: Path) -> None:
    start = len(startup.opened)
    with pytest.raises(FileNotFoundError):
        open("file").close()
    assert noted(start) == []

    open("file", "w").close()
    open("file").close()
    assert noted(start) == [("w", "file"), ("r", "file")]


def test_a_name_counts_once_until_it_means_another_file(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "file").touch()
    (folder / "below" / "file").touch()
    start = len(startup.opened)
    for _ in range(3):
        open("file").close()
    os.chdir("below")
    open("file").close()

    assert [(name, Path(where).name) for _, name, _, where in startup.opened[start:]] == [
        ("file", folder.name),
        ("file", "below"),
    ]


def test_a_file_that_is_replaced_again_and_again_counts_once(folder: Path) -> None:
    start = len(startup.opened)
    for _ in range(3):
        (folder / "part").touch()
        os.replace("part", "whole")
    os.remove("whole")

    assert [pair for pair in noted(start) if pair[1] in ("part", "whole")] == [
        ("d", "part"),
        ("w", "whole"),
        ("d", "whole"),
    ]


def test_nothing_that_others_audit_raises_or_counts(folder: Path) -> None:
    start = len(startup.opened)
    for arguments in (
        (),
        ("x",),
        ([], "r", 0),
        (3, "r", 0),
        ("x", [], 0),
        (None, None, None),
        ("x", "r", 0, 0),
    ):
        sys.audit("open", *arguments)
    for event in (
        "os.rename",
        "os.remove",
        "os.link",
        "os.truncate",
        "sqlite3.connect",
        "os.chdir",
        "os.fork",
    ):
        sys.audit(event)
        sys.audit(event, *range(6))
    startup.forks.clear()

    assert noted(start) == []


def test_what_flor_opens_itself_does_not_count(folder: Path) -> None:
    import threading

    start = len(startup.opened)
    startup.ours.add(threading.get_ident())
    open("file", "w").close()
    startup.ours.discard(threading.get_ident())
    open("file").close()

    assert noted(start) == [("r", "file")]
