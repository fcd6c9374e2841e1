"""Exchanges the code of runs and their sealed records with a remote repository.

The code is the branch `flor.shadow`; the records are a tree of files on `refs/flor/records`. Both sides
are merged by union: nothing that either has is lost, and what is on the remote is never rewritten. Nothing
else is touched: no file, no index, no branch or tracking branch of the user's.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_64_hexdigest

from flor.errors import FlorError, GitError
from flor.snapshots import git, objects, refs
from flor.snapshots.repository import Repository
from flor.snapshots.union import (
    RECORDS_REF,
    MergedRecords,
    Stored,
    merge_code,
    merge_records,
    resolve,
    stored,
)

_SHADOW_REF = f"refs/heads/{refs.SHADOW}"
# The empty refmap keeps git from moving the user's tracking branches.
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--prune",
    "--no-prune-tags",
    "--refmap=",
)
_PUSH = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
_MOVED_MEANWHILE = ("[rejected]", "cannot lock ref", "failed to update ref", "incorrect old value")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the remote has now that it had not before."""

    remote: str
    commits: int
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What this repository has now that it had not before."""

    remote: str
    commits: int
    branch: str | None  # written instead of flor.shadow, because that is checked out; else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of records that were pushed from here or pulled to here."""

    repository: Repository
    files: Mapping[str, Stored]

    def read(self, names: Iterable[str]) -> Iterator[bytes]:
        """The contents of the files of these names, one at a time."""
        with objects.opened(self.repository) as source:
            for name in names:
                content = source.read(self.files[name].blob)
                if content is None:
                    raise GitError(f"{name} is not in the repository.", "Run `flor pull` again.")
                yield content


@dataclass(frozen=True, slots=True)
class _Theirs:
    """Where the remote stands; "" for what it lacks."""

    code: str
    records: str


def push(
    repository: Repository, offer: Callable[[Shelf], Mapping[str, Path]], remote: str | None = None
) -> Pushed:
    """Send the code of runs, and files of records under their names.

    Commits that only the remote has are merged here on the way, and so are records; `read` them from
    the shelf.

    Args:
        offer: files to send, by name, beyond those on the shelf that it is given, which holds what the
            remote has; it is asked again where the remote moved meanwhile. A file that is there under
            the same name and size is not sent again.

    Raises:
        FlorError: there is no remote to send to.
        GitError: the remote cannot be reached, or refuses.
    """
    name = choose_remote(repository, remote)
    commits, names = 0, set[str]()
    for _ in refs.attempts():
        theirs = _fetch(repository, name)
        code = merge_code(repository, theirs.code)
        records = merge_records(repository, theirs.records, offer(_shelf(repository, theirs.records)))
        if not _send(repository, name, theirs, _Theirs(code.tip, records.tip)):
            continue
        commits += code.new_there
        names.update(records.new_there)
        if _place(repository, code.tip, records) is not None:
            return Pushed(name, commits, tuple(sorted(names)))
    raise refs.contended(_SHADOW_REF)


def pull(repository: Repository, remote: str | None = None) -> Pulled:
    """Fetch the code and the records of other clones, and merge them with ours; the shelf has them then.

    Raises:
        FlorError: there is no remote to fetch from.
        GitError: the remote cannot be reached.
    """
    name = choose_remote(repository, remote)
    for _ in refs.attempts():
        theirs = _fetch(repository, name)
        code = merge_code(repository, theirs.code)
        branch = _place(repository, code.tip, merge_records(repository, theirs.records, {}))
        if branch is not None:
            return Pulled(name, code.new_here, branch if branch not in ("", refs.SHADOW) else None)
    raise refs.contended(_SHADOW_REF)


def shelf(repository: Repository) -> Shelf:
    """All records that were pushed from here or pulled to here."""
    return _shelf(repository)


def _shelf(repository: Repository, theirs: str = "") -> Shelf:
    ours = stored(repository, resolve(repository, RECORDS_REF))
    return Shelf(repository, ours | stored(repository, theirs))


