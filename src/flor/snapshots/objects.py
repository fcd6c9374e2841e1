"""Reads git objects by their names, many through one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from flor.snapshots import git
from flor.snapshots.git import Pipes
from flor.snapshots.repository import Repository

_PIECE_BYTES = 1 << 20


class Objects:
    """Asks one running `git cat-file --batch`."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    def read(self, name: str, limit_bytes: int | None = None) -> bytes | None:
        """The content of the object; None where it is missing or larger than the limit."""
        self._pipes.requests.write(name.encode() + b"\n")
        self._pipes.requests.flush()
        header = self._pipes.answers.readline().split()
        if len(header) != 3:
            return None
        size = int(header[2])
        if limit_bytes is None or size <= limit_bytes:
            return self._pipes.answers.read(size + 1)[:-1]
        _skip(self._pipes.answers, size + 1)
        return None


@contextmanager
def opened(repository: Repository) -> Iterator[Objects]:
    """A reader whose process ends with the block."""
    with git.conversation(repository, "cat-file", "--batch") as pipes:
        yield Objects(pipes)


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0:
        count -= len(stream.read(min(count, _PIECE_BYTES)))
