"""Keeps how long segments took beside what was estimated, a JSON line each: estimates learn from it."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from flor.replay import json_lines
from flor.replay.planning.costs import Outcome, Parts
from flor.runs.layout import Layout

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
    lines = json_lines.read(path_of(layout), _Line)
    return [Outcome(line.script, Parts(*line.estimated), Parts(*line.actual)) for line in lines]


def add(layout: Layout, outcomes: Iterable[Outcome]) -> None:
    """Append outcomes.

    Raises:
        OSError: they cannot be written.
    """
    lines = [_Line(one.script, _numbers(one.estimated), _numbers(one.actual)) for one in outcomes]
    json_lines.add(path_of(layout), lines)


def _numbers(parts: Parts) -> tuple[float, float, float]:
    return round(parts.startup_s, 6), round(parts.loading_s, 6), round(parts.executing_s, 6)
