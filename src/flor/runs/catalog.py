"""Which runs exist, and their records."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from flor.entities import Run, RunId, Source
from flor.errors import RunNotFound, StoreError
from flor.runs import cache, chunks, cutting, files, journals, metadata, outdated
from flor.runs import seal as sealing
from flor.runs.cache import Description
from flor.runs.journals import Journal
from flor.runs.layout import SEALED_SUFFIX, JournalName, Layout, SealedName, parse_sealed_name
from flor.runs.metadata import Answered, RunMetadata
from flor.runs.packs import Member
from flor.runs.records import Chunk
from flor.runs.seal import Unsealed
from flor.runs.tables import RunTable
from flor.times import to_text

Progress = Callable[[Sequence[RunId]], Iterable[RunId]]
_Name = TypeVar("_Name", JournalName, SealedName)

LIVE_SOURCES = (Source.LOG, Source.ARG, Source.REPLAY, Source.LOOP)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run: its sealed parts, and what its living processes have recorded."""

    run: Run
    metadata: RunMetadata
    parts: tuple[SealedName, ...]
    members: tuple[Member, ...]  # the same parts, as files
    live: RunTable | None
    answered: Mapping[str, Sequence[Answered]]  # in hindsight, by sealed file


@dataclass(frozen=True)
class Catalog:
    """The runs of a store, by time stamp, as they were when it was opened."""

    layout: Layout
    entries: tuple[Entry, ...]
    problems: tuple[str, ...]  # a sentence for each file that cannot be read

    @classmethod
    def open(cls, layout: Layout, seal: bool = True, progress: Progress = list) -> "Catalog":
        """List the runs; those whose processes are gone are sealed on the way.

        Args:
            seal: False leaves the store as it is.
            progress: is given the runs to be sealed, and hands them out one by one.
        """
        new, unsealed = _seal_ended(layout, progress) if seal else ([], [])
        live, problems = _by_run(layout, journals.names(layout))
        described, unreadable = cache.describe(layout, sealed_names(layout), new)
        behind = _behind(described) if seal else []
        if behind:
            unsealed += _catch_up(layout, behind)
            described, unreadable = cache.describe(layout, sealed_names(layout))
        entries = sorted(_entries(live, described), key=lambda entry: entry.run.tstamp)
        return cls(layout, tuple(entries), (*problems, *unsealed, *unreadable))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every run, the newest last; without environments and files of sealed ones, see `detailed`."""
        return tuple(entry.run for entry in self.entries)

    @cached_property
    def names(self) -> Mapping[str, int]:
        """Every name in the store, and how many records it has."""
        total: dict[str, int] = {}
        for entry in self.entries:
            for name, count in entry.metadata.names.items():
                total[name] = total.get(name, 0) + count
        return total

    def find(self, text: str) -> Run:
        """The run with this id, unique prefix of an id, or time stamp; "last" is the newest.

        Raises:
            RunNotFound: there is none, or there are several.
        """
        if text == "last" and self.runs:
            return self.detailed(self.runs[-1])
        found = [run for run in self.runs if run.run == text or to_text(run.tstamp) == text]
        found = found or [run for run in self.runs if text and run.run.startswith(text)]
        found = found or [run for run in self.runs if _is_same_time(run.tstamp, text)]
        if len(found) == 1:
            return self.detailed(found[0])
        if not found:
            raise RunNotFound(f"There is no run {text!r}.", "`python -m flor runs` lists them.")
        ids = ", ".join(run.run for run in found[:5])
        raise RunNotFound(f"{text!r} stands for {len(found)} runs: {ids}.", "Give more of the id.")

    def of_project(self, projid: str) -> "Catalog":
        """The runs of one project of a store that several share."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.run.projid == projid))

    def entry(self, run: RunId) -> Entry:
        """The entry of a run of this catalog."""
        return self._by_id[run]

    def detailed(self, run: Run) -> Run:
        """The run with its environment and its files."""
        entry = self.entry(run.run)
        if run.environment or not entry.parts:
            return run
        whole = [cache.read_metadata(self.layout.sealed_file(part)) for part in entry.parts]
        known = files.merged([*(part.files for part in whole), entry.metadata.files])
        return replace(run, environment=whole[0].environment, files=known)

    def answered(self, run: RunId) -> Sequence[Answered]:
        """What replays found out about a run, the oldest first."""
        return self.entry(run).metadata.answered

    def chunks(
        self,
        names: Collection[str] | None,
        runs: Collection[RunId] | None = None,
        sources: Collection[Source] = LIVE_SOURCES,
        columns: Collection[str] | None = None,
    ) -> Iterator[Chunk]:
        """The records of these names (None: all; rows without a name are always among them, others may be).

        Args:
            runs: only these; None: all.
            sources: only rows of these sources.
            columns: only these columns, perhaps `verdicts.COLUMN` among them; None: all of `schema.RECORDS`.
        """
        wanted = [entry for entry in self.entries if runs is None or entry.run.run in runs]
        if names is not None:
            wanted = [entry for entry in wanted if not entry.metadata.names.keys().isdisjoint(names)]
        files = [
            chunks.RunFiles(entry.run, entry.metadata.loops, entry.members, entry.live, entry.answered)
            for entry in wanted
        ]
        return chunks.read(self.layout, files, chunks.Choice(names, sources, columns))

    @cached_property
    def _by_id(self) -> Mapping[RunId, Entry]:
        return {entry.run.run: entry for entry in self.entries}


