"""The private git index of a working tree, through which snapshots are taken.

It begins as a copy of the user's index, which is never written. The kept one stands in the store under the
identity of the user's index that it was made from; every process works on a copy of its own.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from xxhash import xxh3_64_hexdigest

from flor.snapshots import git
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

_ABANDONED_S = 3600  # a copy this old belongs to a process that was killed


@dataclass(frozen=True, slots=True)
class PrivateIndex:
    """An index that this process may write, and the kept one that it was copied from."""

    path: Path
    kept: Path


@dataclass(frozen=True, slots=True)
class Memory:
    """What the last snapshot found, so that an unchanged working tree need not be added again."""

    signature: str  # of everything that decides about the tree; see capture.py
    tree: str
    left_out: tuple[str, ...]


@contextmanager
def working_copy(repository: Repository, folder: Path, deadline: Deadline) -> Iterator[PrivateIndex]:
    """An index of this process alone that tracks what the user's index tracks; deleted after the block."""
    path = scratch(folder)
    try:
        yield _prepare(repository, folder, path, deadline)
    finally:
        discard(path)


def scratch(folder: Path) -> Path:
    """The name of an index that does not exist yet and that no other process uses."""
    return folder / f"work-{os.getpid()}-{os.urandom(6).hex()}"


def discard(index: Path) -> None:
    """Delete a scratch index and what a killed git left beside it."""
    index.unlink(missing_ok=True)
    index.with_name(f"{index.name}.lock").unlink(missing_ok=True)


def keep(index: PrivateIndex) -> None:
    """Make what git learned about unchanged files available to the next snapshot."""
    if _times(index.path) == _times(index.kept):
        return
    beside = scratch(index.kept.parent)
    if _copy(index.path, beside):
        beside.replace(index.kept)
        _sweep(index.kept)


def forget(repository: Repository, folder: Path) -> bool:
    """Whether anything was kept; it is deleted."""
    kept = list(folder.glob(f"{_key(repository)}*"))
    for path in kept:
        path.unlink(missing_ok=True)
    return bool(kept)


def recall(repository: Repository, folder: Path, project: str) -> Memory | None:
    """What the last snapshot of this project found, if that is known."""
    try:
        content = _memory_file(repository, folder, project).read_bytes()
        return msgspec.json.decode(content, type=Memory)
    except (OSError, msgspec.MsgspecError):
        return None


def remember(repository: Repository, folder: Path, project: str, memory: Memory) -> None:
    """Keep what this snapshot found."""
    beside = scratch(folder)
    beside.write_bytes(msgspec.json.encode(memory))
    beside.replace(_memory_file(repository, folder, project))


def _memory_file(repository: Repository, folder: Path, project: str) -> Path:
    return folder / f"{_key(repository)}-{xxh3_64_hexdigest(os.fsencode(project))}.json"


def _prepare(repository: Repository, folder: Path, path: Path, deadline: Deadline) -> PrivateIndex:
    try:
        with (repository.git_dir / "index").open("rb") as users:
            kept = folder / f"{_key(repository)}-{_identity(users)}.index"
            if _copy(kept, path):
                return PrivateIndex(path, kept)
            _write(users, path)
    except FileNotFoundError:
        kept = folder / f"{_key(repository)}-none.index"
        # Fails where there is no commit yet; then there is nothing to track.
        git.execute(repository, "read-tree", "HEAD", index=path, deadline=deadline)
    _clear_flags(repository, path, deadline)
    return PrivateIndex(path, kept)


def _clear_flags(repository: Repository, path: Path, deadline: Deadline) -> None:
    """Let git look at every file: the user's flags tell it not to look at some."""
    listing = git.run(repository, "ls-files", "-v", "-z", index=path, deadline=deadline).split(b"\0")
    assumed = [entry[2:] for entry in listing if entry[:1].islower()]
    skipped = [entry[2:] for entry in listing if entry[:1] in (b"S", b"s")]
    for option, names in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if names:
            feed = b"\0".join(names)
            arguments = ("update-index", option, "-z", "--stdin")
            git.run(repository, *arguments, stdin=feed, index=path, deadline=deadline)


def _key(repository: Repository) -> str:
    return xxh3_64_hexdigest(os.fsencode(repository.git_dir))


def _identity(users: IO[bytes]) -> str:
    """Changes whenever the user's index is written."""
    found = os.fstat(users.fileno())
    users.seek(max(found.st_size - 20, 0))  # git ends an index with its checksum
    checksum = users.read()
    users.seek(0)
    stamp = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino} "
    return xxh3_64_hexdigest(stamp.encode() + checksum)


def _copy(source: Path, target: Path) -> bool:
    """Whether there was something to copy."""
    try:
        with source.open("rb") as opened:
            _write(opened, target)
    except FileNotFoundError:
        return False
    return True


def _write(source: IO[bytes], target: Path) -> None:
    """Copy with the times: by them git knows which entries it cannot trust without looking at the content."""
    found = os.fstat(source.fileno())
    target.write_bytes(source.read())
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _times(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _sweep(kept: Path) -> None:
    """Delete what was made from former states of the user's index, and copies of killed processes."""
    prefix = kept.name.partition("-")[0]
    abandoned = time.time() - _ABANDONED_S
    for entry in os.scandir(kept.parent):
        is_former = (
            entry.name.startswith(prefix) and entry.name.endswith(".index") and entry.name != kept.name
        )
        if is_former or (entry.name.startswith("work-") and _modified(entry) < abandoned):
            Path(entry.path).unlink(missing_ok=True)


def _modified(entry: "os.DirEntry[str]") -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return time.time()
