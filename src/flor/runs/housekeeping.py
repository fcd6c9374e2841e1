"""What can be deleted from a store, as values; and the deleting."""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from flor.entities import RunId
from flor.runs import journals, liveness, packs, ring
from flor.runs.layout import JOURNAL_SUFFIX, TOLD_SUFFIX, JournalName, Layout, parse_journal_name
from flor.runs.packs import Pack
from flor.runs.records import Chunk
from flor.runs.references import references

_YOUNG_S = 3600.0
"""What is younger may belong to a process that is about to use it."""


class Reason(StrEnum):
    """Why a file can go."""

    DERIVED = "cache, made again when needed"
    RING = "shared memory of a process that is gone"
    LOCK = "lock of a process that is gone"
    TEMPORARY = "left by a process that was killed"
    UNREFERENCED = "blob of no run"
    UNUSED = "file that no run read, kept at no entry point"
    STAMP = "time stamp of a run that has ended"
    OWED = "commit that no repository can take"


@dataclass(frozen=True, slots=True)
class Garbage:
    """One file that can go."""

    path: Path
    size_bytes: int
    reason: Reason


class _Owed(msgspec.Struct):
    """Which process owes a commit."""

    run: str
    host: str
    boot: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one folder of the store takes."""

    folder: str
    file_count: int
    size_bytes: int


def plan(
    layout: Layout,
    runs: Collection[RunId],
    used_blobs: Collection[str] | None,
    has_repository: bool = True,
    used_files: Collection[str] | None = None,
) -> list[Garbage]:
    """Every file of the store that can be deleted without losing anything.

    Args:
        runs: those of the store.
        used_blobs: hashes that records name; None where that is not known for sure, and all are kept.
        has_repository: whether there is one that takes the commits that killed runs still lack.
        used_files: hashes of the files that runs and checkpoints need; None where that is not known for sure.
    """
    contents = [] if used_files is None else _unused(layout.files, used_files)
    unused = [] if used_blobs is None else _unused(layout.blobs, used_blobs)
    found = [
        (Reason.DERIVED, _files(layout.cache)),
        (Reason.RING, _orphaned_rings(layout, runs)),
        (Reason.LOCK, _orphaned_locks(layout)),
        (Reason.TEMPORARY, _temporary(layout)),
        (Reason.UNREFERENCED, unused),
        (Reason.UNUSED, contents),
        (Reason.STAMP, _orphaned_stamps(layout)),
        (Reason.OWED, [path for path in _owed(layout, ".json") if _is_lost(layout, path, has_repository)]),
    ]
    return [item for reason, paths in found for item in _garbage(paths, reason)]


def used_blobs(chunks: Iterable[Chunk]) -> set[str]:
    """The hashes of all blobs that records name."""
    return {blob.hash for chunk in chunks for blob in references(chunk.table)}


def files_of(layout: Layout, run: RunId) -> list[Path]:
    """Every journal, lock and sealed file of a run."""
    return [path for folder in (layout.sealed, layout.journals) for path in sorted(folder.glob(f"{run}.*"))]


def caches_of(layout: Layout, runs: Collection[RunId]) -> list[Path]:
    """The files of the cache that repeat what these runs hold."""
    summaries = sorted(path for path in layout.cache.glob("*") if path.is_file())
    prefixes = tuple(f"{run}." for run in runs)
    return summaries + [pack.path for pack in packs.find(layout) if _holds(pack, prefixes)]


def _holds(pack: Pack, prefixes: tuple[str, ...]) -> bool:
    return any(member.file.startswith(prefixes) for member in pack.members)


def delete(paths: Iterable[Path]) -> int:
    """Delete the files, those already gone passed over; the number of bytes freed."""
    freed = 0
    for path in paths:
        size = _size(path)
        path.unlink(missing_ok=True)
        freed += size
    return freed


def usage(layout: Layout) -> list[Usage]:
    """What each folder of the store takes."""
    folders = (
        layout.journals,
        layout.sealed,
        layout.blobs,
        layout.checkpoints,
        layout.files,
        layout.set_aside,
        layout.cache,
        layout.snapshots,
        layout.reports,
    )
    return [_usage(folder) for folder in folders]


def _usage(folder: Path) -> Usage:
    sizes = [_size(path) for path in _files(folder)]
    return Usage(folder.name, len(sizes), sum(sizes))


def _garbage(paths: Iterable[Path], reason: Reason) -> Iterator[Garbage]:
    for path in paths:
        yield Garbage(path, _size(path), reason)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < _YOUNG_S
    except FileNotFoundError:
        return True


def _temporary(layout: Layout) -> list[Path]:
    derived = layout.cache
    half_written = [path for path in _owed(layout, ".new") if not _is_young(path)]
    told = [path for path in sorted(layout.journals.glob(f"*{TOLD_SUFFIX}")) if not _is_young(path)]
    return [*half_written, *told] + [
        path
        for path in sorted(layout.home.rglob("*.tmp"))
        if path.is_file() and not path.is_relative_to(derived) and not _is_young(path)
    ]


def _unused(folder: Path, used: Collection[str]) -> list[Path]:
    return [
        path
        for path in _files(folder)
        if path.suffix != ".tmp" and path.stem not in used and not _is_young(path)
    ]


def _orphaned_locks(layout: Layout) -> list[Path]:
    locks = sorted(layout.journals.glob("*.lock"))
    found = [path for path in locks if not path.with_suffix(JOURNAL_SUFFIX).exists()]
    found += [path for path in sorted(layout.sealed.glob("*.resume.lock")) if not liveness.is_locked(path)]
    return [path for path in found if not _is_young(path)]


def _orphaned_stamps(layout: Layout) -> list[Path]:
    stamps = sorted(layout.journals.glob("*.stamp"))
    claimed = journals.tstamps(layout) if stamps else set()
    return [path for path in stamps if path.stem not in claimed and not _is_young(path)]


def _owed(layout: Layout, suffix: str) -> list[Path]:
    return sorted(layout.owed.glob(f"*{suffix}"))


def _is_lost(layout: Layout, path: Path, has_repository: bool) -> bool:
    """Whether a commit that is owed can no longer be written."""
    try:
        owed = msgspec.json.decode(path.read_bytes(), type=_Owed)
    except (OSError, msgspec.DecodeError):
        return not _is_young(path)
    lock = layout.lock(JournalName(RunId(owed.run), 0, 0))
    return not has_repository and not liveness.is_alive(lock, owed.host, owed.boot)


def _orphaned_rings(layout: Layout, runs: Collection[RunId]) -> list[Path]:
    """Rings of this store's runs that are written out: the process is gone, and so is its journal.

    Rings of other stores may hold records that nobody has read yet.
    """
    return [
        path
        for path, pid, name in _rings()
        if name.run in runs and not layout.journal(name).exists() and not _runs(pid)
    ]


def _rings() -> Iterator[tuple[Path, int, JournalName]]:
    for folder in ring.folders():
        for path in sorted(folder.glob(f"flor-{os.getuid()}-*.ring")):
            _, _, pid, rest = path.stem.split("-", 3)
            name = parse_journal_name(rest)
            if name and pid.isdigit():
                yield path, int(pid), name


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
