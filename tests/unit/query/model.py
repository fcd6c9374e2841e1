"""What a data frame is, in plain Python and in the simplest possible way: the rules as they are told.

It is slow (it compares every context with every other) and knows nothing of how the pivot works.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

NOTHING: Any = type("Nothing", (), {"__repr__": lambda self: "NOTHING"})()
"""A cell without a value."""

TEXT = str(pd.Series(["a"]).dtype)
"""The type that this version of pandas gives to text."""


@dataclass(frozen=True)
class Step:
    """One iteration of one loop."""

    loop: str
    occurrence: int
    iteration: int  # counting from 1
    value: Any = field(default=NOTHING, compare=False)


@dataclass(frozen=True)
class Context:
    """One place in the execution of a run."""

    run: int
    rank: int
    process: int
    steps: tuple[Step, ...]

    def is_around(self, other: Context) -> bool:
        """Whether `other` is further inside; children are inside the run level of their main process."""
        if (self.run, self.rank) != (other.run, other.rank) or self == other:
            return False
        if self.process == other.process:
            return other.steps[: len(self.steps)] == self.steps
        return self.process == 0 and not self.steps

    @property
    def loops(self) -> list[tuple[str, int]]:
        """The loop columns: names, and how many loops of that name this one is inside of, itself included."""
        names = [step.loop for step in self.steps]
        return [(name, names[: depth + 1].count(name)) for depth, name in enumerate(names)]


@dataclass(frozen=True, eq=False)
class Record:
    """One logged value."""

    position: int  # order of execution, processes one after the other
    context: Context
    name: str
    value: Any
    source: str = "log"
    verdict: str | None = None  # of a value of hindsight


@dataclass(frozen=True)
class Recorded:
    """One run."""

    projid: str
    tstamp: dt.datetime
    filename: str
    records: tuple[Record, ...]
    facts: dict[str, str] = field(default_factory=dict)  # what a predicate may also mention


@dataclass(frozen=True)
class Row:
    """One row: a context, and which of its rows."""

    context: Context
    occasion: int
    cells: dict[str, Record | None]
    own: frozenset[Record]


class Model:
    """The rows that a query for `names` has, where these records are all there are."""

    def __init__(
        self, runs: Sequence[Recorded], names: Sequence[str], wanted: Callable[[Record], bool]
    ) -> None:
        self.runs = runs
        self.names = names
        self.records = [one for run in runs for one in run.records if one.name in names and wanted(one)]

    @cached_property
    def iterated(self) -> dict[Context, Any]:
        """What each iteration stands for; of one that was executed several times the last."""
        steps = [one.context for run in self.runs for one in run.records]
        return {
            replace(context, steps=context.steps[:depth]): context.steps[depth - 1].value
            for context in steps
            for depth in range(1, len(context.steps) + 1)
        }

    @cached_property
    def held(self) -> dict[Context, dict[str, list[Record]]]:
        found: dict[Context, dict[str, list[Record]]] = {}
        for record in self.records:
            found.setdefault(record.context, {}).setdefault(record.name, []).append(record)
        return found

    def own(self, context: Context, name: str) -> list[Record]:
        return self.held.get(context, {}).get(name, [])

    def value(self, context: Context, name: str) -> Record | None:
        """The context's last value, else that of the nearest context around it."""
        for depth in range(len(context.steps), -1, -1):
            around = self.own(
                Context(context.run, context.rank, context.process, context.steps[:depth]), name
            )
            if around:
                return around[-1]
        if context.process == 0:
            return None
        lent = self.own(Context(context.run, context.rank, 0, ()), name)
        return next((record for record in reversed(lent) if record.source == "arg"), None)

    @cached_property
    def contexts(self) -> list[Context]:
        """The contexts that have rows: those of which a value appears on no deeper row."""
        result: list[Context] = []
        # Deeper ones first; children before their main process.
        for context in sorted(self.held, key=lambda one: (-len(one.steps), one.process == 0)):
            deeper = [other for other in result if context.is_around(other)]
            shown = {self.value(other, name) for other in deeper for name in self.names}
            if any(record not in shown for records in self.held[context].values() for record in records):
                result.append(context)
        return result

    @cached_property
    def rows(self) -> list[Row]:
        found: list[tuple[Any, Row]] = []
        for context in self.contexts:
            held = self.held[context]
            seen: set[Record] = set()
            for occasion in range(max(map(len, held.values()))):
                cells = {name: self.cell(context, name, occasion) for name in self.names}
                own = {cell for name, cell in cells.items() if cell and name in held}
                first = min(record.position for record in own - seen)
                seen |= own
                when = (self.runs[context.run].tstamp, context.rank, context.process, first)
                found.append((when, Row(context, occasion, cells, frozenset(own))))
        return [row for _, row in sorted(found, key=lambda pair: pair[0])]

    def cell(self, context: Context, name: str, occasion: int) -> Record | None:
        own = self.own(context, name)
        if not own:
            return self.value(context, name)
        if len(own) == 1:
            return own[0]
        return own[occasion] if occasion < len(own) else None


@dataclass(frozen=True)
class Column:
    """One column of a frame: the type that pandas gives it, and its cells."""

    dtype: str
    cells: list[Any]


