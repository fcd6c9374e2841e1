"""Adds files to a tree that stand in no working tree: the cells of a notebook."""

import os
from collections.abc import Mapping
from pathlib import Path

from flor.snapshots import git, index
from flor.snapshots.git import Deadline
from flor.snapshots.repository import Repository


def overlaid(
    repository: Repository, folder: Path, tree: str, files: Mapping[str, bytes], deadline: Deadline
) -> str:
    """The tree with these files (path -> content) added or replaced.

    Args:
        folder: where private indexes are kept.
    """
    entries = [_entry(repository, path, content, deadline) for path, content in files.items()]
    private = index.scratch(folder)
    try:
        git.run(repository, "read-tree", tree, index=private, deadline=deadline)
        arguments = ("update-index", "-z", "--index-info")
        git.run(repository, *arguments, stdin=b"".join(entries), index=private, deadline=deadline)
        written = git.run(repository, "write-tree", index=private, deadline=deadline)
    finally:
        index.discard(private)
    return os.fsdecode(written).strip()


def _entry(repository: Repository, path: str, content: bytes, deadline: Deadline) -> bytes:
    arguments = ("hash-object", "-w", "--no-filters", "--stdin")
    blob = git.run(repository, *arguments, stdin=content, deadline=deadline).strip()
    return b"100644 %b\t%b\0" % (blob, os.fsencode(path))
