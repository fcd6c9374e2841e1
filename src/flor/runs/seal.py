"""The journals of a run whose processes are gone become one Parquet file."""

import fcntl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flor.entities import RunId
from flor.runs import cache, metadata, parquet, tables
from flor.runs.cache import Description
from flor.runs.decode import Columns, columns
from flor.runs.journals import Journal
from flor.runs.layout import JournalName, Layout, SealedName
from flor.runs.metadata import RunMetadata
from flor.runs.tables import RunTable

_BATCH_RUNS, _BATCH_BYTES = 256, 32 << 20


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A run whose processes are gone, and what is sealed of it."""

    journals: Sequence[Journal]
    parts: Sequence[RunMetadata]
    number: int  # of the part to write

    @property
    def size_bytes(self) -> int:
        return sum(len(one.slots) + sum(map(len, one.big_records)) for one in self.journals)


def read_run(journals: Sequence[Journal], parts: Sequence[RunMetadata]) -> tuple[RunTable, RunMetadata]:
    """Records and metadata of a run's journals (at least one), without what is sealed in parts already."""
    records = tables.build(_decoded(journals, parts), metadata.loop_defaults(parts))
    return records, _described(journals, parts, records)


def seal(layout: Layout, runs: Iterable[Unsealed]) -> list[Description]:
    """Write a further part of each run from its journals, then remove them; the files that were written.

    Killed anywhere, it leaves of each run either the journals, or the part and journals of which the
    part says that it holds them.

    Raises:
        OSError: the store cannot be written.
    """
    return [one for batch in _batches(runs) for one in _seal_together(layout, batch)]


def _batches(runs: Iterable[Unsealed]) -> Iterator[list[Unsealed]]:
    batch: list[Unsealed] = []
    size = 0
    for run in runs:
        batch.append(run)
        size += run.size_bytes
        if len(batch) >= _BATCH_RUNS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _seal_together(layout: Layout, runs: Sequence[Unsealed]) -> list[Description]:
    """Step by step for all runs: to take each through all steps costs half as much again.

    The files are synced together too, for each sync takes milliseconds; only then the journals go.
    """
    decoded = [_decoded(run.journals, run.parts) for run in runs]
    records = [
        tables.build(processes, metadata.loop_defaults(run.parts))
        for run, processes in zip(runs, decoded, strict=True)
    ]
    described = [_described(run.journals, run.parts, one) for run, one in zip(runs, records, strict=True)]
    new = {
        SealedName(RunId(about.run), run.number): (one.table, about)
        for run, one, about in zip(runs, records, described, strict=True)
        if one.table.num_rows or not run.parts or _has_more(about, run.parts)
    }
    parquet.write_all(
        (layout.sealed_file(name), table, metadata.pack(about)) for name, (table, about) in new.items()
    )
    for journal in [journal for run in runs for journal in run.journals]:
        remove(layout, journal)
    return [cache.described(layout, name, about) for name, (_, about) in new.items()]


def _decoded(journals: Sequence[Journal], parts: Sequence[RunMetadata]) -> list[tuple[JournalName, Columns]]:
    sealed = metadata.last_seqs(parts)
    return [(journal.name, columns(journal, sealed.get(str(journal.name), 0))) for journal in journals]


def _described(journals: Sequence[Journal], parts: Sequence[RunMetadata], records: RunTable) -> RunMetadata:
    """The description of a run's journals; it hands on what was superseded: files travel one by one."""
    about = metadata.describe(journals, records)
    return msgspec.structs.replace(about, cuts=metadata.cuts(parts))


def _has_more(about: RunMetadata, parts: Sequence[RunMetadata]) -> bool:
    """Whether it says how the run went on, which no part does."""
    return not {*about.continuations} <= {one for part in parts for one in part.continuations}


def remove(layout: Layout, journal: Journal) -> None:
    """Remove a journal and what belongs to it; one damaged in the middle is set aside for a look."""
    path = layout.journal(journal.name)
    with suppress(FileNotFoundError):
        if any(part.offset + part.size_bytes < path.stat().st_size for part in journal.damage):
            path.rename(path.with_name(path.name + ".damaged"))
        path.unlink(missing_ok=True)
    layout.lock(journal.name).unlink(missing_ok=True)
    (layout.journals / f"{journal.header['tstamp']}.stamp").unlink(missing_ok=True)
    ring = journal.header.get("ring")
    if ring and Path(ring).name.startswith("flor-"):
        Path(ring).unlink(missing_ok=True)


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Only one process at a time seals.

    Two could take what the other has not yet removed of a run for all there is of it.
    """
    layout.sealed.mkdir(parents=True, exist_ok=True)
    with (layout.sealed / "seal.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