def frame(
    runs: Sequence[Recorded],
    names: Sequence[str],
    *,
    has_sources: bool = False,
    has_ranks: bool = False,
    where: Callable[[dict[str, Any]], bool] | None = None,
    mentioned: Sequence[str] = (),
) -> dict[str, Column]:
    """The columns by title; `where` is told the cells of a row by title, and mentions these names."""
    is_run_level = not names
    names = list(dict.fromkeys(names)) or _names_of_the_run_level(runs, has_ranks)

    def is_asked(record: Record) -> bool:
        return (has_ranks or record.context.rank == 0) and not (is_run_level and record.context.steps)

    def is_needed(record: Record) -> bool:
        return is_asked(record) or (record.name in mentioned and (has_ranks or record.context.rank == 0))

    model = Model(runs, names, is_asked)
    rows = model.rows
    if where:
        joined = Model(runs, list(dict.fromkeys([*names, *mentioned])), is_needed)
        cells = _by_title(joined, joined.rows, has_ranks, has_sources=True)
        facts = [runs[row.context.run].facts for row in joined.rows]
        told = [{**facts[i], **{title: cells[title][i] for title in cells}} for i in range(len(joined.rows))]
        satisfied = [row for row, known in zip(joined.rows, told, strict=True) if where(known)]
        rows = [row for row in rows if any(_is_kept_by(row, other) for other in satisfied)]
    return {
        title: Column(_dtype(title, cells), cells)
        for title, cells in _by_title(model, rows, has_ranks, has_sources).items()
    }


def _names_of_the_run_level(runs: Sequence[Recorded], has_ranks: bool) -> list[str]:
    ordered = [one for run in sorted(runs, key=lambda run: run.tstamp) for one in run.records]
    wanted = [one for one in ordered if not one.context.steps and (has_ranks or one.context.rank == 0)]
    return list(dict.fromkeys(one.name for one in wanted))


def _is_kept_by(row: Row, satisfied: Row) -> bool:
    if row.context.is_around(satisfied.context):
        return True
    return row.context == satisfied.context and row.own <= satisfied.own and _same_gaps(row, satisfied)


def _same_gaps(row: Row, other: Row) -> bool:
    return all(
        other.cells[name] is cell for name, cell in row.cells.items() if cell is None or cell in row.own
    )


def _by_title(model: Model, rows: Sequence[Row], has_ranks: bool, has_sources: bool) -> dict[str, list[Any]]:
    """The cells of every column, in the order of the columns."""
    columns: dict[str, list[Any]] = {}
    for fact in ("projid", "tstamp", "filename"):
        columns[fact] = [getattr(model.runs[row.context.run], fact) for row in rows]
    if has_ranks:
        columns["rank"] = [row.context.rank for row in rows]
    if any(row.context.process for row in rows):
        columns["process"] = [row.context.process or NOTHING for row in rows]
    loops = _loop_columns(rows)
    for loop, title in _titled(loops, set(columns)).items():
        inside = [_iteration(row, loop) for row in rows]
        columns[title] = [one.steps[-1].iteration if one else NOTHING for one in inside]
        columns[f"{title}_value"] = [model.iterated[one] if one else NOTHING for one in inside]
    titles: dict[str, str] = {}
    for name in model.names:
        titles[name] = f"{name}_logged" if name in columns else name
    for name, title in titles.items():
        found = [row.cells[name] for row in rows]
        columns[title] = [record.value if record else NOTHING for record in found]
        if has_sources:
            columns[f"{title}_source"] = [record.source if record else NOTHING for record in found]
        if has_sources and any(record.verdict for record in model.records if record.name == name):
            columns[f"{title}_verdict"] = [record.verdict if record else NOTHING for record in found]
    return columns


def _iteration(row: Row, loop: tuple[str, int]) -> Context | None:
    """The iteration of a loop that the row stands in."""
    context = row.context
    if loop not in context.loops:
        return None
    return replace(context, steps=context.steps[: context.loops.index(loop) + 1])


def _loop_columns(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Outermost first, first seen first."""
    nestings = list(dict.fromkeys(tuple(row.context.loops) for row in rows))
    left = list(dict.fromkeys(loop for nesting in nestings for loop in nesting))
    result: list[tuple[str, int]] = []
    while left:
        ready = [loop for loop in left if not any(_outer(nesting, loop) & set(left) for nesting in nestings)]
        result.append((ready or left)[0])
        left.remove(result[-1])
    return result


def _outer(nesting: tuple[tuple[str, int], ...], loop: tuple[str, int]) -> set[tuple[str, int]]:
    return set(nesting[: nesting.index(loop)]) if loop in nesting else set()


def _titled(loops: Sequence[tuple[str, int]], fixed: set[str]) -> dict[tuple[str, int], str]:
    titles = {(name, nesting): name if nesting == 1 else f"{name}_{nesting}" for name, nesting in loops}
    return {loop: f"{title}_loop" if title in fixed else title for loop, title in titles.items()}


def _dtype(title: str, cells: Sequence[Any]) -> str:
    """The type that holds these cells; a logged None is a gap."""
    if title == "tstamp":
        return "datetime64[us]"
    if title in ("projid", "filename") or title.endswith(("_source", "_verdict")):
        return TEXT
    if title == "rank" and not cells:
        return "int64"
    kinds = {type(cell) for cell in cells if cell is not NOTHING and cell is not None}
    has_gaps = any(cell is NOTHING or cell is None for cell in cells)
    if kinds == {int} and all(-(2**63) <= cell < 2**63 for cell in cells if type(cell) is int):
        return "Int64" if has_gaps else "int64"
    if kinds == {bool}:
        return "boolean" if has_gaps else "bool"
    return {float: "float64", str: TEXT}.get(kinds.pop(), "object") if len(kinds) == 1 else "object"
