"""Data frames of pandas as tables, and in Parquet files."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pandas as pd

from flor.cli import render, tabular
from flor.cli.console import Console
from flor.cli.render import Table


def deliver(frame: pd.DataFrame, arguments: Namespace, console: Console, *, newest: bool = True) -> None:
    """Print the frame, or write it to the file that was asked for."""
    if arguments.parquet:
        write_parquet(frame, Path(arguments.parquet))
    else:
        tabular.deliver(table_of(frame), arguments, console, newest=newest)


def table_of(frame: pd.DataFrame) -> Table:
    """The frame's cells as Python values, None where there is none."""
    columns = [_cells(frame.iloc[:, position]) for position in range(frame.shape[1])]
    return Table(tuple(map(str, frame.columns)), list(zip(*columns, strict=True)))


def _cells(column: "pd.Series[Any]") -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return [None if pd.isna(value) else value.to_pydatetime() for value in column]
    cells = column.tolist()
    if pd.api.types.is_extension_array_dtype(column):
        return [None if is_missing else value for value, is_missing in zip(cells, column.isna(), strict=True)]
    return cells


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write all rows; columns of mixed or nested values, which Parquet has no type for, become text."""
    whole = frame.copy(deep=False)
    for name, column in frame.items():
        if column.dtype == object:
            whole[name] = _as_text(column)
    with tabular.replacing(path) as part:
        whole.to_parquet(part, index=False)


def _as_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.map(lambda value: None if value is None else render.text(value))
