"""Columns of several processes as one Arrow table with the columns of `schema.RECORDS`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flor.entities import Kind, Source
from flor.runs.decode import Columns, Ints, Loops
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


def build(
    processes: Sequence[tuple[JournalName, Columns]], known: Mapping[str, LoopDefault] | None = None
) -> RunTable:
    """The records of the processes of one run, sorted by rank, process, seq.

    Args:
        known: what other records of the run say of its loops, which holds for all.
    """
    ordered = sorted(processes, key=lambda pair: (pair[0].rank, pair[0].process))
    voted = _loop_defaults([columns.loops for _, columns in ordered])
    defaults = {path: (known or {}).get(path, default) for path, default in voted.items()}
    parts = [_table(name, _with_loop_rows(columns, defaults)) for name, columns in ordered]
    if not parts:
        return RunTable(RECORDS.empty_table(), defaults)
    together = parts[0] if len(parts) == 1 else pa.concat_tables(parts).unify_dictionaries()
    return RunTable(together, defaults)


def array(values: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A numpy array as an Arrow array, null where not `valid`.

    `pyarrow.array` would import pandas to ask whether this is one of its arrays: 0.5 s, and
    impossible while the interpreter ends.
    """
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    plain = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(plain.dtype), len(plain), [bitmap, pa.py_buffer(plain)])


