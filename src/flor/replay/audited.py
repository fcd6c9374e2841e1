"""Keeps which versions were audited, a JSON line each: what was proved once is not proved again."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from flor.runs.layout import Layout

_MOST_LINES = 2_000
_NAME = "replay-audits.jsonl"


class _Line(msgspec.Struct, frozen=True):
    version: str
    changes: tuple[str, ...]


def path_of(layout: Layout) -> Path:
    """The file; it can be deleted at any time."""
    return layout.cache / _NAME


def read(layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """The versions in whose audits all agreed, and which conditions had changed since their runs by then."""
    try:
        lines = path_of(layout).read_bytes().splitlines()[-_MOST_LINES:]
    except OSError:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        try:
            one = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found[one.version] = one.changes
    return found


def add(layout: Layout, version: str, changes: Sequence[str]) -> None:
    """Note a version. Each process writes its line at once, so that it does not mix with those of another.

    Raises:
        OSError: it cannot be written.
    """
    layout.cache.mkdir(parents=True, exist_ok=True)
    file = os.open(path_of(layout), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, msgspec.json.encode(_Line(version, tuple(changes))) + b"\n")
    finally:
        os.close(file)
