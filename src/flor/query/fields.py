"""The columns of records as numpy arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.entities import Kind, Run, Source, Verdict
from flor.errors import Unreadable
from flor.query.arrays import ABSENT, Flags, Numbers, Positions
from flor.runs import verdicts
from flor.runs.records import Chunk, LoopDefault

_COLUMNS = ["run", "rank", "process", "name", "path", "it", "kind", "source", "vf", "vi", "vs"]
_KINDS = {kind.name.lower(): int(kind) for kind in Kind}
_SOURCES = {source.name.lower(): int(source) for source in Source}
_VERDICTS = {verdict.value: place for place, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts, each distinct one once."""

    texts: tuple[str, ...]
    codes: Positions  # of each record, in `texts`; ABSENT for null

    def translated(self, meaning: Mapping[str, int]) -> Positions:
        """What each record's text means; ABSENT for null and for texts without a meaning."""
        # One more than there are texts: code -1 finds the last.
        table = [meaning.get(text, ABSENT) for text in self.texts]
        return np.array([*table, ABSENT], dtype=np.intp)[self.codes]

    def number_of(self, text: str) -> int:
        """The code of a text; where no record has it, a code that none has."""
        return self.texts.index(text) if text in self.texts else len(self.texts)


@dataclass(frozen=True)
class Fields:
    """Records of some runs, column by column: sorted by run, rank, process and order of execution."""

    runs: tuple[Run, ...]
    loops: tuple[Mapping[str, LoopDefault], ...]  # of each run
    run: NDArray[np.int32]
    rank: NDArray[np.int32]
    process: Numbers
    name: Coded
    path: Coded
    offset: NDArray[np.int32]  # where in `iterations` those of a record begin
    iterations: Numbers
    kind: NDArray[np.int8]
    source: NDArray[np.int8]
    vf: NDArray[np.float64]
    vi: Numbers
    _table: pa.Table

    @cached_property
    def vs(self) -> pa.LargeStringArray:
        """The texts; with 64-bit offsets, because one text can be lent to millions of rows."""
        return flat(self._table.column("vs").cast(pa.large_string()))

    @cached_property
    def has_vi(self) -> Flags:
        """Which records hold an integer of 64 bits."""
        return np.asarray(self._table.column("vi").is_valid(), dtype=np.bool_)

    @cached_property
    def verdict(self) -> NDArray[np.int8]:
        """How sure each record is, as its place in `Verdict`; ABSENT of those that are no answers."""
        if verdicts.COLUMN not in self._table.column_names:
            return np.full(len(self.rank), ABSENT, np.int8)
        return _coded(self._table.column(verdicts.COLUMN)).translated(_VERDICTS).astype(np.int8)

    def have_source(self, *sources: Source) -> Flags:
        """Which records come from one of these sources."""
        return np.isin(self.source, sources)


def fields(chunks: Sequence[Chunk]) -> Fields:
    """The records of all chunks, one run after the other.

    Raises:
        Unreadable: a record's iterations do not fit its path.
    """
    has_verdicts = all(verdicts.COLUMN in chunk.table.column_names for chunk in chunks)
    names = [*_COLUMNS, verdicts.COLUMN] if has_verdicts else _COLUMNS
    table = pa.concat_tables([chunk.table.select(names) for chunk in chunks]).unify_dictionaries()
    lists = flat(table.column("it"))
    path = _coded(table.column("path"))
    _check(path, np.diff(np.asarray(lists.offsets)))
    return Fields(
        runs=tuple(run for chunk in chunks for run in chunk.runs),
        loops=tuple(loops for chunk in chunks for loops in chunk.loops),
        run=_runs(chunks, _numbers(table, "run")),
        rank=_numbers(table, "rank"),
        process=_numbers(table, "process"),
        name=_coded(table.column("name")),
        path=path,
        offset=np.asarray(lists.offsets)[:-1],
        iterations=_buffer(lists.values, np.int64),
        kind=_coded(table.column("kind")).translated(_KINDS).astype(np.int8),
        source=_coded(table.column("source")).translated(_SOURCES).astype(np.int8),
        vf=_numbers(table, "vf"),
        vi=_numbers(table, "vi"),
        _table=table,
    )


def flat(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, without a copy where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _runs(chunks: Sequence[Chunk], run: NDArray[np.int32]) -> NDArray[np.int32]:
    """The runs of the records, counted through all chunks."""
    if len(chunks) == 1:
        return run
    before = np.cumsum([0, *(len(chunk.runs) for chunk in chunks[:-1])])
    all_runs: NDArray[Any] = run + np.repeat(before, [chunk.table.num_rows for chunk in chunks])
    return all_runs.astype(np.int32)


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    """The numbers of a column; where it is null, any."""
    column = flat(table.column(name))
    return _buffer(column, column.type.to_pandas_dtype())


def _buffer(array: pa.Array, dtype: Any) -> NDArray[Any]:
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.zeros(len(array), dtype)
    everything: NDArray[Any] = np.frombuffer(data, dtype, count=array.offset + len(array))
    return everything[array.offset :]


def _coded(column: pa.ChunkedArray) -> Coded:
    array = flat(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = array.indices.fill_null(ABSENT).to_numpy(zero_copy_only=False)
    return Coded(tuple(array.dictionary.to_pylist()), codes)


def _check(path: Coded, lengths: NDArray[Any]) -> None:
    depth = {text: text.count("/") + 1 if text else 0 for text in path.texts}
    if not np.array_equal(path.translated(depth), lengths):
        raise Unreadable(
            "The records of a run are damaged: iterations do not fit the loops they stand in.",
            "flor fsck names the file.",
        )
