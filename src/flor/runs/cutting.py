"""Takes records out of what counts in sealed files: they stay in them, under the source "superseded"."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flor.entities import Source
from flor.runs import cache, metadata, parquet
from flor.runs.layout import Layout, SealedName, parse_journal_name
from flor.runs.metadata import Cut, RunMetadata
from flor.runs.schema import RECORDS
from flor.runs.summary import Summary
from flor.runs.tables import SOURCE_NAMES, array, codes, mask, numbers, strings

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """One sealed file of a run."""

    path: Path
    about: RunMetadata
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Divided:
    """Records of one process."""

    off: pa.Table  # superseded, also by earlier cuts
    counting: pa.Table


def read(layout: Layout, name: SealedName) -> Part:
    """A sealed file, whole.

    Raises:
        Unreadable: it is damaged.
    """
    path = layout.sealed_file(name)
    table = parquet.read(path, RECORDS.names).unify_dictionaries().combine_chunks()
    return Part(path, cache.read_metadata(path), table)


def cut(parts: Sequence[Part], cuts: Sequence[Cut]) -> None:
    """Supersede these records. Each file is replaced as a whole, after all new ones are on the disk.

    Raises:
        OSError: the store cannot be written; the files that were not replaced are as they were.
    """
    replace([new for old in parts if (new := without(old, cuts)) is not old])


def replace(parts: Sequence[Part]) -> None:
    """Put these files in the places of those that are there, after all are on the disk.

    Raises:
        OSError: the store cannot be written; the files that were not replaced are as they were.
    """
    staged: dict[Path, Path] = {}
    try:
        for new in parts:
            staged[new.path] = parquet.stage(new.path, new.table, metadata.pack(new.about))
            _age(staged[new.path], new.path)
        parquet.place(staged)
    finally:
        parquet.discard(staged)


def catch_up(layout: Layout, names: Sequence[SealedName]) -> None:
    """Supersede in all files of a run what one of them says: files come to a store one by one.

    Raises:
        OSError: the store cannot be written.
        Unreadable: a file is damaged.
    """
    parts = [read(layout, name) for name in names]
    cuts = metadata.cuts([part.about for part in parts])
    for part in parts:
        cut([part], lacking(part.about, cuts))


def lacking(part: RunMetadata, cuts: Iterable[Cut]) -> list[Cut]:
    """Those of the cuts of a run that reach into a file of it which has not been cut so far."""
    return [one for one in cuts if part.journals.get(one.journal, 0) > one.after and not _covers(part, one)]


def _covers(part: RunMetadata, one: Cut) -> bool:
    """Whether what a cut takes of a file is taken already."""
    end = min(one.before, part.journals[one.journal] + 1)
    return any(
        known.journal == one.journal and known.after <= one.after and known.before >= end
        for known in part.cuts
    )


def without(part: Part, cuts: Sequence[Cut]) -> Part:
    """The part with these records superseded and described without them; itself where there are none."""
    source = _sources(part.table)
    # What was answered in hindsight was not executed in the run, and what is superseded stays so.
    wanted = within(part.table, cuts) & ~np.isin(source, (Source.REPLAY, Source.SUPERSEDED))
    if not wanted.any():
        return part
    source = np.where(wanted, int(Source.SUPERSEDED), source)
    column = pa.DictionaryArray.from_arrays(array(source.astype(np.int8)), strings(SOURCE_NAMES))
    table = part.table.set_column(RECORDS.get_field_index("source"), RECORDS.field("source"), column)
    left = table.filter(mask(source != Source.SUPERSEDED))
    return Part(part.path, _described(part.about, left, cuts), table)


def divided(part: Part, one: Cut) -> Divided:
    """The records of a cut's journal, without those that were answered in hindsight."""
    source = _sources(part.table)
    is_own = within(part.table, [Cut(one.journal, 0, one.before)]) & (source != Source.REPLAY)
    is_off = within(part.table, [one]) | (source == Source.SUPERSEDED)
    return Divided(part.table.filter(mask(is_own & is_off)), part.table.filter(mask(is_own & ~is_off)))


def within(table: pa.Table, cuts: Iterable[Cut]) -> Flags:
    """Which records the cuts take."""
    rank, process, seq = (numbers(table[name]) for name in ("rank", "process", "seq"))
    found = np.zeros(len(table), bool)
    for one in cuts:
        name = parse_journal_name(one.journal)
        if name:
            is_own = (rank == name.rank) & (process == name.process)
            found |= is_own & (seq > one.after) & (seq < one.before)
    return found


def _described(about: RunMetadata, left: pa.Table, cuts: Iterable[Cut]) -> RunMetadata:
    """What is known of a run with only these records left in the file."""
    summary = Summary(left)
    used = {path for path in left["path"].combine_chunks().unique().to_pylist() if path}
    used |= {path[:end] for path in used for end, sign in enumerate(path) if sign == "/"}
    return msgspec.structs.replace(
        about,
        args=summary.last_values(Source.ARG),
        values=summary.last_values(Source.LOG),
        names=summary.name_counts(),
        loops={path: default for path, default in about.loops.items() if path in used},
        console=summary.line_count(),
        superseded=about.rows - len(left),
        cuts=list(dict.fromkeys([*about.cuts, *cuts])),
    )


def _sources(table: pa.Table) -> npt.NDArray[np.int64]:
    """The source of each row, by number."""
    column = table["source"].combine_chunks()
    known = np.array([*map(SOURCE_NAMES.index, column.dictionary.to_pylist()), -1], np.int64)
    return known[codes(column)]


def _age(new: Path, old: Path) -> None:
    """Let a file be told by its time from the one that it replaces, as caches do it: clocks tick slowly."""
    was = old.stat().st_mtime_ns
    if new.stat().st_mtime_ns <= was:
        os.utime(new, ns=(was + 1, was + 1))
