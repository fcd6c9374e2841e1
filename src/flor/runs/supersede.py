"""What a process recorded after the moment at which its run is resumed: kept, and counting no more."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flor.entities import RunId, Source
from flor.errors import CannotResume, RunNotFound, StoreError
from flor.runs import catalog, cutting, journals
from flor.runs import seal as sealing
from flor.runs.catalog import Catalog
from flor.runs.cutting import Part
from flor.runs.layout import JournalName, Layout, parse_journal_name
from flor.runs.metadata import Cut
from flor.runs.schema import RECORDS
from flor.runs.tables import mask, numbers


@dataclass(frozen=True, slots=True)
class Superseded:
    """What was taken off one process of a run."""

    run: RunId
    rank: int
    process: int
    after_seq: int
    first_seq: int  # for the process that goes on: greater than that of any record there was
    records: pa.Table  # columns of `schema.RECORDS`; of what was executed several times the last


def mark(
    layout: Layout,
    run: RunId,
    rank: int,
    process: int,
    after_seq: int,
    *,
    children_after_us: int | None = None,
) -> Superseded:
    """Let the records of a process that is gone end at a moment; those after it are superseded.

    They stay in the run's files under the source "superseded", and only a look at the files shows them. The
    run is sealed first. A kill leaves of each file the old or the new one; to mark again does the rest.

    Args:
        after_seq: of the last record that counts.
        children_after_us: take off too what other processes of the rank recorded after this time.

    Raises:
        CannotResume: a process of the run is alive, or what it left cannot be sealed.
        RunNotFound: nothing of the run is in the store.
        Unreadable: a file of it is damaged.
        StoreError: the store cannot be written; nothing is lost.
    """
    name = JournalName(run, rank, process)
    try:
        catalog.seal_run(layout, run)
        with sealing.exclusive(layout):
            _refuse_unsealed(layout, run)
            parts = _parts(layout, run)
            own = Cut(str(name), after_seq, _last_seq(parts, name, after_seq) + 1)
            others = [] if children_after_us is None else _of_children(parts, name, children_after_us)
            cutting.cut(parts, [own, *others])
    except OSError as error:
        hint = "Make the folder writable, or make room on the disk; what was recorded is all there."
        raise StoreError(f"The store {layout.home} cannot be written: {error}", hint) from error
    return Superseded(run, rank, process, after_seq, own.before, _to_be_executed(parts, own))


def records_from(listed: Catalog, run: RunId, rank: int, process: int, seq: int) -> pa.Table:
    """What a process of a run has recorded from a seq on, console output left out."""
    chunks = listed.chunks(None, [run], (Source.LOG, Source.ARG, Source.LOOP), RECORDS.names)
    tables = [chunk.table.select(RECORDS.names) for chunk in chunks]
    table = pa.concat_tables(tables).unify_dictionaries() if tables else RECORDS.empty_table()
    is_own = (numbers(table["rank"]) == rank) & (numbers(table["process"]) == process)
    return table.filter(mask(is_own & (numbers(table["seq"]) >= seq)))


def _refuse_unsealed(layout: Layout, run: RunId) -> None:
    """Raise CannotResume if there are journals of the run: those that could be sealed are."""
    for name in journals.names(layout):
        journal = journals.read(layout, name) if name.run == run else None
        if journal and journal.is_alive:
            where = f"process {journal.header['pid']} on {journal.header['host']}"
            raise CannotResume(run, f"it is still running as {where}", "Wait for it, or stop it first.")
        if journal:
            reason = "some of its records are in memory that only another user may read"
            raise CannotResume(run, reason, f"Only {journal.header['user']} can resume it.")


def _parts(layout: Layout, run: RunId) -> list[Part]:
    names = [name for name in catalog.sealed_names(layout) if name.run == run]
    if not names:
        raise RunNotFound(f"There is no run {run!r}.", "`python -m flor runs` lists them.")
    return [cutting.read(layout, name) for name in names]


def _last_seq(parts: Sequence[Part], name: JournalName, least: int) -> int:
    return max([least, *(part.about.journals.get(str(name), 0) for part in parts)])


def _of_children(parts: Sequence[Part], name: JournalName, after_us: int) -> list[Cut]:
    """What the other processes of a rank recorded after a time."""
    found = {parse_journal_name(journal) for part in parts for journal in part.about.journals}
    others = [one for one in found if one and one.rank == name.rank and one.process != name.process]
    return [
        Cut(str(one), _seq_at(parts, one, after_us), _last_seq(parts, one, 0) + 1)
        for one in sorted(others, key=str)
    ]


def _seq_at(parts: Sequence[Part], name: JournalName, time_us: int) -> int:
    """The seq of the last record that a process had made by then; 0 if there was none."""
    found = [0]
    for part in parts:
        rank, process, ts, seq = (numbers(part.table[c]) for c in ("rank", "process", "ts", "seq"))
        is_earlier = (rank == name.rank) & (process == name.process) & (ts <= time_us)
        found.append(int(seq[is_earlier].max(initial=0)))
    return max(found)


def _to_be_executed(parts: Sequence[Part], own: Cut) -> pa.Table:
    """What was executed and does not count: of each name in each iteration what was executed last."""
    found = [cutting.divided(part, own) for part in parts]
    if sum(len(one.off) > 0 for one in found) < 2:
        return pa.concat_tables([one.off for one in found]).unify_dictionaries()
    # A run that was resumed before: some of what came off then has been executed again meanwhile.
    known = {key for one in found for key in _keys(one.counting)}
    kept: list[pa.Table] = []
    for one in reversed(found):
        keys = _keys(one.off)
        kept.append(one.off.filter(mask(np.array([key not in known for key in keys], bool))))
        known.update(keys)
    return pa.concat_tables(kept).unify_dictionaries().sort_by("seq")


def _keys(table: pa.Table) -> list[tuple[object, ...]]:
    columns = (table[name].to_pylist() for name in ("path", "it", "name"))
    return [(path, *it, name) for path, it, name in zip(*columns, strict=True)]
