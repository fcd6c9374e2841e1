"""The content of files that runs read and wrote, under its sha256; hashed and copied in small steps."""

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flor.errors import Unreadable
from flor.runs import whole

Steps = Generator[None, None, "Digests"]
"""Each step takes a millisecond or so; what it returns is the result."""

_STEP_BYTES = 1 << 20


class Changed(Exception):
    """A file is not, or no longer, in the state that was asked for."""


class State(NamedTuple):
    """Enough to tell whether a file has changed."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "State":
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class Digests:
    """What the content of a file hashes to."""

    sha256: str
    oid: str = ""  # of the git blob with this content, where it was asked for


@dataclass(frozen=True, slots=True)
class Contents:
    """The kept contents of one store."""

    folder: Path

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether this content is kept."""
        return self.path(digest).exists()

    def keep(self, path: str, expected: State) -> Steps:
        """Copy a file into the store while it is hashed.

        Raises:
            Changed: it is not in this state, or did not stay in it.
            OSError: it cannot be read, or the store not be written.
        """
        temporary = self.folder / f"{os.getpid()}.{os.urandom(4).hex()}.tmp"
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            digests = yield from hashing(path, expected, copy=temporary)
            place = self.path(digests.sha256)
            place.parent.mkdir(exist_ok=True)
            temporary.replace(place)
            return digests
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def keep_bytes(self, content: bytes) -> str:
        """Keep this content; its sha256.

        Raises:
            OSError: the store cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        if not self.has(digest):
            whole.write(self.path(digest), content)
        return digest

    def put(self, digest: str, target: Path) -> None:
        """Write this content to a new file; the file's own bytes, never a link to ours.

        Raises:
            Unreadable: it is not kept, or damaged.
            OSError: the file cannot be written.
        """
        source = self.path(digest)
        try:
            found = copy(source, target)
        except FileNotFoundError as error:
            if source.exists():
                raise
            raise Unreadable(f"No content {digest} is kept in {self.folder}.") from error
        if found != digest:
            target.unlink()
            raise Unreadable(
                f"{source} is damaged: its content has another hash.", "Run `python -m flor fsck`."
            )


def state_of(path: str) -> State | None:
    """The state of a regular file; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return State.of(found) if stat.S_ISREG(found.st_mode) else None


def content_of(path: str, expected: State) -> bytes | None:
    """The content of a small file in this state; None if it is not in it, or did not stay in it."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(expected.size + 1)
            is_same = State.of(os.fstat(file.fileno())) == expected
    except OSError:
        return None
    return content if is_same and len(content) == expected.size else None


def hashing(path: str, expected: State | None, *, copy: Path | None = None, oid_length: int = 0) -> Steps:
    """Read a file through.

    Args:
        expected: the state in which it must be and stay; None takes it as it is.
        copy: a new file that gets the same bytes.
        oid_length: of git's name for the content (40: SHA-1, 64: SHA-256); 0 asks for none.

    Raises:
        Changed: it is not in this state, or did not stay in it.
        OSError: it cannot be read, or the copy not be written.
    """
    with ExitStack() as stack:
        source = stack.enter_context(open(path, "rb", buffering=0))
        began = State.of(os.fstat(source.fileno()))
        if expected is not None and began != expected:
            raise Changed(path)
        target = stack.enter_context(_new(copy)) if copy else None
        sha256 = hashlib.sha256()
        named = hashlib.new(
            "sha256" if oid_length == 64 else "sha1", b"blob %d\0" % began.size, usedforsecurity=False
        )
        while piece := source.read(_STEP_BYTES):
            sha256.update(piece)
            if oid_length:
                named.update(piece)
            if target is not None:
                _write(target, piece)
            yield
        if State.of(os.fstat(source.fileno())) != began or state_of(path) != began:
            raise Changed(path)
    return Digests(sha256.hexdigest(), named.hexdigest() if oid_length else "")


def finish(steps: Steps) -> Digests:
    """Take all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Digests = end.value
            return found


def sha256_of(path: str) -> str:
    """The sha256 of a file.

    Raises:
        Changed: somebody wrote to it meanwhile.
        OSError: it cannot be read.
    """
    return finish(hashing(path, None)).sha256


def sha256_of_prefix(path: str, size_bytes: int) -> str | None:
    """The sha256 of the first bytes of a file; None if it has fewer.

    Raises:
        OSError: it cannot be read.
    """
    digest, left = hashlib.sha256(), size_bytes
    with open(path, "rb", buffering=0) as file:
        while left and (piece := file.read(min(left, _STEP_BYTES))):
            digest.update(piece)
            left -= len(piece)
    return None if left else digest.hexdigest()


def copy(source: Path, target: Path, offset: int = 0) -> str:
    """Copy a file, from an offset on, to a new one; the sha256 of the copy.

    Raises:
        OSError: that is not possible.
    """
    digest = hashlib.sha256()
    with _new(target) as file, source.open("rb", buffering=0) as origin:
        origin.seek(offset)
        while piece := origin.read(_STEP_BYTES):
            digest.update(piece)
            _write(file, piece)
    return digest.hexdigest()


@contextmanager
def _new(target: Path) -> Iterator[int]:
    """A new file, removed again where it does not become whole."""
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.write(descriptor, content[written:])
