"""Which files a snapshot holds, by git's name for their content."""

import os
from collections.abc import Sequence

from flor.snapshots import git
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository

_TIME_LIMIT_S = 10.0


def oids(repository: Repository, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """Those of the paths (from the top) that are regular files of a tree, with the name of the blob.

    Raises:
        GitError: the repository cannot be read.
    """
    if not paths:
        return {}
    arguments = ("--literal-pathspecs", "ls-tree", "-z", "--full-tree", tree, "--", *paths)
    printed = os.fsdecode(git.run(repository, *arguments, deadline=Deadline.after(_TIME_LIMIT_S)))
    found = {}
    for line in printed.split("\0"):
        about, _, path = line.partition("\t")
        if about.startswith("100"):
            found[path] = about.split()[2]
    return found
