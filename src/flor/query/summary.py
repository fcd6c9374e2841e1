"""What the records of a run hold: names with their counts, loops with their iterations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.query.paths import shape_of
from flor.runs.records import Chunk

COLUMNS = ("name", "path", "it", "kind", "source")
"""What is needed of records to summarize them."""


@dataclass(frozen=True, slots=True)
class NameSummary:
    """One name in one loop."""

    name: str
    path: str  # the loop as `epoch/step`, its occurrences taken together; "" at run level
    kinds: tuple[str, ...]
    sources: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class LoopSummary:
    """One loop that recorded something."""

    path: str
    iterations: int  # number of the last iteration that recorded something


@dataclass(frozen=True, slots=True)
class Summary:
    """The records of a run, counted."""

    record_count: int
    names: tuple[NameSummary, ...]
    loops: tuple[LoopSummary, ...]


@dataclass(slots=True)
class _Count:
    kinds: dict[str, None]
    sources: dict[str, None]
    count: int = 0


def summarize(chunks: Iterable[Chunk]) -> Summary:
    """Count the records, in the order in which names and loops first appear."""
    names: dict[tuple[str, str], _Count] = {}
    loops: dict[str, int] = {}
    for chunk in chunks:
        table = chunk.table.combine_chunks()
        for name, path, kind, source, count in _groups(table):
            entry = names.setdefault((name, path), _Count({}, {}))
            entry.kinds[kind] = entry.sources[source] = None
            entry.count += count
        for path, iterations in _iterations(table):
            loops[path] = max(loops.get(path, 0), iterations)
    return Summary(
        sum(entry.count for entry in names.values()),
        tuple(NameSummary(*key, tuple(e.kinds), tuple(e.sources), e.count) for key, e in names.items()),
        tuple(LoopSummary(*loop) for loop in sorted(loops.items())),
    )


def _groups(table: pa.Table) -> Iterator[tuple[str, str, str, str, int]]:
    keys = ["name", "path", "kind", "source"]
    named = table.select(keys).filter(table["name"].is_valid()).unify_dictionaries()
    counted = named.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    for row in counted.to_pylist():
        yield row["name"], "/".join(shape_of(row["path"])), row["kind"], row["source"], row["count_all"]


def _iterations(table: pa.Table) -> Iterator[tuple[str, int]]:
    """For each loop, also those around it, the number of its last iteration."""
    paths = _chunk(table["path"]).dictionary_encode() if table.num_rows else None
    if paths is None:
        return
    lists = _chunk(table["it"])
    starts = np.asarray(lists.offsets)[:-1]
    numbers = np.asarray(lists.values)
    codes = np.asarray(paths.indices)
    for code, rows in _rows_by_code(codes):
        loop = shape_of(paths.dictionary[code].as_py())
        for depth in range(len(loop)):
            yield "/".join(loop[: depth + 1]), int(numbers[starts[rows] + depth].max())


def _rows_by_code(codes: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    for rows in np.split(order, bounds):
        yield int(codes[rows[0]]), rows


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
