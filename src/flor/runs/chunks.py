"""Records from sealed files and living processes, several small runs in one table."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flor.entities import Run, RunId, Source
from flor.errors import FlorWarning, Unreadable
from flor.runs import packs, parquet, verdicts
from flor.runs.layout import SEALED_SUFFIX, Layout
from flor.runs.metadata import Answered
from flor.runs.packs import Member
from flor.runs.records import Chunk, LoopDefault
from flor.runs.schema import RECORDS
from flor.runs.tables import RunTable, array, codes, mask, numbers

_SUPERSEDED = Source.SUPERSEDED.name.lower()
_ORDER = ("rank", "process", "seq")
CHUNK_ROWS = 1_000_000
"""Small runs are put together up to this many rows; a larger run is a chunk of its own."""
LARGE_ROWS, MOSTLY = 50_000, 0.9
"""A large table keeps its rows of other names where these are few: to copy the rest costs more."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the records of one run are."""

    run: Run
    loops: Mapping[str, LoopDefault]
    sealed: Sequence[Member]
    live: RunTable | None
    answered: Mapping[str, Sequence[Answered]]  # in hindsight, by sealed file

    @property
    def is_small(self) -> bool:
        """Whether its records could be in a pack."""
        is_alone = self.live is None and len(self.sealed) == 1 and not self.answered
        return is_alone and self.sealed[0].rows <= packs.SMALL_ROWS


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows and columns are wanted."""

    names: Collection[str] | None
    sources: Collection[Source]
    columns: Collection[str] | None

    @property
    def has_verdicts(self) -> bool:
        """Whether the verdicts of answers are wanted."""
        return self.columns is not None and verdicts.COLUMN in self.columns

    def kept(self) -> list[str]:
        """The columns of a chunk, in the order of the schema."""
        found = [name for name in RECORDS.names if self.columns is None or name in self.columns]
        return [*found, verdicts.COLUMN] if self.has_verdicts else found

    def needed(self) -> list[str]:
        """The columns to read: also those by which rows are chosen and ordered."""
        return [name for name in RECORDS.names if name in {*self.kept(), *_ORDER, "name", "source"}]


def read(layout: Layout, wanted: Sequence[RunFiles], choice: Choice) -> Iterator[Chunk]:
    """See `Catalog.chunks`. Of a damaged file what can be read, with a warning."""
    small = [files for files in wanted if files.is_small]
    packed: set[RunId] = set()
    if len(small) >= packs.WORTHWHILE:
        for chunk in _read_packed(layout, small, choice):
            packed.update(run.run for run in chunk.runs)
            yield chunk
    yield from _read_singly(layout, [files for files in wanted if files.run.run not in packed], choice)


def _read_packed(layout: Layout, small: Sequence[RunFiles], choice: Choice) -> Iterator[Chunk]:
    left = {files.sealed[0]: files for files in small}
    for pack in packs.covering(layout, list(left)):
        # Two readers may have packed the same file at the same time: it counts once.
        found = [(i, left[one]) for i, one in enumerate(pack.members) if one in left]
        try:
            table = _select(_judged(packs.read(pack, choice.needed()), (), choice), choice)
        except Unreadable:
            continue  # the sealed files themselves are read instead
        for _, files in found:
            del left[files.sealed[0]]
        yield _renumbered(table, len(pack.members), found, choice)


def _renumbered(
    table: pa.Table, member_count: int, found: Sequence[tuple[int, RunFiles]], choice: Choice
) -> Chunk:
    """The rows of the found members, with `run` counting through these alone."""
    position = np.full(member_count, -1, np.int32)
    position[[i for i, _ in found]] = np.arange(len(found))
    runs = position[numbers(table["run"])]
    if len(found) < member_count:
        table, runs = table.filter(mask(runs >= 0)), runs[runs >= 0]
    kept = table.select(choice.kept()).append_column("run", array(runs))
    return Chunk(tuple(files.run for _, files in found), kept, tuple(files.loops for _, files in found))


def _read_singly(layout: Layout, wanted: Sequence[RunFiles], choice: Choice) -> Iterator[Chunk]:
    batch: list[tuple[RunFiles, pa.Table]] = []
    for files in wanted:
        table = _select(_run_table(layout, files, choice), choice)
        if batch and sum(len(one) for _, one in batch) + len(table) > CHUNK_ROWS:
            yield _chunk(batch, choice)
            batch = []
        batch.append((files, table))
    if batch:
        yield _chunk(batch, choice)


def _run_table(layout: Layout, files: RunFiles, choice: Choice) -> pa.Table:
    tables = [_file_table(layout, files, one.file, choice) for one in files.sealed]
    if files.live:
        tables.append(_judged(files.live.table.select(choice.needed()), (), choice))
    if len(tables) == 1:
        return tables[0]
    together = pa.concat_tables(tables).unify_dictionaries()
    return together.sort_by([(column, "ascending") for column in _ORDER])


def _file_table(layout: Layout, files: RunFiles, file: str, choice: Choice) -> pa.Table:
    table = _sealed(layout.sealed / f"{file}{SEALED_SUFFIX}", choice.needed())
    return _judged(table, files.answered.get(file, ()), choice)


def _judged(table: pa.Table, answered: Sequence[Answered], choice: Choice) -> pa.Table:
    """The records with the verdicts of answers, where these are wanted."""
    return verdicts.with_column(table, answered) if choice.has_verdicts else table


def _sealed(path: Path, columns: list[str]) -> pa.Table:
    """These columns of one sealed file; of a damaged one what can be read, with a warning."""
    try:
        return parquet.read(path, columns)
    except Unreadable as error:
        whole = parquet.salvage(path, columns)
        warnings.warn(f"{error.message} {len(whole)} records of it can.", FlorWarning, stacklevel=2)
        return whole


def _select(table: pa.Table, choice: Choice) -> pa.Table:
    sources = {source.name.lower() for source in choice.sources}
    is_wanted = _is_one_of(table["source"], sources)
    if choice.names is not None:
        is_wanted &= _is_one_of(table["name"], set(choice.names), also_null=True)
        if len(is_wanted) >= LARGE_ROWS and is_wanted.mean() > MOSTLY:
            # Others are told apart by whoever reads them; what is superseded must not seem to be there.
            is_wanted = ~_is_one_of(table["source"], {_SUPERSEDED} - sources)
    return table if is_wanted.all() else table.filter(mask(is_wanted))


def _is_one_of(
    column: pa.ChunkedArray, wanted: Collection[str], also_null: bool = False
) -> npt.NDArray[np.bool_]:
    found = [np.zeros(0, bool)]
    for piece in column.chunks:
        is_wanted = np.array([value in wanted for value in piece.dictionary.to_pylist()] + [also_null], bool)
        found.append(is_wanted[codes(piece)])  # of a null that is -1: the last one
    return np.concatenate(found)


def _chunk(batch: Sequence[tuple[RunFiles, pa.Table]], choice: Choice) -> Chunk:
    positions = np.repeat(np.arange(len(batch), dtype=np.int32), [len(table) for _, table in batch])
    together = pa.concat_tables([table for _, table in batch]).unify_dictionaries().select(choice.kept())
    together = together.append_column("run", array(positions))
    return Chunk(tuple(files.run for files, _ in batch), together, tuple(files.loops for files, _ in batch))
