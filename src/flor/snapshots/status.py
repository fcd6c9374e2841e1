"""Reads the output of `git status --porcelain=v2 -z --branch`; pure."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

_UNREADABLE_FOLDER = "warning: could not open directory '"


@dataclass(frozen=True, slots=True)
class Change:
    """One path at which the working tree differs from the index."""

    path: str  # relative to the top, `/` between parts; a nested repository ends with `/`
    is_tracked: bool
    is_submodule: bool = False
    is_dirty: bool = False  # a submodule that holds uncommitted changes
    is_deleted: bool = False
    is_same: bool = False  # nothing to take: the entry is here for what else it tells


@dataclass(frozen=True, slots=True)
class Status:
    """The working tree against the index."""

    head: str | None  # commit; None while the branch is unborn
    branch: str | None  # checked out here; None where HEAD is detached
    changes: tuple[Change, ...]
    unreadable: tuple[str, ...]  # folders that git could not open


def parse(stdout: bytes, stderr: bytes) -> Status:
    """The status that git printed.

    Staged changes do not matter here: what is in the index agrees with the working tree there.
    """
    head, branch, changes = None, None, []
    for record in stdout.split(b"\0"):
        mark, _, rest = record.partition(b" ")
        if mark == b"#":
            name, _, value = os.fsdecode(rest).partition(" ")
            head = value if name == "branch.oid" and value != "(initial)" else head
            branch = value if name == "branch.head" and value != "(detached)" else branch
        elif mark == b"?":
            changes.append(Change(os.fsdecode(rest), is_tracked=False))
        elif mark in (b"1", b"u"):
            changes.append(_tracked(rest, 7 if mark == b"1" else 9))
    kept = tuple(change for change in changes if not change.is_same)
    return Status(head, branch, kept, tuple(_unreadable_folders(stderr)))


def _tracked(rest: bytes, fields: int) -> Change:
    """A tracked entry: `fields` words, the first two being XY and the submodule's state, then the path."""
    words = rest.split(b" ", fields)
    state, submodule, path = words[0].decode(), words[1].decode(), os.fsdecode(words[fields])
    is_dirty = submodule.startswith("S") and submodule[2:] != ".."
    return Change(
        path,
        is_tracked=True,
        is_submodule=submodule.startswith("S"),
        is_dirty=is_dirty,
        is_deleted=state[1] == "D",
        is_same=state[1] == "." and not is_dirty,
    )


def _unreadable_folders(stderr: bytes) -> Iterator[str]:
    for line in os.fsdecode(stderr).splitlines():
        if line.startswith(_UNREADABLE_FOLDER):
            yield line.removeprefix(_UNREADABLE_FOLDER).partition("'")[0]
