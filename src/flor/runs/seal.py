"""The journals of a run whose processes are gone become one Parquet file."""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flor.entities import RunId
from flor.runs import metadata, parquet, tables
from flor.runs.decode import columns
from flor.runs.journals import Journal
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import RunMetadata
from flor.runs.tables import RunTable


def read_run(journals: Sequence[Journal], sealed: Mapping[str, int]) -> tuple[RunTable, RunMetadata]:
    """Records and metadata of a run's journals, without what is sealed already.

    Args:
        journals: at least one, of one run.
        sealed: journal -> seq of its last sealed record.
    """
    found = [(journal.name, columns(journal, sealed.get(str(journal.name), 0))) for journal in journals]
    records = tables.build(found)
    return records, metadata.describe(journals, records)


def seal(layout: Layout, journals: Sequence[Journal], parts: Sequence[RunMetadata], number: int) -> None:
    """Write part `number` of a run from its journals, then remove them.

    Killed anywhere, it leaves either the journals, or the part and journals of which the part
    says that it holds them.

    Raises:
        OSError: the store cannot be written.
    """
    sealed = {name: seq for part in parts for name, seq in part.journals.items()}
    records, described = read_run(journals, sealed)
    if records.table.num_rows or not parts:
        parquet.write(
            layout.sealed_file(SealedName(RunId(described.run), number)),
            records.table,
            metadata.pack(described),
        )
    for journal in journals:
        remove(layout, journal)


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