def sealed_names(layout: Layout) -> list[SealedName]:
    """The sealed files in the store."""
    try:
        found = os.listdir(layout.sealed)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(SEALED_SUFFIX) for name in found if name.endswith(SEALED_SUFFIX))
    return sorted((n for n in map(parse_sealed_name, stems) if n), key=lambda n: (n.run, n.part))


def _is_same_time(stamp: datetime, text: str) -> bool:
    try:
        return stamp == datetime.fromisoformat(text)
    except ValueError:
        return False


def _by_run(layout: Layout, names: Collection[JournalName]) -> tuple[dict[RunId, list[Journal]], list[str]]:
    """The journals of each run, and a sentence for each that cannot be read."""
    found: dict[RunId, list[Journal]] = {}
    problems: list[str] = []
    for name in names:
        try:
            journal = journals.read(layout, name)
        except StoreError as error:  # one file, damaged or newer, must not hide the others
            problems.append(error.message)
            continue
        if journal:
            found.setdefault(name.run, []).append(journal)
            problems += [] if journal.is_whole else [_hidden(layout, journal)]
    return found, problems


def _hidden(layout: Layout, journal: Journal) -> str:
    path, user = layout.journal(journal.name), journal.header["user"]
    return f"{path} has further records in memory that only {user} may read; they are kept until then."


def seal_run(layout: Layout, run: RunId) -> None:
    """Seal one run if none of its processes lives."""
    _seal(layout, [run], list)


def _seal_ended(layout: Layout, progress: Progress) -> tuple[list[Description], list[str]]:
    """Seal the runs that have ended; a sentence where that is impossible, for they are read all the same."""
    ended = journals.ended(layout, journals.names(layout))
    if not ended or not os.access(layout.home, os.W_OK):
        return [], []
    try:
        return _seal(layout, ended, progress), []
    except OSError as error:
        return [], [f"Ended runs cannot be sealed: {error}"]


def _behind(described: Sequence[Description]) -> list[list[SealedName]]:
    """The files of each run of which one says that records are superseded, and another still counts them."""
    saying = {one.name.run for one in described if one.metadata.cuts or one.metadata.answered}
    parts_of = _parts_of(one for one in described if one.name.run in saying)
    cuts = {run: metadata.cuts([part.metadata for part in parts]) for run, parts in parts_of.items()}
    return [
        [part.name for part in parts]
        for run, parts in parts_of.items()
        if any(cutting.lacking(part.metadata, cuts[run]) for part in parts)
        or outdated.is_behind([part.metadata for part in parts])
    ]


def _catch_up(layout: Layout, behind: Iterable[Sequence[SealedName]]) -> list[str]:
    """Supersede in these files what others of the run say; a sentence where that is impossible."""
    problems = []
    for names in behind:
        try:
            with sealing.exclusive(layout):
                cutting.catch_up(layout, names)
                outdated.catch_up(layout, names)
        except (OSError, StoreError) as error:
            problems.append(f"Run {names[0].run} still shows records that were superseded: {error}")
    return problems


def _seal(layout: Layout, runs: Sequence[RunId], progress: Progress) -> list[Description]:
    with sealing.exclusive(layout):
        return sealing.seal(layout, _unsealed(layout, runs, progress))


def _unsealed(layout: Layout, runs: Sequence[RunId], progress: Progress) -> Iterator[Unsealed]:
    """Those of these runs that can be sealed, with what is sealed of them."""
    # Another reader may have sealed some meanwhile: what is there now counts.
    names, sealed = _grouped(journals.names(layout), runs), _grouped(sealed_names(layout), runs)
    for run in progress(runs):
        processes = _by_run(layout, names.get(run, ()))[0].get(run, [])
        if processes and all(process.can_be_sealed for process in processes):
            known = sealed.get(run, [])
            described, _ = cache.describe(layout, known, save=False) if known else ([], ())
            # A part that cannot be read is not written over.
            number = max((name.part for name in known), default=-1) + 1
            yield Unsealed(processes, [one.metadata for one in described], number)


def _grouped(names: Iterable[_Name], runs: Collection[RunId]) -> dict[RunId, list[_Name]]:
    wanted = set(runs)
    found: dict[RunId, list[_Name]] = {}
    for name in names:
        if name.run in wanted:
            found.setdefault(name.run, []).append(name)
    return found


def _entries(live: Mapping[RunId, Sequence[Journal]], described: Sequence[cache.Description]) -> list[Entry]:
    parts_of = _parts_of(described)
    return [_entry(parts_of.get(run, []), live.get(run, ())) for run in parts_of.keys() | live.keys()]


def _parts_of(described: Iterable[Description]) -> dict[RunId, list[Description]]:
    found: dict[RunId, list[Description]] = {}
    for one in described:
        found.setdefault(one.name.run, []).append(one)
    return found


def _entry(parts: Sequence[cache.Description], processes: Sequence[Journal]) -> Entry:
    known = [part.metadata for part in parts]
    table = None
    if processes:
        table, described = sealing.read_run(processes, known)
        known.append(described)
    merged = metadata.merge(known)
    members = tuple(Member(str(part.name), part.size, part.mtime_ns, part.metadata.rows) for part in parts)
    answered = {str(part.name): part.metadata.answered for part in parts if part.metadata.answered}
    return Entry(
        metadata.to_run(merged), merged, tuple(part.name for part in parts), members, table, answered
    )
