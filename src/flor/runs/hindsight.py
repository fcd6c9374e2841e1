"""Answers that a run was given in hindsight: a file of their own among those of the run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pyarrow as pa

from flor.entities import RunId, Source
from flor.runs import catalog, cutting, metadata, parquet
from flor.runs import seal as sealing
from flor.runs.cutting import Part
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import Answered, RunMetadata
from flor.runs.records import LoopDefault
from flor.runs.summary import Summary
from flor.runs.tables import codes, mask


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What one replay found out about a run."""

    answered: Sequence[Answered]
    records: pa.Table  # columns of `schema.RECORDS`, by seq
    loops: dict[str, LoopDefault]  # of paths that the run itself does not know


def keep(layout: Layout, about: RunMetadata, found: Hindsight) -> None:
    """Add the answers to the run's files; earlier ones of the same names go, if another probe gave them, or
    they had diverged from the run.

    Args:
        about: the run as all of its files describe it.

    Raises:
        OSError: the store cannot be written; what is there stays.
    """
    run = RunId(about.run)
    with sealing.exclusive(layout):
        names = [name for name in catalog.sealed_names(layout) if name.run == run]
        parts = [cutting.read(layout, name) for name in names]
        number = max((name.part for name in names), default=-1) + 1
        path = layout.sealed_file(SealedName(run, number))
        fresh = replace(found, records=_unknown(found.records, parts, found.answered))
        _withdraw(parts, found.answered)
        parquet.write_all([(path, fresh.records, metadata.pack(_described(about, fresh)))])


def _unknown(records: pa.Table, parts: Sequence[Part], answered: Sequence[Answered]) -> pa.Table:
    """The records that no earlier replay of the same probes has given."""
    probes = {one.name: one.probe for one in answered}
    known: set[Key] = set()
    for part in parts:
        if any(one.name in probes and not _is_stale(one, probes) for one in part.about.answered):
            known.update(_keys(part.table))
    return records.filter(mask(np.array([key not in known for key in _keys(records)], bool)))


Key = tuple[str | None, str, tuple[int, ...]]
"""Name (None: the value of a loop), path and iterations."""


def _keys(table: pa.Table) -> list[Key]:
    columns = (table[name].to_pylist() for name in ("name", "path", "it"))
    return [(name, path, tuple(it)) for name, path, it in zip(*columns, strict=True)]


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


def _withdraw(parts: Sequence[Part], answered: Sequence[Answered]) -> None:
    """Take out what other probes of these names had answered, and what had diverged."""
    probes = {one.name: one.probe for one in answered}
    for part in parts:
        stale = {one.name for one in part.about.answered if _is_stale(one, probes)}
        if stale:
            _replace(part, stale)


def _is_stale(one: Answered, probes: Mapping[str, str]) -> bool:
    """Whether an answer goes, as these probes answer."""
    return one.name in probes and (bool(one.diverged) or probes[one.name] != one.probe)


def _replace(part: Part, stale: Collection[str]) -> None:
    left = part.table.filter(mask(~_is_named(part.table, stale)))
    about = msgspec.structs.replace(
        part.about,
        values={name: value for name, value in part.about.values.items() if name not in stale},
        names={name: count for name, count in part.about.names.items() if name not in stale},
        rows=len(left),
        answered=[one for one in part.about.answered if one.name not in stale],
    )
    if about.answered:
        cutting.replace([Part(part.path, about, left)])
    else:
        part.path.unlink(missing_ok=True)


def _is_named(table: pa.Table, names: Collection[str]) -> cutting.Flags:
    column = table["name"].combine_chunks()
    known = np.array([name in names for name in column.dictionary.to_pylist()] + [False], bool)
    return known[codes(column)]
