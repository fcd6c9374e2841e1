"""Takes out of a checkpoint store what a plan says, so that no manifest ever lacks a blob it had."""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from flor.checkpoints import budget, lock, manifest, packs, repack
from flor.checkpoints.budget import Checkpoint, Pack, Plan, Reason, Wanted
from flor.checkpoints.entry import parse
from flor.errors import StoreError

YOUNG_S = 3600.0
"""While a run goes on, what is younger may be about to be used."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that is in a store, as far as room goes."""

    checkpoints: tuple[Checkpoint, ...]
    packs: tuple[Pack, ...]
    problems: tuple[str, ...]  # manifests that cannot be read: what they need is not known


@dataclass(frozen=True, slots=True)
class Compressed:
    """What compressing brought."""

    pack_count: int = 0
    before_bytes: int = 0
    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken out."""

    file_count: int = 0
    size_bytes: int = 0


def survey(folder: Path, *, is_young_spared: bool) -> Survey:
    """What is there now."""
    found, problems = [], []
    for path in sorted(folder.glob(f"*/*{manifest.SUFFIX}")):
        try:
            found.append(_checkpoint(path))
        except (OSError, StoreError, ValueError) as problem:
            # One that has just been taken out is no problem.
            problems += [str(problem)] if path.exists() else []
    paths = sorted(folder.glob(f"*/*{packs.SUFFIX}"))
    readable = [pack for pack in (_pack(path, is_young_spared) for path in paths) if pack]
    return Survey(tuple(found), tuple(readable), tuple(problems))


def orphans(folder: Path, known: Collection[str]) -> set[str]:
    """Runs that are not known and have not kept anything for a while."""
    newest: dict[str, float] = {}
    for path in folder.glob("*/*"):
        run = path.parent.name.partition(".")[0]
        with suppress(FileNotFoundError):
            newest[run] = max(newest.get(run, 0.0), path.stat().st_mtime)
    return {run for run, then in newest.items() if run not in known and time.time() - then > YOUNG_S}


def decide(found: Survey, wanted: Wanted) -> Plan:
    """What goes. While a manifest cannot be read, every pack stays: what it needs is not known."""
    if not found.problems:
        return budget.plan(found.checkpoints, found.packs, wanted)
    spared = [replace(pack, is_spared=True) for pack in found.packs]
    return budget.plan(found.checkpoints, spared, replace(wanted, budget_bytes=float("inf")))


def take_out(folder: Path, wanted: Wanted) -> Taken:
    """Do what is decided on what is there when nobody else changes it.

    Killed anywhere, it leaves every manifest that is still there all its blobs: manifests go before packs,
    and a pack's smaller successor takes its place in one step.

    Raises:
        OSError: the store cannot be written; what is left is whole.
    """
    if not folder.exists():
        return Taken()
    with lock.taking_out(folder):
        plan = decide(survey(folder, is_young_spared=bool(wanted.running)), wanted)
        gone = [each for each in plan.goes if each.reason is not Reason.MOSTLY_DEAD]
        for each in gone:
            each.path.unlink(missing_ok=True)
        freed = sum(each.size_bytes for each in gone)
        for rewrite in plan.rewrites:
            freed += rewrite.pack.size_bytes - repack.without(rewrite.pack.path, rewrite.needed)
        _remove_empty({each.path.parent for each in gone})
    return Taken(len(gone), freed)


def to_compress(folder: Path) -> list[Path]:
    """The packs that nobody has compressed yet."""
    return [path for path in sorted(folder.glob(f"*/*{packs.SUFFIX}")) if not _was_compressed(path)]


def compress(folder: Path) -> Compressed:
    """Compress each pack that is not compressed yet.

    Raises:
        OSError: the store cannot be written; what is left is whole.
    """
    count = before = after = 0
    for path in to_compress(folder):
        # Pack by pack: a run that trains meanwhile waits for one of them, not for all.
        with lock.taking_out(folder), suppress(FileNotFoundError, StoreError):
            size = path.stat().st_size
            after += repack.compress(path)
            before += size
            count += 1
    return Compressed(count, before, after)


def _checkpoint(path: Path) -> Checkpoint:
    described, size = manifest.read(path), path.stat().st_size
    return Checkpoint(path, size, described.run, parse(described.entry), frozenset(described.hashes()))


def _pack(path: Path, is_young_spared: bool) -> Pack | None:
    """The pack; None if it cannot be read: then it is left as it is, for fsck to name."""
    try:
        found, status = packs.extents(path), path.stat()
    except (StoreError, FileNotFoundError):
        return None
    blobs = {digest: extent.size_bytes for digest, extent in found.items()}
    return Pack(path, status.st_size, blobs, is_young_spared and time.time() - status.st_mtime < YOUNG_S)


def _was_compressed(path: Path) -> bool:
    """Whether there is nothing more to compress; nor is there in a pack that cannot be read."""
    try:
        return packs.index(path).was_compressed
    except StoreError:
        return True


def _remove_empty(folders: set[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # others of the process are still there
            folder.rmdir()
