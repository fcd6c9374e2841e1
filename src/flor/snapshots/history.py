"""Reads the versions of the code that the shadow branches hold."""

import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from flor.entities import RunId
from flor.errors import GitError
from flor.snapshots import git, objects, refs
from flor.snapshots.objects import Objects
from flor.snapshots.repository import Repository

_PREFIX = "FLOR::"
_FOREIGN_AT_MOST = 500  # commits by hand in a row on a shadow branch; a longer row is the history below it

_FORMAT = "%H%n%T%n%P%n%an <%ae> %ad%n%cn <%ce> %cd%n%B"
_RUN = re.compile(rf"^{refs.RUN_TRAILER}: *(\S+) *$", re.MULTILINE)
_FOLDER, _SUBMODULE = b"40000", b"160000"
_TEXT_LIMIT_BYTES = 5_000_000
_PROBED_BYTES = 8000  # git, too, calls a file binary by a NUL byte in its beginning


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a shadow branch, with all that is needed to make it again elsewhere."""

    vid: str
    tree: str
    parents: tuple[str, ...]
    author: str  # name <address> seconds zone
    committer: str
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def is_ours(self) -> bool:
        """Whether FlorDB made it."""
        return self.message.startswith(_PREFIX)

    @property
    def run(self) -> RunId | None:
        found = _RUN.findall(self.message)
        return RunId(found[-1]) if found else None

    @property
    def tstamp(self) -> datetime:
        """The run's time stamp where the commit ends a run, else when it was committed; UTC, naive."""
        try:
            return datetime.fromisoformat(self.subject.rpartition("::")[2])
        except ValueError:
            seconds = int(self.committer.rsplit(" ", 2)[1])
            return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same for a commit that was made again on top of another parent."""
        return (self.tree, self.author, self.message)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the code."""

    tstamp: datetime  # UTC, naive
    vid: str
    parent: str | None
    subject: str
    run: RunId | None  # the run that ended with it, or of which it is an earlier version; else None
    tree: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of one version."""

    vid: str
    filename: str
    contents: str | None  # None: not text, or larger than 5 MB


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a tree."""

    mode: bytes
    path: str
    oid: str


def versions(repository: Repository) -> list[VersionRow]:
    """All versions on the shadow branches, oldest first, each once."""
    return [
        VersionRow(c.tstamp, c.vid, c.parents[0] if c.parents else None, c.subject, c.run, c.tree)
        for c in commits(repository)
        if c.is_ours
    ]


def commits(repository: Repository) -> list[Commit]:
    """The commits of all shadow branches, oldest first; one made again on another branch counts once."""
    found: list[Commit] = []
    for branch in refs.branches(repository):
        found += lacking(found, chain(repository, branch.commit))
    return found


def lacking(present: Iterable[Commit], others: Iterable[Commit]) -> list[Commit]:
    """Those of `others` that are not present, also not as a copy on another parent."""
    unmatched = Counter(commit.identity for commit in present)
    missing = []
    for commit in others:
        if unmatched[commit.identity]:
            unmatched[commit.identity] -= 1
        else:
            missing.append(commit)
    return missing


def chain(repository: Repository, tip: str) -> list[Commit]:
    """The line of commits from FlorDB's first to `tip`, with what the user committed between by hand."""
    line = list(walk(repository, tip))
    while line and not line[-1].is_ours:
        line.pop()
    return line[::-1]


def walk(repository: Repository, tip: str) -> Generator[Commit, None, None]:
    """The commits from `tip` backwards, until only the user's own history lies below."""
    arguments = (
        "log",
        "-z",
        "--first-parent",
        "--no-mailmap",
        "--date=raw",
        f"--format={_FORMAT}",
        tip,
        "--",
    )
    foreign = 0
    with git.records(repository, *arguments) as records:
        for record in records:
            commit = _parse(record.decode("utf-8", "surrogateescape"))
            foreign = 0 if commit.is_ours else foreign + 1
            if foreign > _FOREIGN_AT_MOST:
                return
            yield commit


