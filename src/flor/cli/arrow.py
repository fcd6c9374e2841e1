"""Arrow tables as tables of the command line, and in Parquet files."""

from argparse import Namespace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flor.cli import tabular
from flor.cli.console import Console
from flor.cli.render import Table


def deliver(result: pa.Table, arguments: Namespace, console: Console, *, newest: bool = True) -> None:
    """Print the result, or write it to the file that was asked for."""
    plain = with_plain_numbers(result)
    if arguments.parquet:
        with tabular.replacing(Path(arguments.parquet)) as part:
            pq.write_table(plain, part)
    else:
        tabular.deliver(table_of(plain), arguments, console, newest=newest)


def table_of(result: pa.Table) -> Table:
    """The cells as Python values, None where there is none."""
    columns = [column.to_pylist() for column in result.columns]
    return Table(tuple(result.column_names), list(zip(*columns, strict=True)))


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
