"""Working trees in which runs are executed again: in the store, apart from the user's, and gone afterwards.

Each is a folder of its own below `.flor/worktrees`, held by a lock while its replay lives. git is asked to
write the files and knows of no working tree: nothing shows in `git worktree list`, and no branch, HEAD or
index of the user's is touched. Beside the files stands a small repository of its own, so that a program which
asks git for its commit is answered as it was, and one that commits does so nowhere.
"""

import fcntl
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flor.errors import GitError, StoreError
from flor.replay import checkout
from flor.replay.checkout import Code
from flor.replay.mapping import Relocation
from flor.snapshots import git, refs
from flor.snapshots.repository import Repository

_LOCK, _TREE, _INDEX, _SCRATCH = "lock", "tree", "index", "scratch"
_ABANDONED_S = 2 * 24 * 3600.0  # on a host whose locks cannot be tested from here
_UNFINISHED_S = 60.0  # a folder without a lock is being made
_OBJECTS = "flor-objects"
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Worktree:
    """The files of one version, for one process at a time."""

    folder: Path  # of this working tree alone; for what belongs to it and is none of its files
    path: Path  # where the files are
    seen_at: Path  # where the program sees them: the original place where that is mounted over, else `path`
    relocation: Relocation

    @property
    def scratch(self) -> Path:
        """For files that somebody must write and nobody wants."""
        return self.folder / _SCRATCH

    @property
    def is_mounted(self) -> bool:
        return self.seen_at != self.path


@dataclass(slots=True)
class Worktrees:
    """The working trees of one replay. One that was given back serves again: only what differs is written."""

    home: Path  # the folder of all of them
    root: str  # where the runs took place
    relocation: Callable[[Path], Relocation]  # for files at this place
    is_mounting: bool
    _free: list[Path] = field(default_factory=list)
    _locks: dict[Path, int] = field(default_factory=dict)

    def take(
        self, code: Code, files: Mapping[str, str], is_needed: Callable[[str], bool] = lambda path: True
    ) -> Worktree:
        """A working tree of this code, with these texts in the place of what it has under their names.

        Raises:
            VersionUnavailable: the code, or a part of it that is needed, cannot be had.
            StoreError: the store cannot be written.
        """
        try:
            folder = self._free.pop() if self._free else self._make()
            return self._filled(folder, code, files, is_needed)
        except OSError as error:
            raise StoreError(
                f"A working tree cannot be made in {self.home}: {error}", "Make room there, or set FLOR_HOME."
            ) from error

    def give_back(self, tree: Worktree) -> None:
        """Let another segment use the folder; what this one has written there is deleted."""
        self._free.append(tree.folder)

    def close(self) -> None:
        """Delete all of them."""
        for folder, lock in self._locks.items():
            delete(folder)
            os.close(lock)
        self._locks.clear()
        self._free.clear()

    def _make(self) -> Path:
        self.home.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            folder = self.home / os.urandom(6).hex()
            folder.mkdir()
            lock = _lock(folder / _LOCK)
            if lock is not None:
                (folder / _TREE).mkdir()
                self._locks[folder] = lock
                return folder
        raise StoreError(f"No folder in {self.home} can be locked.", "Look into that folder.")

    def _filled(
        self, folder: Path, code: Code, files: Mapping[str, str], is_needed: Callable[[str], bool]
    ) -> Worktree:
        path, index = folder / _TREE, folder / _INDEX
        if index.exists() and not _is_cleaned(path, code.repository, index):
            delete(path)
            for former in folder.glob(f"{_INDEX}*"):
                former.unlink()
        path.mkdir(exist_ok=True)
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        (folder / _SCRATCH).mkdir()
        entries = checkout.fill(path, code, index, is_needed)
        relocation = self.relocation(path)
        seen_at = Path(self.root) if self.is_mounting else path
        if not self.is_mounting:
            checkout.redirect_links(path, entries, self.root, relocation)
        _make_repository(path, code, index, seen_at if self.is_mounting else None)
        checkout.write_over(path, files)
        return Worktree(folder, path, seen_at, relocation)


@contextmanager
def opened(
    home: Path, root: str, relocation: Callable[[Path], Relocation], is_mounting: bool
) -> Iterator[Worktrees]:
    """Working trees that are deleted after the block; those of replays that were killed are deleted first."""
    sweep(home)
    trees = Worktrees(home, root, relocation, is_mounting)
    try:
        yield trees
    finally:
        trees.close()


