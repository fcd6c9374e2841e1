"""Answers that a run was given in hindsight: a file of their own among those of the run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pyarrow as pa

from flor.entities import RunId, Source, Verdict
from flor.runs import cache, catalog, cutting, metadata, parquet, verdicts
from flor.runs import seal as sealing
from flor.runs.cutting import Flags, Part
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import Answered, RunMetadata
from flor.runs.records import LoopDefault
from flor.runs.summary import Summary
from flor.runs.tables import array, codes, mask, numbers
from flor.runs.verdicts import Verdicts

_VERIFIED = verdicts.ORDER.index(Verdict.VERIFIED)

Key = tuple[str | None, str, tuple[int, ...]]
"""Name (None: the value of a loop), path and iterations."""


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What one replay found out about a run."""

    answered: Sequence[Answered]
    records: pa.Table  # columns of `schema.RECORDS`, by seq
    loops: dict[str, LoopDefault]  # of paths that the run itself does not know
    verdicts: Verdicts  # of each record


def in_order(
    answered: Sequence[Answered], records: pa.Table, loops: dict[str, LoopDefault], sure: Verdicts
) -> Hindsight:
    """What was found out, with records that come in any order."""
    order = np.argsort(numbers(records["seq"]), kind="stable")
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
        keys = set(_keys(fresh.records))
        left = [_without_outdated(part, fresh.answered, keys) for part in parts]
        whole = _with_loops(fresh, [part for part in left if not part.about.answered])
        for former, part in zip(parts, left, strict=True):
            if part is not former:
                _put(part)
        path = layout.sealed_file(SealedName(run, max((name.part for name in names), default=-1) + 1))
        parquet.write_all([(path, whole.records, metadata.pack(_described(about, whole)))])


def _is_of_hindsight(layout: Layout, name: SealedName) -> bool:
    return bool(cache.read_metadata(layout.sealed_file(name)).answered)


def _without_proved(found: Hindsight, parts: Sequence[Part]) -> Hindsight:
    """Without what earlier replays of the same probes have proved."""
    proved = {key for part in parts for key in _proved(part, found.answered)}
    surer = proved.intersection(_keys(found.records.filter(mask(found.verdicts != _VERIFIED))))
    is_new = np.array([key not in surer for key in _keys(found.records)], bool)
    return replace(found, records=found.records.filter(mask(is_new)), verdicts=found.verdicts[is_new])


def _proved(part: Part, answered: Sequence[Answered]) -> set[Key]:
    newer = {one.name: one for one in answered}
    names = [one.name for one in part.about.answered if one.name in newer and not _is_stale(one, newer)]
    is_proved = verdicts.of_file(part.table, part.about.answered) == _VERIFIED
    return set(_keys(part.table.filter(mask(is_proved & _is_named(part.table, names)))))


def _keys(table: pa.Table) -> list[Key]:
    columns = (table[name].to_pylist() for name in ("name", "path", "it"))
    return [(name, path, tuple(it)) for name, path, it in zip(*columns, strict=True)]


def _is_stale(one: Answered, newer: Mapping[str, Answered]) -> bool:
    """Whether all of an answer goes, as these answer."""
    return one.name in newer and (bool(one.diverged) or newer[one.name].probe != one.probe)


def _without_outdated(part: Part, fresh: Sequence[Answered], keys: Collection[Key]) -> Part:
    """A file without the answers in whose place there are others now; itself where there are none.

    Args:
        keys: of the records that are to be added.
    """
    newer = {one.name: one for one in fresh}
    sure = verdicts.of_file(part.table, part.about.answered)
    stale = [one.name for one in part.about.answered if _is_stale(one, newer)]
    is_kept = ~_is_named(part.table, stale)
    is_asked = np.flatnonzero(_is_named(part.table, newer))
    is_again = [key in keys for key in _keys(part.table.take(array(is_asked)))]
    is_kept[is_asked[np.array(is_again, bool)]] = False
    answered = [
        left
        for one in part.about.answered
        if one.name not in stale and (left := _left(one, newer, sure, is_kept, part.table))
    ]
    return part if answered == part.about.answered else _reduced(part, answered, is_kept, sure)


def _left(
    one: Answered, newer: Mapping[str, Answered], sure: Verdicts, is_kept: Flags, table: pa.Table
) -> Answered | None:
    """What is left of an answer; None: nothing, not even that there was none."""
    if one.name not in newer:
        return one
    is_own = _is_named(table, [one.name])
    if newer[one.name].diverged and one.unverified:
        one = msgspec.structs.replace(one, iterations=[])  # whatever it covers is asked again
    if _covers(newer[one.name], one) and not is_kept[is_own].any():
        return None
    return one if is_kept[is_own].all() else _told(one, sure[is_own & is_kept])


def _covers(newer: Answered, one: Answered) -> bool:
    if newer.iterations is None:
        return True
    return one.iterations is not None and set(one.iterations) <= set(newer.iterations)


def _reduced(part: Part, answered: list[Answered], is_kept: Flags, sure: Verdicts) -> Part:
    left, sure = part.table.filter(mask(is_kept)), sure[is_kept]
    summary = Summary(left)
    about = msgspec.structs.replace(
        part.about,
        values=summary.last_values(Source.REPLAY),
        names=summary.name_counts(),
        rows=len(left),
        answered=_with_verdicts(answered, left, sure),
    )
    return Part(part.path, about, left)


def _with_verdicts(answered: Sequence[Answered], table: pa.Table, sure: Verdicts) -> list[Answered]:
    """With the verdicts of the records in this file."""
    return [_told(one, sure[_is_named(table, [one.name])]) for one in answered]


def _told(one: Answered, sure: Verdicts) -> Answered:
    found = [verdicts.ORDER[code] for code in sure.tolist()]
    return msgspec.structs.replace(one, verdicts=verdicts.lengths(sure), **verdicts.counts(found))


def _with_loops(fresh: Hindsight, gone: Sequence[Part]) -> Hindsight:
    """With the values of loops in files that go: they were not asked for again."""
    if not gone:
        return fresh
    records = pa.concat_tables([*(part.table for part in gone), fresh.records])
    sure = np.full(len(records), verdicts.NONE, np.int8)
    sure[len(records) - len(fresh.records) :] = fresh.verdicts
    loops = {path: default for part in gone for path, default in part.about.loops.items()}
    return in_order(fresh.answered, records, loops | fresh.loops, sure)


def _put(part: Part) -> None:
    """Put a file in the place of the former one; without answers there is none."""
    if part.about.answered:
        cutting.replace([part])
    else:
        part.path.unlink(missing_ok=True)


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
        answered=_with_verdicts(found.answered, found.records, found.verdicts),
    )


def _is_named(table: pa.Table, names: Collection[str]) -> Flags:
    column = table["name"].combine_chunks()
    known = np.array([name in names for name in column.dictionary.to_pylist()] + [False], bool)
    return known[codes(column)]
