"""Pieces put together: the columns of a frame, by title, as Arrow arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from flor.entities import Run
from flor.query.arrays import Positions, ascends
from flor.query.batch import age_of
from flor.query.cells import united
from flor.query.fields import flat
from flor.query.naming import merged, titles
from flor.query.paths import Shape
from flor.query.piece import Piece

_TEXT, _TIME = pa.large_string(), pa.timestamp("us")


@dataclass(frozen=True, slots=True)
class Style:
    """Which columns a frame has besides those of its loops."""

    names: tuple[str, ...]
    has_ranks: bool = False
    has_sources: bool = False  # how values came to be, and how sure those of replays are
    reserved: tuple[str, ...] = ()  # further titles that no loop or name may have


def in_order(pieces: Sequence[Piece], style: Style) -> dict[str, pa.ChunkedArray]:
    """The columns of a frame with all rows of the pieces, in the order of their runs."""
    columns, order = together(pieces, style), _by_time(pieces)
    if order is None:
        return columns
    rows = pa.array(order)
    return {title: pa.chunked_array([flat(column).take(rows)]) for title, column in columns.items()}


def together(pieces: Sequence[Piece], style: Style) -> dict[str, pa.ChunkedArray]:
    """The same columns with the rows as they are, one piece after the other."""
    loops = merged(_shapes(pieces, _by_time(pieces)))
    columns = _fixed(pieces, style)
    title = titles([*columns, *style.reserved], loops, style.names)
    for loop in loops:
        columns[title.loops[loop]] = united([_part(piece, piece.iterations, loop) for piece in pieces])
        columns[title.loop_values[loop]] = united([_part(piece, piece.loop_values, loop) for piece in pieces])
    for name in style.names:
        columns[title.names[name]] = united([_part(piece, piece.values, name) for piece in pieces])
        if style.has_sources:
            sources = united([_part(piece, piece.sources, name) for piece in pieces])
            columns[title.sources[name]] = sources.cast(_TEXT)
        if any(name in piece.verdicts for piece in pieces):
            verdicts = united([_part(piece, piece.verdicts, name) for piece in pieces])
            columns[title.verdicts[name]] = verdicts.cast(_TEXT)
    return columns


def of_runs(pieces: Sequence[Piece], fact: Callable[[Run], Any], type_: pa.DataType) -> pa.ChunkedArray:
    """A column with a fact of each row's run."""
    dictionary = pa.dictionary(pa.int32(), type_)
    parts = [
        pa.DictionaryArray.from_arrays(
            pa.array(piece.run, dictionary.index_type), pa.array(map(fact, piece.runs), type_)
        )
        for piece in pieces
    ]
    return pa.chunked_array(parts, dictionary)


def _by_time(pieces: Sequence[Piece]) -> Positions | None:
    """The rows of all pieces in the order of their runs; None if they stand so."""
    runs = [run for piece in pieces for run in piece.runs]
    age = np.argsort(sorted(range(len(runs)), key=lambda number: age_of(runs[number])))
    before = np.cumsum([0, *(len(piece.runs) for piece in pieces)])
    ages = [age[piece.run + first] for piece, first in zip(pieces, before[:-1], strict=True)]
    row_age = np.concatenate([np.zeros(0, np.intp), *ages])
    return None if ascends(row_age) else np.argsort(row_age, kind="stable")


def _fixed(pieces: Sequence[Piece], style: Style) -> dict[str, pa.ChunkedArray]:
    """The columns that every frame has, and those of ranks and children if there are such."""
    columns = {
        "projid": of_runs(pieces, attrgetter("projid"), _TEXT),
        "tstamp": of_runs(pieces, attrgetter("tstamp"), _TIME),
        "filename": of_runs(pieces, attrgetter("filename"), _TEXT),
    }
    if style.has_ranks:
        columns["rank"] = pa.chunked_array([pa.array(piece.rank) for piece in pieces], pa.int64())
    if any(piece.process.any() for piece in pieces):
        parts = [pa.array(piece.process, mask=piece.process == 0) for piece in pieces]
        columns["process"] = pa.chunked_array(parts, pa.int64())
    return columns


def _shapes(pieces: Sequence[Piece], order: Positions | None) -> list[Shape]:
    """How loops are nested around the rows, as they come in the order of the rows."""
    number: dict[Shape, int] = {}
    parts = [np.array([number.setdefault(shape, len(number)) for shape in piece.shapes]) for piece in pieces]
    rows = [part[piece.shape] for part, piece in zip(parts, pieces, strict=True) if len(piece)]
    codes = np.concatenate([np.zeros(0, np.intp), *rows])
    present, first = np.unique(codes if order is None else codes[order], return_index=True)
    shapes = list(number)
    return [shapes[code] for code in present[np.argsort(first)]]


def _part(piece: Piece, columns: Mapping[Any, pa.Array], key: object) -> pa.Array:
    """A piece's part of a column; null where it has none."""
    return columns[key] if key in columns else pa.nulls(len(piece))