def choose_remote(repository: Repository, wanted: str | None = None) -> str:
    """The remote that is meant: the one asked for, the current branch's, `origin`, or the only one.

    Raises:
        FlorError: there is none, or several and no reason to choose one.
    """
    if wanted:
        return wanted
    settings = _remote_settings(repository)
    head = git.execute(repository, "symbolic-ref", "--quiet", "--short", "HEAD")
    branch = os.fsdecode(head.stdout).strip()
    upstream = settings.get(f"branch.{branch}.remote", ".")
    names = sorted(key[7:-4] for key in settings if key.startswith("remote."))
    if upstream != ".":
        return upstream
    if "origin" in names or len(names) == 1:
        return "origin" if "origin" in names else names[0]
    if names:
        raise FlorError("There are several remotes, and none is `origin`.", f"Name one: {', '.join(names)}.")
    raise FlorError("The repository has no remote.", "Add one with: git remote add origin URL")


def _remote_settings(repository: Repository) -> dict[str, str]:
    pattern = r"^(remote\..*\.url|branch\..*\.remote)$"
    listing = os.fsdecode(git.execute(repository, "config", "-z", "--get-regexp", pattern).stdout)
    return dict(entry.split("\n", 1) for entry in listing.split("\0") if "\n" in entry)


def _fetch(repository: Repository, remote: str) -> _Theirs:
    """Where the remote stands now; its objects are here afterwards."""
    folder = f"refs/flor/fetched/{xxh3_64_hexdigest(os.fsencode(remote))}"
    # A pattern fetches what there is; a plain name would fail where the remote lacks it.
    wanted = (f"+{_SHADOW_REF}*:{folder}/code*", f"+{RECORDS_REF}*:{folder}/records*")
    git.run(repository, *_FETCH, "--", remote, *wanted, network=True)
    return _Theirs(resolve(repository, f"{folder}/code"), resolve(repository, f"{folder}/records"))


def _send(repository: Repository, remote: str, theirs: _Theirs, merged: _Theirs) -> bool:
    """Whether the remote took what it lacks; not if it moved meanwhile."""
    moved = []
    if merged.code != theirs.code:
        moved.append(f"{merged.code}:{_SHADOW_REF}")
    if merged.records != theirs.records:
        moved.append(f"{merged.records}:{RECORDS_REF}")
    if not moved:
        return True
    # By its address, for a push by name would move the user's tracking branch.
    asked = git.execute(repository, "remote", "get-url", "--push", remote)
    address = os.fsdecode(asked.stdout).strip() if not asked.code else remote
    output = git.execute(repository, *_PUSH, "--", address, *moved, network=True)
    said = os.fsdecode(output.stdout + output.stderr)
    if output.code and not any(words in said for words in _MOVED_MEANWHILE):
        raise git.failure(repository, (*_PUSH, address, *moved), output)
    return not output.code


def _place(repository: Repository, code: str, records: MergedRecords) -> str | None:
    """The branch that holds the merged code now ("" if there is no code); None if ours moved meanwhile."""
    if records.tip != records.previous and not refs.advance(
        repository, RECORDS_REF, records.tip, records.previous
    ):
        return None
    if not code:
        return ""
    branches = refs.branches(repository)
    tips = {branch.name: branch for branch in branches}
    first = tips.get(refs.SHADOW)
    # Where flor.shadow is checked out it may move only if its files stay the same.
    is_free = first is None or not first.worktree or first.tree == _tree(repository, code)
    name = refs.SHADOW if is_free else refs.writable(branches)
    previous = tips[name].commit if name in tips else ""
    is_placed = previous == code or refs.advance(repository, f"refs/heads/{name}", code, previous)
    return name if is_placed else None


def _tree(repository: Repository, commit: str) -> str:
    return resolve(repository, f"{commit}^{{tree}}")
