"""What differs between the working tree and a version, as git sees it: filters and line ends are undone."""

import os
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Version
from flor.snapshots import git, index, selection
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

# An executable bit is no code.
_DIFF = ("-c", "core.fileMode=false", "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff")
_SUBMODULES = "--ignore-submodules=untracked"


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths from the top of the working tree."""

    different: frozenset[str]  # files of the version that are gone or have another content
    held: frozenset[str]  # all files of the version
    tracked: frozenset[str]  # those of them that the user's git tracks, now or when the run began


def since(repository: Repository, folder: Path, version: Version, deadline: Deadline) -> Changes:
    """The changes of the working tree since a version. Files that are new do not count.

    Args:
        folder: where private indexes are kept.

    Raises:
        GitError: the repository cannot be read, or lacks the version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with index.working_copy(repository, folder, deadline) as private:
        now = _names(git.run(repository, "ls-files", "-z", index=private.path, deadline=deadline))
        # What the index knows of unchanged files stays: git need not read those again.
        git.run(repository, "read-tree", "--reset", version.tree, index=private.path, deadline=deadline)
        held = _names(git.run(repository, "ls-files", "-z", index=private.path, deadline=deadline))
        printed = git.run(repository, *_DIFF, _SUBMODULES, index=private.path, deadline=deadline)
    then = _tracked_then(repository, version, deadline)
    store = os.path.relpath(folder.parent, repository.worktree)
    different = {path for path in _names(printed) if not selection.is_own(path, store)}
    return Changes(frozenset(different), held, held & (now | then))


def _tracked_then(repository: Repository, version: Version, deadline: Deadline) -> frozenset[str]:
    """What was committed when the run began. Of files that were only staged then, the index of now tells."""
    if version.base is None:
        return frozenset()
    arguments = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", version.base)
    output = git.execute(repository, *arguments, deadline=deadline)
    # A commit that was rewritten since may be gone; the index still tells what is tracked.
    return frozenset() if output.code else _names(output.stdout)


def _names(printed: bytes) -> frozenset[str]:
    return frozenset(os.fsdecode(printed).split("\0")) - {""}
