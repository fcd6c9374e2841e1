"""A DataFrame to a table, and a table or DataFrame to a file."""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from flor.cli import render
from flor.cli.console import Console
from flor.cli.render import Table
from flor.errors import FlorError

_ESCAPE = "backslashreplace"  # a lone surrogate has no UTF-8


class NotWritten(FlorError):
    """The file the user asked for cannot be written."""


def add_outputs(parser: ArgumentParser) -> None:
    """Add `--csv`, `--parquet` and `--json`, of which one may be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--csv", metavar="FILE", help="write all rows to FILE (- for standard output)")
    group.add_argument("--parquet", metavar="FILE", help="write all rows to FILE")
    group.add_argument("--json", action="store_true", help="print one JSON object a row")


def deliver(frame: pd.DataFrame, arguments: Namespace, console: Console, *, newest: bool = True) -> None:
    """Print the frame, or write it to the file that was asked for."""
    if arguments.parquet:
        write_parquet(frame, Path(arguments.parquet))
    else:
        deliver_table(table_of(frame), arguments, console, newest=newest)


def deliver_table(table: Table, arguments: Namespace, console: Console, *, newest: bool = True) -> None:
    """Print the table, or write it to the CSV file that was asked for."""
    if arguments.json:
        console.json(render.records(table))
    elif arguments.csv == "-":
        console.line(_csv_text(table))
    elif arguments.csv:
        write_csv(table, Path(arguments.csv))
    else:
        console.table(table, newest=newest)


def table_of(frame: pd.DataFrame) -> Table:
    """The frame's cells as Python values, None where there is none."""
    columns = [_cells(frame.iloc[:, position]) for position in range(frame.shape[1])]
    return Table(tuple(map(str, frame.columns)), list(zip(*columns, strict=True)))


def _cells(column: "pd.Series[Any]") -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(value) else value.to_pydatetime() for value in column]
    if pd.api.types.is_extension_array_dtype(column):
        return [None if value is pd.NA else value for value in column.tolist()]
    return column.tolist()


def write_csv(table: Table, path: Path) -> None:
    """Write all rows, in full precision."""
    with (
        _replacing(path) as part,
        part.open("w", encoding="utf-8", newline="", errors=_ESCAPE) as file,
    ):
        csv.writer(file).writerows(_csv_rows(table))


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write all rows; columns of mixed or nested values, which Parquet has no type for, become text."""
    whole = frame.copy(deep=False)
    for name, column in frame.items():
        if column.dtype == object:
            whole[name] = _as_text(column)
    with _replacing(path) as part:
        whole.to_parquet(part, index=False)


def _as_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.map(lambda value: None if value is None else render.text(value))


def _csv_rows(table: Table) -> Iterator[Sequence[str]]:
    yield table.columns
    for row in table.rows:
        yield [render.text(value) for value in row]


def _csv_text(table: Table) -> str:
    buffer = StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(_csv_rows(table))
    return buffer.getvalue().removesuffix("\n")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place at the end, so that no half-written one is left."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror}.", "Name another file.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
