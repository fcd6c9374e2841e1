"""Answers that a run was given in hindsight: a file of their own among those of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pyarrow as pa

from flor.entities import RunId, Source, Verdict
from flor.runs import cache, catalog, cutting, metadata, outdated, parquet, verdicts
from flor.runs import seal as sealing
from flor.runs.cutting import Part
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import Answered, RunMetadata
from flor.runs.records import LoopDefault
from flor.runs.summary import Summary
from flor.runs.tables import array, mask, numbers
from flor.runs.verdicts import Verdicts

_VERIFIED = verdicts.ORDER.index(Verdict.VERIFIED)


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What one replay found out about a run."""

    answered: Sequence[Answered]
    records: pa.Table  # columns of `schema.RECORDS`, by rank and seq
    loops: dict[str, LoopDefault]  # of paths that the run itself does not know
    verdicts: Verdicts  # of each record


def in_order(
    answered: Sequence[Answered], records: pa.Table, loops: dict[str, LoopDefault], sure: Verdicts
) -> Hindsight:
    """What was found out, with records that come in any order."""
    order = np.lexsort((numbers(records["seq"]), numbers(records["rank"])))
    together = records.unify_dictionaries().combine_chunks()
    return Hindsight(answered, together.take(array(order)), loops, sure[order])


def keep(layout: Layout, about: RunMetadata, found: Hindsight) -> None:
    """Add the answers to the run's files.

    Earlier ones of the same names go if another probe gave them or they had diverged from the run. Of an
    answer that is found again the surer one stays, of two that are as sure the later one.

    Args:
        about: the run as all of its files describe it.

    Raises:
        OSError: the store cannot be written; what is there stays.
    """
    run = RunId(about.run)
    with sealing.exclusive(layout):
        names = [name for name in catalog.sealed_names(layout) if name.run == run]
        parts = [cutting.read(layout, name) for name in names if _is_of_hindsight(layout, name)]
        fresh = _without_proved(found, parts)
        keys = set(outdated.keys(fresh.records))
        answered = [outdated.instead(one, keys, parts) for one in fresh.answered]
        left = [outdated.without(part, answered, keys) for part in parts]
        gone = [part for part in left if not part.about.answered]
        whole = _with_loops(replace(fresh, answered=answered), gone)
        path = layout.sealed_file(SealedName(run, max((name.part for name in names), default=-1) + 1))
        parquet.write_all([(path, whole.records, metadata.pack(_described(about, whole)))])
        # Killed before all of these are done, the next reader does the rest: see `outdated.catch_up`.
        for former, part in zip(parts, left, strict=True):
            outdated.put(former, part)


def _is_of_hindsight(layout: Layout, name: SealedName) -> bool:
    return bool(cache.read_metadata(layout.sealed_file(name)).answered)


def _without_proved(found: Hindsight, parts: Sequence[Part]) -> Hindsight:
    """Without what earlier replays of the same probes have proved."""
    proved = {key for part in parts for key in _proved(part, found.answered)}
    surer = proved.intersection(outdated.keys(found.records.filter(mask(found.verdicts != _VERIFIED))))
    is_new = np.array([key not in surer for key in outdated.keys(found.records)], bool)
    records, sure = found.records.filter(mask(is_new)), found.verdicts[is_new]
    answered = outdated.told(found.answered, records, sure)
    return replace(found, answered=answered, records=records, verdicts=sure)


def _proved(part: Part, answered: Sequence[Answered]) -> set[outdated.Key]:
    pairs = [(one, newer) for one in part.about.answered for newer in answered if one.name == newer.name]
    names = [one.name for one, newer in pairs if not outdated.is_stale(one, newer)]
    is_proved = verdicts.of_file(part.table, part.about.answered) == _VERIFIED
    return set(outdated.keys(part.table.filter(mask(is_proved & outdated.named(part.table, names)))))


def _with_loops(fresh: Hindsight, gone: Sequence[Part]) -> Hindsight:
    """With the values of loops in files that go: they were not asked for again."""
    if not gone:
        return fresh
    carried = pa.concat_tables([part.table for part in gone]).unify_dictionaries()
    known = set(outdated.keys(fresh.records))
    is_new = np.array([key not in known for key in outdated.keys(carried)], bool)
    records = pa.concat_tables([carried.filter(mask(is_new)), fresh.records])
    sure = np.full(len(records), verdicts.NONE, np.int8)
    sure[len(records) - len(fresh.records) :] = fresh.verdicts
    loops = {path: default for part in gone for path, default in part.about.loops.items()}
    return in_order(fresh.answered, records, loops | fresh.loops, sure)


def _described(about: RunMetadata, found: Hindsight) -> RunMetadata:
    """The file says of the run what all of its files do, and of records only what is in it."""
    summary = Summary(found.records)
    return msgspec.structs.replace(
        about,
        args={},
        values=summary.last_values(Source.REPLAY),
        names=summary.name_counts(),
        loops=found.loops,
        journals={},
        rows=len(found.records),
        console=0,
        superseded=0,
        faults=[],
        damaged_bytes=0,
        continuations=[],
        cuts=[],
        paused=0,
        answered=list(found.answered),
    )
