"""Writes the working tree as a git tree, through a private index."""

import os
import stat
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from flor.errors import GitError
from flor.snapshots import git, index, selection, status
from flor.snapshots.git import Deadline, TimedOut
from flor.snapshots.index import Memory
from flor.snapshots.repository import Repository
from flor.snapshots.selection import Candidate, Rules, Shape
from flor.snapshots.status import Change, Status

_SETTLED_NS = 2_000_000_000  # coarser than any file system's clock
_ADD_ATTEMPTS = 64  # calls of git to find the files that it cannot add
_STATUS = (
    "status",
    "--porcelain=v2",
    "-z",
    "--branch",
    "--no-ahead-behind",
    "--no-renames",
    "--ignore-submodules=none",
)


@dataclass(frozen=True, slots=True)
class Captured:
    """The working tree as a tree object, and where the user stood."""

    tree: str
    head: str | None  # the user's commit; None while the branch is unborn
    branch: str | None  # the user's branch; None where HEAD is detached
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sight:
    """One look at the working tree: enough to tell whether it is the one of the last snapshot."""

    status: Status
    candidates: tuple[Candidate, ...]
    signature: str  # "" where a later change might leave no trace in it


def capture(repository: Repository, folder: Path, rules: Rules, deadline: Deadline) -> Captured:
    """The working tree as it is now.

    Args:
        folder: where private indexes are kept.

    Raises:
        TimedOut: the deadline came first.
        GitError: the tree cannot be written.
    """
    rules = _with_refusal(repository, rules, deadline)
    memory = index.recall(repository, folder, rules.below)
    with index.working_copy(repository, folder, deadline) as private:
        sight = _look(repository, private.path, rules, deadline)
        index.keep(private)
        if not (memory and memory.signature and memory.signature == sight.signature):
            memory = _write(repository, private.path, rules, sight, deadline)
            index.remember(repository, folder, rules.below, memory)
    return Captured(memory.tree, sight.status.head, sight.status.branch, memory.left_out)


def capture_loaded(
    repository: Repository, folder: Path, rules: Rules, reason: str, deadline: Deadline
) -> Captured:
    """Only the files of imported modules, where everything takes too long."""
    is_secret = selection.matcher((*selection.SECRETS, *rules.exclude))
    paths = sorted(path for path in rules.loaded if not is_secret(path))
    found = git.execute(repository, "rev-parse", "--verify", "--quiet", "HEAD", deadline=deadline)
    private = index.scratch(folder)
    try:
        failed = _add(repository, private, paths, deadline) if paths else []
        tree = _write_tree(repository, private, deadline)
    finally:
        index.discard(private)
    left_out = (f"all but imported modules: {reason}", *selection.name(failed))
    return Captured(tree, os.fsdecode(found.stdout).strip() or None, None, left_out)


def loaded_paths(repository: Repository, files: Collection[Path]) -> frozenset[str]:
    """Those of the files that are the project's own, relative to the top of the working tree."""
    worktree = str(repository.worktree)
    tops = {worktree + "/", os.path.realpath(worktree) + "/"}
    environments = {str(Path(prefix)) + "/" for prefix in (sys.prefix, sys.base_prefix)}
    paths = set()
    for file in map(str, files):
        top = next((top for top in tops if file.startswith(top)), None)
        # An environment within the project is not of the project; a project within one is.
        is_installed = any(file.startswith(inner) for inner in environments if top and inner.startswith(top))
        if top and not is_installed:
            paths.add(file.removeprefix(top))
    return frozenset(path for path in paths if not _is_installed(path))


def _is_installed(path: str) -> bool:
    return not {"site-packages", "dist-packages", ".flor"}.isdisjoint(path.split("/"))


def _with_refusal(repository: Repository, rules: Rules, deadline: Deadline) -> Rules:
    if os.path.realpath(os.path.expanduser("~")) == os.path.realpath(repository.worktree):
        return replace(rules, refusal="untracked, and the repository is the home folder")
    asked = git.execute(repository, "config", "--get", "status.showUntrackedFiles", deadline=deadline)
    if asked.stdout.strip().lower() in (b"no", b"false", b"off", b"0"):
        return replace(rules, refusal="untracked, and status.showUntrackedFiles is no")
    return rules


def _look(repository: Repository, private: Path, rules: Rules, deadline: Deadline) -> _Sight:
    began_ns = time.time_ns()
    untracked = f"--untracked-files={'no' if rules.refusal else 'all'}"
    output = git.execute(repository, *_STATUS, untracked, index=private, deadline=deadline)
    if output.code:
        raise git.failure(repository, (*_STATUS, untracked), output)
    found = status.parse(output.stdout, output.stderr)
    # While the store is being made it does not ignore itself yet.
    changes = [c for c in found.changes if c.is_tracked or not selection.is_own(c.path, rules.store)]
    stats = [_stat(repository, change.path) for change in changes]
    candidates = tuple(_candidate(repository, *pair) for pair in zip(changes, stats, strict=True))
    basis = output.stdout + output.stderr + _digestible(rules, stats)
    is_certain = all(_is_settled(entry, began_ns) for entry in stats) and not _has_submodule(changes)
    return _Sight(found, candidates, xxh3_128_hexdigest(basis) if is_certain else "")


