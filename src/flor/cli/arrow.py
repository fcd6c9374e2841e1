"""Arrow tables as tables of the command line, and in Parquet files."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flor.cli import render, tabular
from flor.cli.console import Console
from flor.cli.table import Table
from flor.query.cells import MIXED, objects


def deliver(
    result: pa.Table,
    arguments: Namespace,
    console: Console,
    *,
    newest: bool = True,
) -> None:
    """Print the result, or write it to the file that was asked for."""
    plain = with_plain_numbers(result)
    if arguments.parquet:
        write_parquet(plain, Path(arguments.parquet))
    else:
        tabular.deliver(table_of(plain), arguments, console, newest=newest)


def table_of(result: pa.Table) -> Table:
    """The cells as Python values, None where there is none."""
    columns = [_cells(column) for column in result.columns]
    return Table(tuple(result.column_names), list(zip(*columns, strict=True)))


def write_parquet(result: pa.Table, path: Path) -> None:
    """Write all rows; columns of mixed or nested values, which other readers would not know, become text."""
    columns = [_writable(column) for column in result.columns]
    with tabular.replacing(path) as part:
        pq.write_table(pa.table(columns, names=result.column_names), part)


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if column.type == MIXED:
        mixed: list[Any] = objects(column, lambda blob: blob).tolist()
        return mixed
    plain: list[Any] = column.to_pylist()
    return plain


def _writable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type == MIXED:
        return pa.array([None if cell is None else render.text(cell) for cell in _cells(column)], pa.string())
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def with_plain_numbers(result: pa.Table) -> pa.Table:
    """The table with each column under a name of its own, and int64 and double for SQL's decimals.

    DuckDB sums integers in 128 bits; those that 64 bits do not hold stay decimals.
    """
    columns = [_plain(column) for column in result.columns]
    return pa.table(columns, names=_distinct(result.column_names))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_decimal(column.type):
        return column
    if column.type.scale:
        return column.cast(pa.float64())
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _distinct(names: list[str]) -> list[str]:
    """The names, those that stand there already numbered: `a`, `a_1`."""
    taken: list[str] = []
    for name in names:
        number, candidate = 0, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.append(candidate)
    return taken
