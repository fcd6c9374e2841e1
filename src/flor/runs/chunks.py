"""Records from sealed files and living processes, several small runs in one table."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from flor.entities import Run, Source
from flor.errors import Unreadable
from flor.runs.layout import Layout, SealedName
from flor.runs.records import Chunk, LoopDefault
from flor.runs.schema import RECORDS
from flor.runs.tables import RunTable, array

CHUNK_ROWS = 1_000_000
"""Small runs are put together up to this many rows; a larger run is a chunk of its own."""

RunSource = tuple[Run, Mapping[str, LoopDefault], Sequence[SealedName], RunTable | None]


def read(
    layout: Layout,
    wanted: Sequence[RunSource],
    names: Collection[str] | None,
    sources: Collection[Source],
    columns: Collection[str] | None,
) -> Iterator[Chunk]:
    """See `Catalog.chunks`.

    Raises:
        Unreadable: a sealed file is damaged.
    """
    kept = [name for name in RECORDS.names if columns is None or name in columns]
    needed = [name for name in RECORDS.names if name in {*kept, "name", "source", "rank", "process", "seq"}]
    batch: list[tuple[Run, Mapping[str, LoopDefault], pa.Table]] = []
    for run, loops, parts, live in wanted:
        table = _select(_run_table(layout, parts, live, needed), names, sources)
        if batch and sum(len(one) for *_, one in batch) + len(table) > CHUNK_ROWS:
            yield _chunk(batch, kept)
            batch = []
        batch.append((run, loops, table))
    if batch:
        yield _chunk(batch, kept)


def read_sealed(path: Path, columns: Sequence[str]) -> pa.Table:
    """The columns of one sealed file.

    Raises:
        Unreadable: the file is damaged.
    """
    try:
        return pq.ParquetFile(path).read(columns=list(columns), use_threads=False)
    except (OSError, ValueError) as error:
        hint = "Run `python -m flor fsck` for the extent of the damage."
        raise Unreadable(f"{path} cannot be read: {error}", hint) from error


def _run_table(
    layout: Layout, parts: Sequence[SealedName], live: RunTable | None, columns: list[str]
) -> pa.Table:
    tables = [read_sealed(layout.sealed_file(name), columns) for name in parts]
    if live:
        tables.append(live.table.select(columns))
    if len(tables) == 1:
        return tables[0].replace_schema_metadata(None)
    together = pa.concat_tables(
        [table.replace_schema_metadata(None) for table in tables]
    ).unify_dictionaries()
    return together.sort_by([("rank", "ascending"), ("process", "ascending"), ("seq", "ascending")])


def _select(table: pa.Table, names: Collection[str] | None, sources: Collection[Source]) -> pa.Table:
    mask = _is_one_of(table["source"], {source.name.lower() for source in sources})
    if names is not None:
        mask &= _is_one_of(table["name"], set(names), also_null=True)
    return table if mask.all() else table.filter(_mask(mask))


def _mask(wanted: npt.NDArray[np.bool_]) -> pa.BooleanArray:
    bits = pa.py_buffer(np.packbits(wanted, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.bool_(), len(wanted), [None, bits])


def _is_one_of(
    column: pa.ChunkedArray, wanted: Collection[str], also_null: bool = False
) -> npt.NDArray[np.bool_]:
    found = [np.zeros(0, bool)]
    for piece in column.chunks:
        is_wanted = np.array([value in wanted for value in piece.dictionary.to_pylist()] + [also_null], bool)
        found.append(is_wanted[piece.indices.fill_null(len(piece.dictionary)).to_numpy(zero_copy_only=False)])
    return np.concatenate(found)


def _chunk(batch: Sequence[tuple[Run, Mapping[str, LoopDefault], pa.Table]], columns: Sequence[str]) -> Chunk:
    positions = np.repeat(np.arange(len(batch), dtype=np.int32), [len(table) for *_, table in batch])
    together = pa.concat_tables([table for *_, table in batch]).unify_dictionaries().select(list(columns))
    together = together.append_column("run", array(positions))
    return Chunk(tuple(run for run, *_ in batch), together, tuple(loops for _, loops, _ in batch))