def _stat(repository: Repository, path: str) -> os.stat_result | None:
    try:
        return os.lstat(os.path.join(repository.worktree, path))
    except OSError:
        return None


def _candidate(repository: Repository, change: Change, found: os.stat_result | None) -> Candidate:
    shape = _shape(repository, change, found)
    size = found.st_size if found and shape is Shape.FILE else 0
    return Candidate(change.path, change.is_tracked, shape, size, change.is_dirty)


def _shape(repository: Repository, change: Change, found: os.stat_result | None) -> Shape:
    if change.path.endswith("/"):
        return Shape.REPOSITORY
    if found is None or change.is_deleted:
        return Shape.MISSING
    if stat.S_ISLNK(found.st_mode):
        return Shape.LINK
    if stat.S_ISREG(found.st_mode):
        path = os.path.join(repository.worktree, change.path)
        is_readable = os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
        return Shape.FILE if is_readable else Shape.UNREADABLE
    return Shape.SUBMODULE if change.is_submodule and stat.S_ISDIR(found.st_mode) else Shape.OTHER


def _digestible(rules: Rules, stats: Sequence[os.stat_result | None]) -> bytes:
    """All that decides about the tree beside what git printed."""
    stamps = [s and (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in stats]
    settings = (rules.file_bytes, rules.untracked_files, rules.untracked_bytes, rules.exclude, rules.refusal)
    return repr((settings, rules.below, rules.store, sorted(rules.loaded), stamps)).encode()


def _is_settled(found: os.stat_result | None, began_ns: int) -> bool:
    """Whether a change of the file from now on is sure to show in its times."""
    return found is None or max(found.st_mtime_ns, found.st_ctime_ns) + _SETTLED_NS < began_ns


def _has_submodule(changes: Sequence[Change]) -> bool:
    return any(change.is_submodule for change in changes)  # its commit is not in what git prints


def _write(repository: Repository, private: Path, rules: Rules, sight: _Sight, deadline: Deadline) -> Memory:
    chosen = selection.select(sight.candidates, rules)
    unlisted = _unlisted(repository, private, rules, sight, deadline)
    if chosen.remove:
        _remove(repository, private, chosen.remove, deadline)
    failed = _add(repository, private, chosen.add, deadline) if chosen.add else []
    folders = [(path, "folder that cannot be opened") for path in sight.status.unreadable]
    left_out = (*chosen.left_out, *selection.name([*folders, *unlisted, *failed]))
    return Memory(sight.signature, _write_tree(repository, private, deadline), left_out)


def _unlisted(
    repository: Repository, private: Path, rules: Rules, sight: _Sight, deadline: Deadline
) -> list[tuple[str, str]]:
    """Files of imported modules that git neither tracks nor reports."""
    unseen = sorted(rules.loaded.difference(candidate.path for candidate in sight.candidates))
    if not unseen:
        return []
    asked = ("--literal-pathspecs", "ls-files", "-z", "--", *unseen)
    tracked = os.fsdecode(git.run(repository, *asked, index=private, deadline=deadline)).split("\0")
    reason = rules.refusal or "imported, but ignored by git"
    return [(path, reason) for path in unseen if path not in tracked]


def _remove(repository: Repository, private: Path, paths: Sequence[str], deadline: Deadline) -> None:
    arguments = ("update-index", "--force-remove", "-z", "--stdin")
    git.run(repository, *arguments, stdin=_feed(paths), index=private, deadline=deadline)


def _add(
    repository: Repository, private: Path, paths: Sequence[str], deadline: Deadline
) -> list[tuple[str, str]]:
    """Add the files as they are now; those that git cannot add are taken out and returned with the reason."""
    arguments = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
    pending = [tuple(paths)]
    failed: list[tuple[str, str]] = []
    for _ in range(_ADD_ATTEMPTS):
        if not pending:
            return failed
        part = pending.pop()
        try:
            git.run(repository, *arguments, stdin=_feed(part), index=private, deadline=deadline)
        except TimedOut:
            raise
        except GitError as error:
            if _is_hopeless(error):
                raise
            if len(part) == 1:
                _remove(repository, private, part, deadline)
                failed.append((part[0], "git cannot add it"))
            else:
                half = len(part) // 2
                pending += [part[half:], part[:half]]
    raise GitError(
        "git cannot add most of the files of the working tree.", "Run `git add --dry-run .` to see why."
    )


def _is_hopeless(error: GitError) -> bool:
    """Whether the fault lies in the repository, not in one of the files."""
    return any(
        words in error.message for words in ("repository database", "Read-only", "No space left", "on PATH")
    )


def _write_tree(repository: Repository, private: Path, deadline: Deadline) -> str:
    return os.fsdecode(git.run(repository, "write-tree", index=private, deadline=deadline)).strip()


def _feed(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
