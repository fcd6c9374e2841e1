"""Columns of several processes as one Arrow table with the columns of `schema.RECORDS`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flor.entities import Kind, Source
from flor.runs.decode import Columns, Contexts, Ints
from flor.runs.layout import JournalName
from flor.runs.records import LoopDefault
from flor.runs.schema import RECORDS

KIND_NAMES = [kind.name.lower() for kind in Kind]
SOURCE_NAMES = [source.name.lower() for source in Source]


@dataclass(frozen=True, slots=True)
class RunTable:
    """The records of one run."""

    table: pa.Table
    loops: dict[str, LoopDefault]


def build(processes: Sequence[tuple[JournalName, Columns]]) -> RunTable:
    """The records of the processes of one run, sorted by rank, process, seq."""
    ordered = sorted(processes, key=lambda pair: (pair[0].rank, pair[0].process))
    loops = _loop_defaults([columns.contexts for _, columns in ordered], [c for _, c in ordered])
    parts = [_table(name, _with_loop_rows(columns, loops)) for name, columns in ordered]
    table = pa.concat_tables(parts).unify_dictionaries() if parts else RECORDS.empty_table()
    return RunTable(table, loops)


def _table(name: JournalName, columns: Columns) -> pa.Table:
    count = len(columns.seq)
    contexts, kind = columns.contexts, columns.kind
    arrays = [
        pa.array(columns.seq),
        pa.array(columns.ts_us),
        pa.array(np.full(count, name.rank, np.int32)),
        pa.array(np.full(count, name.process, np.int64)),
        _dictionary(columns.name, columns.names, np.int32),
        _dictionary(contexts.path_of[columns.ctx], contexts.paths, np.int32),
        _iterations(contexts, columns.ctx),
        _dictionary(kind, KIND_NAMES, np.int8),
        _dictionary(columns.source, SOURCE_NAMES, np.int8),
        pa.array(columns.number.view(np.float64), mask=kind != Kind.FLOAT),
        pa.array(columns.number, mask=~_is_whole(columns)),
        _texts(columns.text, columns.texts),
    ]
    return pa.Table.from_arrays(arrays, schema=RECORDS)


def _is_whole(columns: Columns) -> npt.NDArray[np.bool_]:
    """Which rows have their value in `vi`: bools, and ints that fit."""
    is_whole: npt.NDArray[np.bool_] = (columns.kind == Kind.BOOL) | (columns.kind == Kind.INT)
    return is_whole & (columns.text < 0)


def _dictionary(codes: Ints, values: list[str], index_type: type[np.signedinteger]) -> pa.DictionaryArray:
    indices = pa.array(codes.astype(index_type), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))


def _texts(codes: Ints, values: list[str]) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(codes, mask=codes < 0))


def _iterations(contexts: Contexts, ctx: Ints) -> pa.ListArray:
    depth = contexts.depth[ctx]
    offsets = np.zeros(len(ctx) + 1, np.int64)
    np.cumsum(depth, out=offsets[1:])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], depth)
    numbers = contexts.numbers[np.repeat(contexts.starts[ctx], depth) + within]
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(numbers))


def _loop_defaults(contexts: Sequence[Contexts], columns: Sequence[Columns]) -> dict[str, LoopDefault]:
    """For each path what most of its iterations without a row of their own are worth."""
    votes: dict[str, int] = {}
    for some, rows in zip(contexts, columns, strict=True):
        bare = _bare(some, rows)
        weight = np.where(some.is_index[bare], 1, -1)
        totals = np.bincount(some.path_of[bare], weights=weight, minlength=len(some.paths))
        for path, total in zip(some.paths[1:], totals[1:].tolist(), strict=True):
            votes[path] = votes.get(path, 0) + int(total)
    return {path: "index" if total > 0 else "none" for path, total in votes.items()}


def _bare(contexts: Contexts, rows: Columns) -> Ints:
    """The iterations that have no row with their value."""
    has_row = np.zeros(len(contexts.depth), bool)
    has_row[rows.ctx[rows.source == Source.LOOP]] = True
    return np.flatnonzero(~has_row & (contexts.depth > 0))


def _with_loop_rows(columns: Columns, loops: dict[str, LoopDefault]) -> Columns:
    """The columns with a row for each iteration that differs from its path's default."""
    contexts = columns.contexts
    bare = _bare(contexts, columns)
    default = np.array([loops.get(path) == "index" for path in contexts.paths])
    odd = bare[contexts.is_index[bare] != default[contexts.path_of[bare]]]
    return _insert(columns, odd) if len(odd) else columns


def _insert(columns: Columns, ctx: Ints) -> Columns:
    contexts = columns.contexts
    last = contexts.numbers[contexts.starts[ctx] + contexts.depth[ctx] - 1]
    kind = np.where(contexts.is_index[ctx], int(Kind.INT), int(Kind.NULL))
    seq = np.concatenate([columns.seq, contexts.seq[ctx]])
    order = np.argsort(seq, kind="stable")
    nothing = np.full(len(ctx), -1, np.int64)

    def merged(old: Ints, new: Ints) -> Ints:
        return np.concatenate([old, new])[order]

    return Columns(
        seq=seq[order],
        ts_us=merged(columns.ts_us, np.zeros(len(ctx), np.int64)),
        name=merged(columns.name, nothing),
        names=columns.names,
        ctx=merged(columns.ctx, ctx),
        kind=merged(columns.kind, kind),
        source=merged(columns.source, np.full(len(ctx), int(Source.LOOP))),
        number=merged(columns.number, last - 1),
        text=merged(columns.text, nothing),
        texts=columns.texts,
        contexts=contexts,
    )