def closed_runs(repository: Repository) -> frozenset[RunId]:
    """The runs that have their auto-commit."""
    found = (commit for commit in commits(repository) if commit.subject.startswith(refs.AUTO_COMMIT))
    return frozenset(commit.run for commit in found if commit.run)


def find(repository: Repository, run: RunId) -> str | None:
    """The last version of a run, by its trailer: also after the history was rewritten."""
    for branch in refs.branches(repository):
        with closing(walk(repository, branch.commit)) as walked:
            for commit in walked:
                if commit.run == run:
                    return commit.vid
    return None


def files(repository: Repository, vid: str) -> Iterator[FileRow]:
    """The files of one version, in the order of their paths."""
    return files_of(repository, [vid])


def files_of(repository: Repository, vids: Iterable[str]) -> Iterator[FileRow]:
    """The files of several versions; each content is read once, whatever the number of versions."""
    with objects.opened(repository) as source:
        reader = _Reader(source)
        for vid in vids:
            for entry in reader.version(vid):
                yield FileRow(vid, entry.path, reader.contents(entry.oid))


def sources(repository: Repository, trees: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of each tree the text of its Python files, by path; each content is read once."""
    found: dict[str, dict[str, str]] = {}
    with objects.opened(repository) as source:
        reader = _Reader(source)
        for tree in dict.fromkeys(trees):
            modules = [entry for entry in reader.files_below(tree) if entry.path.endswith(".py")]
            texts = {entry.path: reader.contents(entry.oid) for entry in modules}
            found[tree] = {path: text for path, text in texts.items() if text is not None}
    return found


def diff(repository: Repository, a: str, b: str) -> str:
    """The unified difference from version `a` to version `b`."""
    shown = git.run(
        repository, "diff-tree", "-r", "-p", "--find-renames", "--no-ext-diff", "--no-textconv", a, b, "--"
    )
    return shown.decode("utf-8", "replace")


class _Reader:
    """Trees and texts, each object read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._trees: dict[str, list[_Entry]] = {}
        self._texts: dict[str, str | None] = {}

    def version(self, vid: str) -> list[_Entry]:
        """The files of a version; a submodule holds none."""
        header = self._objects.read(vid)
        if not header or not header.startswith(b"tree "):
            raise GitError(
                f"There is no version {vid} in this repository.", "`flor pull` fetches what was pushed."
            )
        return self.files_below(header[5 : header.index(b"\n")].decode())

    def contents(self, blob: str) -> str | None:
        if blob not in self._texts:
            self._texts[blob] = _text(self._objects.read(blob, _TEXT_LIMIT_BYTES))
        return self._texts[blob]

    def files_below(self, oid: str) -> list[_Entry]:
        """The files of a tree."""
        if oid not in self._trees:
            raw = self._objects.read(oid) or b""
            self._trees[oid] = [file for entry in _entries(raw, len(oid) // 2) for file in self._below(entry)]
        return self._trees[oid]

    def _below(self, entry: "_Entry") -> Iterator["_Entry"]:
        if entry.mode == _FOLDER:
            for inner in self.files_below(entry.oid):
                yield _Entry(inner.mode, f"{entry.path}/{inner.path}", inner.oid)
        elif entry.mode != _SUBMODULE:
            yield entry


def _entries(raw: bytes, oid_length: int) -> Iterator[_Entry]:
    """The entries of a tree object: `mode name NUL id`, one after another."""
    at = 0
    while at < len(raw):
        end = raw.index(b"\0", at)
        mode, _, path = raw[at:end].partition(b" ")
        at = end + 1 + oid_length
        yield _Entry(mode, path.decode("utf-8", "backslashreplace"), raw[end + 1 : at].hex())


def _text(content: bytes | None) -> str | None:
    if content is None or b"\0" in content[:_PROBED_BYTES]:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _parse(record: str) -> Commit:
    vid, tree, parents, author, committer, message = record.split("\n", 5)
    return Commit(vid, tree, tuple(parents.split()), author, committer, message)
