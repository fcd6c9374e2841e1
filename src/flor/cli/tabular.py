"""Tables as the command line delivers them: printed, as JSON, or in a CSV file."""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

from flor.cli import render
from flor.cli.console import Console
from flor.cli.table import Table
from flor.errors import FlorError

_ESCAPE = "backslashreplace"  # a lone surrogate has no UTF-8


class NotWritten(FlorError):
    """The file the user asked for cannot be written."""


def add_outputs(parser: ArgumentParser, noun: str, *, parquet: bool = False) -> None:
    """Add `--csv`, `--json` and perhaps `--parquet`, of which one may be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--csv", metavar="FILE", help=f"write all {noun}s to FILE (- for standard output)")
    group.add_argument("--json", action="store_true", help=f"print one JSON object a {noun}")
    if parquet:
        group.add_argument("--parquet", metavar="FILE", help=f"write all {noun}s to FILE")


def deliver(table: Table, arguments: Namespace, console: Console, *, newest: bool = True) -> None:
    """Print the table, or write it to the CSV file that was asked for."""
    if arguments.json:
        console.json(table.records())
    elif arguments.csv == "-":
        console.line(_csv_text(table))
    elif arguments.csv:
        write_csv(table, Path(arguments.csv))
    else:
        console.table(table, newest=newest)


def write_csv(table: Table, path: Path) -> None:
    """Write all rows, in full precision."""
    with (
        replacing(path) as part,
        part.open("w", encoding="utf-8", newline="", errors=_ESCAPE) as file,
    ):
        csv.writer(file).writerows(_csv_rows(table))


def _csv_rows(table: Table) -> Iterator[Sequence[str]]:
    yield table.columns
    for row in table.rows:
        yield [render.text(value) for value in row]


def _csv_text(table: Table) -> str:
    buffer = StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(_csv_rows(table))
    return buffer.getvalue().removesuffix("\n")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
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
