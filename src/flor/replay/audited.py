"""Keeps which versions were audited, a JSON line each: what was proved once is not proved again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from flor.replay import json_lines
from flor.runs.layout import Layout

_NAME = "replay-audits.jsonl"


class _Line(msgspec.Struct, frozen=True):
    version: str
    changes: tuple[str, ...]


def path_of(layout: Layout) -> Path:
    """The file; it can be deleted at any time."""
    return layout.cache / _NAME


def read(layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """The versions in whose audits all agreed, and which conditions had changed since their runs by then."""
    return {line.version: line.changes for line in json_lines.read(path_of(layout), _Line)}


def add(layout: Layout, version: str, changes: Sequence[str]) -> None:
    """Note a version.

    Raises:
        OSError: it cannot be written.
    """
    json_lines.add(path_of(layout), [_Line(version, tuple(changes))])
