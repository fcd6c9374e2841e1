"""The branches of code versions: where they stand, new commits, and moving a branch safely."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flor.errors import GitError
from flor.snapshots import git
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

SHADOW = "flor.shadow"
RUN_TRAILER = "Flor-Run"
AUTO_COMMIT = "FLOR::Auto-commit::"
IDENTITY = ("FlorDB", "flordb@localhost")

_NAME = re.compile(r"flor\.shadow(?:\.(\d+))?")
_STALE_LOCK_S = 60  # git holds the lock of a branch for milliseconds
_LOST_RACE = ("but expected", "already exists", "File exists", "unable to resolve reference")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of code versions: `flor.shadow`, or `flor.shadow.N` written while that was checked out."""

    name: str
    commit: str
    tree: str
    worktree: str  # where it is checked out; "" where it is not

    @property
    def number(self) -> int:
        match = _NAME.fullmatch(self.name)
        return int(match[1]) if match and match[1] else 0


def branches(repository: Repository, deadline: Deadline | None = None) -> tuple[Branch, ...]:
    """All branches of code versions, `flor.shadow` first."""
    fields = "%(refname)%00%(objectname)%00%(tree)%00%(worktreepath)%00"
    patterns = (f"refs/heads/{SHADOW}", f"refs/heads/{SHADOW}.*")
    listing = git.run(repository, "for-each-ref", f"--format={fields}", *patterns, deadline=deadline)
    values = os.fsdecode(listing).split("\0")
    found = [_branch(values[at : at + 4]) for at in range(0, len(values) - 4, 4)]
    return tuple(sorted((b for b in found if _NAME.fullmatch(b.name)), key=lambda b: b.number))


def writable(known: Sequence[Branch], current: str | None = None) -> str:
    """The first of flor.shadow, flor.shadow.1, … that no working tree has checked out.

    Moving a branch that is checked out would show its changes as the user's own, reversed. The
    branch `current` may be moved all the same.
    """
    taken = {branch.name for branch in known if branch.worktree and branch.name != current}
    names = (SHADOW, *(f"{SHADOW}.{number}" for number in range(1, len(taken) + 1)))
    return next(name for name in names if name not in taken)


def commit(
    repository: Repository,
    tree: str,
    parents: Sequence[str],
    message: str,
    deadline: Deadline | None = None,
) -> str:
    """A new commit by the user, or by FlorDB where the user has no identity configured."""
    arguments = ["commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-"]
    feed = message.encode()
    own = git.execute(repository, "-c", "user.useConfigOnly=true", *arguments, stdin=feed, deadline=deadline)
    if own.code:
        return os.fsdecode(
            git.run(repository, *arguments, stdin=feed, environ=_fallback(), deadline=deadline)
        ).strip()
    return os.fsdecode(own.stdout).strip()


def advance(repository: Repository, ref: str, new: str, previous: str) -> bool:
    """Whether the reference moved to `new`; not if it no longer stands at `previous` ("": does not exist)."""
    arguments = ("update-ref", "-m", "flor", ref, new, previous)
    output = git.execute(repository, *arguments)
    if not output.code:
        return True
    error = git.failure(repository, arguments, output)
    if not any(words in error.message for words in _LOST_RACE):
        raise error
    _remove_stale_lock(repository, ref)
    return False


def attempts(limit_s: float = 30.0) -> Iterator[int]:
    """The numbers of attempts at something that another process may get ahead of, with pauses between."""
    end, pause_s, number = time.monotonic() + limit_s, 0.004, 0
    while number == 0 or time.monotonic() < end:
        yield number
        number += 1
        # The operating system's randomness: the user's generators must not be drawn from.
        time.sleep(pause_s * (0.5 + os.urandom(1)[0] / 255))
        pause_s = min(pause_s * 1.5, 0.25)


def contended(ref: str) -> GitError:
    """The error of a reference that other processes moved in every attempt."""
    return GitError(
        f"{ref} could not be moved: other processes moved it each time.",
        f"If no other run is active, delete a left-over lock file: {ref}.lock in the git folder.",
    )


def _branch(values: Sequence[str]) -> Branch:
    ref, commit_id, tree, worktree = values
    return Branch(ref.strip().removeprefix("refs/heads/"), commit_id, tree, worktree)


def _fallback() -> dict[str, str]:
    name, address = IDENTITY
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }


def _remove_stale_lock(repository: Repository, ref: str) -> None:
    """Delete the lock that a killed git left on a reference of ours."""
    lock = Path(repository.common_dir, f"{ref}.lock")
    try:
        if time.time() - lock.stat().st_mtime > _STALE_LOCK_S:
            lock.unlink()
    except FileNotFoundError:
        return