def sweep(home: Path) -> tuple[str, ...]:
    """Delete the working trees that no living replay holds; their names."""
    swept = []
    for folder in _folders(home):
        lock = _abandoned(folder)
        if lock is None:
            continue
        delete(folder)
        os.close(lock)
        swept.append(folder.name)
    return tuple(swept)


def shared_objects(repository: Repository) -> Path:
    """The folder of the user's git objects, to which private repositories refer."""
    return repository.common_dir / "objects"


def objects_within(seen_at: Path) -> Path:
    """Where the user's git objects are mounted, where the private repository hides them."""
    return seen_at / ".git" / _OBJECTS


def delete(folder: Path) -> None:
    """Delete a folder, also what a program has made read-only. What resists is left to the next replay."""
    handler: dict[str, Any] = {"onexc" if sys.version_info >= (3, 12) else "onerror": _permit}
    shutil.rmtree(folder, **handler)


def _permit(function: Callable[..., Any], path: str, error: object) -> None:
    with suppress(OSError):
        for each in (os.path.dirname(path), path):
            if not os.path.islink(each):
                os.chmod(each, stat.S_IRWXU)
        if function in (os.unlink, os.rmdir):
            function(path)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _is_cleaned(path: Path, repository: Repository, index: Path) -> bool:
    """Whether all is gone that the last program has left beside the files of its version."""
    shutil.rmtree(path / ".git", ignore_errors=True)
    if len(list(index.parent.glob(f"{_INDEX}*"))) > 1:
        return False  # git cleans no submodules
    place = Repository(path, path, repository.git_dir, repository.common_dir)
    try:
        git.run(place, "clean", "--quiet", "-ffdx", index=index)
    except GitError:
        return False
    return not (path / ".git").exists()


def _make_repository(path: Path, code: Code, index: Path, mounted_at: Path | None) -> None:
    """A repository with the user's objects, tags and branches, and HEAD where it was."""
    inner = path / ".git"
    shutil.rmtree(inner, ignore_errors=True)
    for name in ("objects/info", "refs/heads", "refs/tags", "info"):
        (inner / name).mkdir(parents=True)
    objects = shared_objects(code.repository).resolve()
    if mounted_at:
        objects_within(path).mkdir()
        objects = objects_within(mounted_at)
    (inner / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
    (inner / "config").write_text(_config(len(code.tree)), "utf-8")
    (inner / "HEAD").write_text(f"{code.base or 'ref: refs/heads/main'}\n", "utf-8")
    (inner / "packed-refs").write_bytes(_packed_refs(code.repository))
    (inner / "info" / "exclude").write_text(".flor/\n", "utf-8")
    if code.base and not _read_index(path, code, code.base):
        shutil.copy2(index, inner / "index")


def _read_index(path: Path, code: Code, base: str) -> bool:
    """Whether git will see as changed what the user had not committed; not where their commit is gone."""
    place = Repository(path, path, code.repository.git_dir, code.repository.common_dir)
    return git.execute(place, "read-tree", base, index=path / ".git" / "index").code == 0


def _config(name_length: int) -> str:
    is_sha256 = name_length == 64
    core = f"[core]\n\trepositoryformatversion = {int(is_sha256)}\n\tbare = false\n"
    return core + ("[extensions]\n\tobjectFormat = sha256\n" if is_sha256 else "")


def _packed_refs(repository: Repository) -> bytes:
    patterns = ("refs/heads", "refs/tags")
    listed = git.run(repository, "for-each-ref", "--format=%(objectname) %(refname)", *patterns)
    ours = f" refs/heads/{refs.SHADOW}".encode()
    return b"".join(line + b"\n" for line in listed.splitlines() if ours not in line)


def _folders(home: Path) -> Iterable[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(home) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _lock(path: Path) -> int | None:
    """A lock on this file, which says whose it is; None where somebody else was faster.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A sweep may have taken the file for abandoned between its making and its locking.
        if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, socket.gethostname().encode())
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # it is another's, or gone
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _abandoned(folder: Path) -> int | None:
    """The lock of a folder that nobody holds, now ours; None where somebody does, or it cannot be told."""
    try:
        found = os.stat(folder / _LOCK)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return _without_lock(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        host = os.read(descriptor, 256).decode("utf-8", "replace")
        if host == socket.gethostname() or time.time() - found.st_mtime > _ABANDONED_S:
            return descriptor
    except OSError:
        pass  # held
    os.close(descriptor)
    return None


def _without_lock(folder: Path) -> int | None:
    try:
        if time.time() - os.stat(folder).st_mtime < _UNFINISHED_S:
            return None
        return _lock(folder / _LOCK)
    except OSError:
        return None