def mask(wanted: npt.NDArray[np.bool_]) -> pa.BooleanArray:
    """Flags as an Arrow array, without pandas."""
    bits = pa.py_buffer(np.packbits(wanted, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.bool_(), len(wanted), [None, bits])


def numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """The numbers of a column, any where it is null, to be read only.

    Without pandas, which `to_numpy` would import.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dtype = column.type.to_pandas_dtype()
    if len(chunks) == 1:
        return _buffer(chunks[0], dtype)
    return np.concatenate([np.zeros(0, dtype), *(_buffer(chunk, dtype) for chunk in chunks)])


def codes(column: pa.DictionaryArray) -> Ints:
    """The position of each value in the dictionary; -1 for null."""
    found: Ints = numbers(column.indices).astype(np.int64)
    if column.null_count:
        bits = np.frombuffer(column.indices.is_valid().buffers()[1], np.uint8)
        found[np.unpackbits(bits, bitorder="little")[: len(found)] == 0] = -1
    return found


def _buffer(chunk: pa.Array, dtype: Any) -> npt.NDArray[Any]:
    return np.frombuffer(chunk.buffers()[1] or b"", dtype)[chunk.offset : chunk.offset + len(chunk)]


def strings(values: Sequence[str]) -> pa.Array:
    """Texts as an Arrow array, without pandas."""
    encoded = [value.encode("utf-8") for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(one) for one in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _table(name: JournalName, columns: Columns) -> pa.Table:
    count = len(columns.seq)
    loops, kind = columns.loops, columns.kind
    arrays = [
        array(columns.seq),
        array(columns.ts_us),
        array(np.full(count, name.rank, np.int32)),
        array(np.full(count, name.process, np.int64)),
        _dictionary(columns.name, strings(columns.names), np.int32),
        _dictionary(loops.path_of[columns.loop], strings(loops.paths), np.int32),
        _iterations(loops, columns.loop, columns.iteration),
        _dictionary(kind, _KINDS, np.int8),
        _dictionary(columns.source, _SOURCES, np.int8),
        array(columns.number.view(np.float64), kind == Kind.FLOAT),
        array(columns.number, _is_whole(columns)),
        strings(columns.texts).take(array(np.maximum(columns.text, 0), columns.text >= 0)),
    ]
    return pa.Table.from_arrays(arrays, schema=RECORDS)


def _is_whole(columns: Columns) -> npt.NDArray[np.bool_]:
    """Which rows have their value in `vi`: bools, and ints that fit."""
    is_whole: npt.NDArray[np.bool_] = (columns.kind == Kind.BOOL) | (columns.kind == Kind.INT)
    return is_whole & (columns.text < 0)


_KINDS, _SOURCES = strings(KIND_NAMES), strings(SOURCE_NAMES)


def _dictionary(codes: Ints, values: pa.Array, index_type: type[np.signedinteger]) -> pa.DictionaryArray:
    indices = array(np.maximum(codes, 0).astype(index_type), codes >= 0)
    return pa.DictionaryArray.from_arrays(indices, values)


def _iterations(loops: Loops, loop: Ints, iteration: Ints) -> pa.ListArray:
    """For each record the iterations around its loop, then its own."""
    depth = loops.depth[loop]
    offsets = np.zeros(len(loop) + 1, np.int32)
    np.cumsum(depth, out=offsets[1:])
    lengths = np.maximum(depth - 1, 0)
    begins = np.cumsum(lengths) - lengths
    numbers = np.empty(offsets[-1], np.int64)
    is_last = np.zeros(offsets[-1], bool)
    is_last[offsets[1:][depth > 0] - 1] = True
    numbers[is_last] = iteration[depth > 0]
    within = np.arange(int(lengths.sum())) - np.repeat(begins, lengths)
    numbers[~is_last] = loops.around[np.repeat(loops.starts[loop], lengths) + within]
    return pa.ListArray.from_arrays(array(offsets), array(numbers))


def _loop_defaults(processes: Sequence[Loops]) -> dict[str, LoopDefault]:
    """For each path what most of its loops say of their iterations' values."""
    votes: dict[str, int] = {}
    for loops in processes:
        weight = np.where(loops.is_index, 1, -1)
        totals = np.bincount(loops.path_of, weights=weight, minlength=len(loops.paths))
        for path, total in zip(loops.paths[1:], totals[1:].tolist(), strict=True):
            votes[path] = votes.get(path, 0) + int(total)
    return {path: "index" if total > 0 else "none" for path, total in votes.items()}


def _with_loop_rows(columns: Columns, defaults: dict[str, LoopDefault]) -> Columns:
    """The columns with a row for each iteration of a loop whose value would be taken for another one."""
    loops = columns.loops
    default = np.array([defaults.get(path) == "index" for path in loops.paths])
    is_odd = (loops.is_index != default[loops.path_of]) & (loops.depth > 0)
    has_value = columns.source == Source.LOOP
    is_lacking = is_odd | _is_repeated(columns, is_odd, has_value)
    if not is_lacking.any():
        return columns
    found = _first_rows(columns, is_lacking, set(_iterations_of(columns, has_value)))
    return _insert(columns, found) if found else columns


def _iterations_of(columns: Columns, wanted: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The loop and the iteration of each of these rows."""
    return list(zip(columns.loop[wanted].tolist(), columns.iteration[wanted].tolist(), strict=True))


def _first_rows(
    columns: Columns, is_wanted: npt.NDArray[np.bool_], known: Collection[tuple[int, int]]
) -> dict[tuple[int, int], int]:
    """Of each iteration of these loops that is not known, the first row in it, at whatever depth."""
    around = _around(columns.loops)
    is_concerned = is_wanted.copy()
    for loop, (parent, _) in enumerate(around):
        is_concerned[loop] |= is_concerned[parent]
    wanted = is_concerned[columns.loop]
    found: dict[tuple[int, int], int] = {}
    for inner, row in zip(_iterations_of(columns, wanted), np.flatnonzero(wanted).tolist(), strict=True):
        at = inner
        while at[0]:
            if is_wanted[at[0]] and at not in known:
                found.setdefault(at, row)
            at = around[at[0]]
    return found


def _around(loops: Loops) -> list[tuple[int, int]]:
    """Of each loop the loop around it and the iteration it stands in; the run level is loop 0."""
    latest: dict[tuple[str, bytes], int] = {}
    found = []
    for loop, depth in enumerate(loops.depth.tolist()):
        begin = int(loops.starts[loop])
        numbers = loops.around[begin : begin + max(depth - 1, 0)]
        path = loops.paths[loops.path_of[loop]]
        latest[path, numbers.tobytes()] = loop
        parent = latest.get((path.rpartition("/")[0], numbers[:-1].tobytes()), 0) if depth > 1 else 0
        found.append((parent, int(numbers[-1]) if depth > 1 else 0))
    return found


def _is_repeated(
    columns: Columns, is_odd: npt.NDArray[np.bool_], has_value: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """The loops that are executed where another one was before, of which rows of values would count on."""
    loops = columns.loops
    has_rows = is_odd.copy()
    has_rows[columns.loop[has_value]] = True
    on_path = np.isin(loops.path_of, loops.path_of[has_rows]) & (loops.depth > 0)
    seen, repeated = set(), np.zeros(len(has_rows), bool)
    for loop in np.flatnonzero(on_path).tolist():
        begin = int(loops.starts[loop])
        around = loops.around[begin : begin + int(loops.depth[loop]) - 1]
        place = int(loops.path_of[loop]), around.tobytes()
        repeated[loop] = place in seen
        if has_rows[loop]:
            seen.add(place)
    return repeated


def _insert(columns: Columns, first_rows: Mapping[tuple[int, int], int]) -> Columns:
    """The columns with the value of each of these iterations before its row, outer ones first."""
    keys = sorted(first_rows, key=lambda key: (first_rows[key], key))
    rows = np.array([first_rows[key] for key in keys], np.int64)
    loop, iteration = np.array(keys, np.int64).T
    is_index = columns.loops.is_index[loop]
    nothing = np.full(len(rows), -1, np.int64)

    def inserted(old: Ints, new: Ints) -> Ints:
        return np.insert(old, rows, new)

    return Columns(
        seq=inserted(columns.seq, columns.seq[rows]),
        ts_us=inserted(columns.ts_us, columns.ts_us[rows]),
        name=inserted(columns.name, nothing),
        names=columns.names,
        loop=inserted(columns.loop, loop),
        iteration=inserted(columns.iteration, iteration),
        kind=inserted(columns.kind, np.where(is_index, int(Kind.INT), int(Kind.NULL))),
        source=inserted(columns.source, np.full(len(rows), int(Source.LOOP))),
        number=inserted(columns.number, iteration - 1),
        text=inserted(columns.text, nothing),
        texts=columns.texts,
        loops=columns.loops,
    )
