"""Which runs satisfy a predicate over their facts, arguments and last values."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from flor.entities import Run
from flor.query import predicate as where
from flor.query.text import record

FACTS = ("run", "projid", "tstamp", "filename", "status", "rank_count", "duration_s", "version")
_INT64 = range(-(1 << 63), 1 << 63)
_PLAIN = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string(), date: pa.date32()}


def matching(runs: Sequence[Run], predicate: str) -> tuple[Run, ...]:
    """The runs that satisfy the predicate.

    A name that is an argument and a logged value stands for the value where a run has one, and one that is
    also a fact of every run is written NAME_logged, as in a data frame.

    Raises:
        QueryError: the predicate cannot be understood.
    """
    if not runs:
        return ()
    rows = [columns_of(run) for run in runs]
    names = list(dict.fromkeys([*FACTS, *(name for row in rows for name in row)]))
    asked = where.referenced(predicate, names) or FACTS[:1]
    table = pa.table({name: column([row.get(name) for row in rows]) for name in asked})
    kept = where.satisfied(predicate, table)
    return tuple(run for run, is_kept in zip(runs, kept, strict=True) if is_kept)


def columns_of(run: Run) -> dict[str, Any]:
    """What a predicate can say of a run, by name."""
    facts = {name: getattr(run, name) for name in FACTS} | {"status": run.status.value}
    return {_column_name(name): value for name, value in {**run.args, **run.values}.items()} | facts


def _column_name(name: str) -> str:
    return f"{name}_logged" if name in FACTS else name


def column(cells: Sequence[Any]) -> pa.Array:
    """The cells with one type where they have one, else each with its own."""
    types = {_type_of(cell) for cell in cells if cell is not None}
    if not types:
        return pa.array(cells, pa.string())
    only = types.pop()
    if not types and only is not None:
        return pa.array(cells, only)
    return pa.array([None if cell is None else record(cell) for cell in cells], where.MIXED)


def _type_of(cell: Any) -> pa.DataType | None:
    if isinstance(cell, datetime):
        return pa.timestamp("us") if cell.tzinfo is None else None
    if type(cell) is int and cell not in _INT64:
        return None
    return _PLAIN.get(type(cell))
