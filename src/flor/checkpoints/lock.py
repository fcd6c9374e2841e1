"""Who may change a checkpoint store: those who add to it together, or one who takes out.

A checkpoint may rest on blobs that an older pack has: nothing may be taken out between the moment its writer
looks for them and the moment its manifest is in place.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NAME = "packs.lock"

State = tuple[int, int]
"""Differs whenever something was taken out."""


@contextmanager
def adding(folder: Path) -> Iterator[State]:
    """Nothing is taken out meanwhile."""
    with _held(folder, fcntl.LOCK_SH) as file:
        yield _state(file)


@contextmanager
def taking_out(folder: Path) -> Iterator[None]:
    """Nobody else adds or takes out meanwhile; whoever adds later looks again at what is there."""
    with _held(folder, fcntl.LOCK_EX) as file:
        try:
            yield
        finally:
            file.write(b".")


@contextmanager
def _held(folder: Path, how: int) -> Iterator[BinaryIO]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("ab", buffering=0) as file:
        # Some network file systems have no locks; there only the age of packs protects them.
        with suppress(OSError):
            fcntl.flock(file, how)
        try:
            yield file
        finally:
            # Not by closing alone: a child forked meanwhile (a loader's worker) has the file open as well.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


def _state(file: BinaryIO) -> State:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size
