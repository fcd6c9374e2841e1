"""A file of JSON lines in the cache, which several processes add to. It can be deleted at any time."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

_MOST_LINES = 2_000

Line = TypeVar("Line", bound=msgspec.Struct)


def read(path: Path, form: type[Line]) -> list[Line]:
    """The lines, the newest last; those that cannot be read are passed over."""
    try:
        lines = path.read_bytes().splitlines()[-_MOST_LINES:]
    except OSError:
        return []
    return [line for text in lines if (line := _decoded(text, form)) is not None]


def _decoded(text: bytes, form: type[Line]) -> Line | None:
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def add(path: Path, lines: Iterable[msgspec.Struct]) -> None:
    """Append lines. Each process writes its own at once, so that they do not mix with those of another.

    Raises:
        OSError: they cannot be written.
    """
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    if not text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, text)
    finally:
        os.close(file)
