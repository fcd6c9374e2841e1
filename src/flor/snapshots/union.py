"""Makes one history of two, of code and of sealed records; writes objects and moves no branch."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flor.errors import StoreError
from flor.snapshots import git, history, refs
from flor.snapshots.history import Commit
from flor.snapshots.repository import Repository

RECORDS_REF = "refs/flor/records"
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MergedCode:
    """A line of commits that holds both sides."""

    tip: str  # "" where neither side has anything
    new_here: int
    new_there: int


@dataclass(frozen=True, slots=True)
class MergedRecords:
    """A tree of sealed files that holds both sides."""

    tip: str  # a commit; "" where neither side has anything
    previous: str  # where our own reference stood
    new_there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """One sealed file in a commit of records."""

    blob: str
    size_bytes: int


def merge_code(repository: Repository, theirs: str) -> MergedCode:
    """Their commits as they are, then ours that they lack.

    Args:
        theirs: the tip of their branch; "" where they have none.
    """
    branches = refs.branches(repository)
    base = theirs or (branches[0].commit if branches else "")
    ours = history.commits(repository)
    below = history.chain(repository, base) if base else []
    missing = history.lacking(below, ours)
    new_there = len(missing) if theirs else len(below) + len(missing)
    return MergedCode(_stack(repository, base, missing), len(history.lacking(ours, below)), new_there)


def merge_records(repository: Repository, theirs: str, files: Mapping[str, Path]) -> MergedRecords:
    """Their sealed files, ours, and `files` under their names; of one name and size theirs stays.

    Args:
        theirs: the tip of their records; "" where they have none.
    """
    previous = resolve(repository, RECORDS_REF)
    base = theirs or previous
    there, ours, below = (stored(repository, commit) for commit in (theirs, previous, base))
    new = {name: path for name, path in files.items() if not _is_stored(path, below.get(name))}
    known = {name: file.blob for name, file in ours.items() if name not in below and name not in new}
    new_there = sorted(new.keys() | known.keys() | (below.keys() - there.keys()))
    if not (new or known):
        return MergedRecords(base, previous, tuple(new_there))
    return MergedRecords(
        _import(repository, partial(_records_commit, base, known, new)), previous, tuple(new_there)
    )


def stored(repository: Repository, commit: str) -> dict[str, Stored]:
    """The sealed files in a commit of records, by name; none for ""."""
    if not commit:
        return {}
    listing = os.fsdecode(git.run(repository, "ls-tree", "-r", "-l", "-z", commit))
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    return {name: _parse(fields.split()) for fields, _, name in entries}


def resolve(repository: Repository, ref: str) -> str:
    """The commit at a reference; "" where there is none."""
    return os.fsdecode(git.execute(repository, "rev-parse", "--verify", "--quiet", ref).stdout).strip()


def _parse(fields: Sequence[str]) -> Stored:
    _, _, blob, size = fields
    return Stored(blob, int(size))


def _is_stored(path: Path, found: Stored | None) -> bool:
    try:
        return found is not None and path.stat().st_size == found.size_bytes
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error}.") from error


def _stack(repository: Repository, base: str, commits: Sequence[Commit]) -> str:
    """The tip of these commits on top of `base`; they are made again unless they stand there already."""
    line = (base, *(commit.vid for commit in commits))
    if all(commit.parents[:1] == (below,) for commit, below in zip(commits, line, strict=False)):
        return line[-1]
    return _import(repository, partial(_code_commits, base, commits))


def _import(repository: Repository, commands: Callable[[str], Iterable[bytes]]) -> str:
    """The last commit that the commands to `git fast-import` make on the reference they are given."""
    ref = f"refs/flor/import/{os.urandom(8).hex()}"
    arguments = ("fast-import", "--quiet")
    output = git.execute(repository, *arguments, stdin=commands(ref))
    if output.code:
        raise git.failure(repository, arguments, output)
    tip = resolve(repository, ref)
    git.run(repository, "update-ref", "-d", ref)
    return tip


def _code_commits(base: str, commits: Iterable[Commit], ref: str) -> Iterator[bytes]:
    """Each commit again: same tree, author, dates and message, another parent."""
    parent = base
    for number, commit in enumerate(commits, 1):
        head = f"commit {ref}\nmark :{number}\nauthor {commit.author}\ncommitter {commit.committer}\n"
        yield head.encode("utf-8", "surrogateescape")
        yield _data(commit.message.encode("utf-8", "surrogateescape"))
        yield f"from {parent}\n".encode()
        yield "".join(f"merge {merged}\n" for merged in commit.parents[1:]).encode()
        yield f'M 040000 {commit.tree} ""\n\n'.encode()
        parent = f":{number}"


def _records_commit(
    base: str, known: Mapping[str, str], new: Mapping[str, Path], ref: str
) -> Iterator[bytes]:
    """One commit on top of `base` that adds blobs git has and files that it has not."""
    name, address = refs.IDENTITY
    yield f"commit {ref}\ncommitter {name} <{address}> {int(time.time())} +0000\n".encode()
    yield _data(b"FLOR::Records\n")
    if base:
        yield f"from {base}\n".encode()
    for path, blob in known.items():
        yield f"M 100644 {blob} {_quoted(path)}\n".encode()
    for path, file in new.items():
        yield f"M 100644 inline {_quoted(path)}\n".encode()
        yield from _content(file)
    yield b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _content(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        left = os.fstat(opened.fileno()).st_size
        yield b"data %d\n" % left
        while left:
            piece = opened.read(min(left, _PIECE_BYTES))
            if not piece:
                raise StoreError(f"{file} became shorter while it was read.", "Repeat the command.")
            left -= len(piece)
            yield piece
    yield b"\n"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
