"""Keeps how long segments took beside what was estimated, a JSON line each: estimates learn from it."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flor.replay.planning.costs import Outcome, Parts
from flor.runs.layout import Layout

_MOST_LINES = 2_000
_NAME = "replay-times.jsonl"


class _Line(msgspec.Struct, frozen=True):
    script: str
    estimated: tuple[float, float, float]
    actual: tuple[float, float, float]


def path_of(layout: Layout) -> Path:
    """The file; it can be deleted at any time."""
    return layout.cache / _NAME


def read(layout: Layout) -> list[Outcome]:
    """The outcomes, the newest last; lines that cannot be read are passed over."""
    try:
        lines = path_of(layout).read_bytes().splitlines()
    except OSError:
        return []
    return [outcome for line in lines[-_MOST_LINES:] if (outcome := _outcome(line)) is not None]


def _outcome(line: bytes) -> Outcome | None:
    try:
        found = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Outcome(found.script, Parts(*found.estimated), Parts(*found.actual))


def add(layout: Layout, outcomes: Iterable[Outcome]) -> None:
    """Append outcomes. Each process writes its lines at once, so that they do not mix with those of another.

    Raises:
        OSError: they cannot be written.
    """
    text = b"".join(_line(one) for one in outcomes)
    if not text:
        return
    layout.cache.mkdir(parents=True, exist_ok=True)
    file = os.open(path_of(layout), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, text)
    finally:
        os.close(file)


def _line(outcome: Outcome) -> bytes:
    line = _Line(outcome.script, _numbers(outcome.estimated), _numbers(outcome.actual))
    return msgspec.json.encode(line) + b"\n"


def _numbers(parts: Parts) -> tuple[float, float, float]:
    return tuple(round(each, 6) for each in (parts.startup_s, parts.loading_s, parts.executing_s))  # type: ignore[return-value]
