"""Runs git: the only module that starts the program.

Every command gets a clean environment: the repository is named explicitly, hooks, background
maintenance and prompts are off, and of the user's `GIT_*` variables none is passed on.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from flor.errors import GitError
from flor.snapshots import neutral
from flor.snapshots.repository import Repository

MINIMUM_VERSION = (2, 29)  # `fetch --no-write-fetch-head`; without push and pull 2.23 suffices

_INSTALL = "Install git, or put it on PATH; until then runs are recorded without their code."


class TimedOut(GitError):
    """A git command was stopped because it took longer than it was given."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a git command that ended by itself left."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Pipes:
    """To and from a running command."""

    requests: IO[bytes]
    answers: IO[bytes]


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which commands are stopped, on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def left_s(self) -> float:
        """Seconds left; never below a millisecond, so that a late command still fails as timed out."""
        return max(self.at - time.monotonic(), 0.001)


def run(
    repository: Repository,
    *arguments: str | Path,
    stdin: bytes = b"",
    index: Path | None = None,
    environ: Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
    network: bool = False,
) -> bytes:
    """What `git ARGUMENTS` writes to its standard output.

    Raises:
        GitError: it failed; the message holds the command and what git said.
        TimedOut: the deadline came first; git and its children are gone.
    """
    output = execute(
        repository,
        *arguments,
        stdin=stdin,
        index=index,
        environ=environ,
        deadline=deadline,
        network=network,
    )
    if output.code:
        raise failure(repository, arguments, output)
    return output.stdout


def execute(
    repository: Repository,
    *arguments: str | Path,
    stdin: bytes | Iterable[bytes] = b"",
    index: Path | None = None,
    environ: Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
    network: bool = False,
) -> Output:
    """The result of a git command, whatever its exit code.

    Args:
        stdin: bytes, or pieces that are written as they come.
        index: the index file to work on instead of the user's.
        environ: further variables, such as an author.
        network: the command talks to a remote; it keeps the terminal and the transport's variables.
    """
    extra = dict(environ or {})
    if index:
        extra["GIT_INDEX_FILE"] = str(index)
    with _started(repository, arguments, extra, network) as process:
        # git reads all of its input before it answers, in every command that is fed in pieces.
        fed = stdin if isinstance(stdin, bytes) else _feed(process, stdin)
        return _finish(process, fed, arguments, deadline)


def failure(repository: Repository, arguments: Iterable[str | Path], output: Output) -> GitError:
    """The error that tells why a command failed, and what to do about it."""
    said = output.stderr.decode("utf-8", "backslashreplace").strip()
    message = (
        f"`git {' '.join(map(str, arguments))}` failed (exit code {output.code}): {said or 'no message'}"
    )
    old = _outdated(repository)
    if old:
        needed = ".".join(map(str, MINIMUM_VERSION))
        return GitError(message, f"git {old} is too old: upgrade it to {needed} or later.")
    if "Read-only file system" in said or "ermission" in said:
        return GitError(message, f"Make {repository.common_dir} writable for this user.")
    return GitError(message)


@contextmanager
def records(repository: Repository, *arguments: str) -> Iterator[Iterator[bytes]]:
    """The NUL-separated records that a command writes, as they come; it ends with the block."""
    with _started(repository, arguments, {}, network=False) as process:
        _pipe(process.stdin).close()
        try:
            yield _records(repository, arguments, process)
        finally:
            _kill(process)


def obstacle(repository: Repository) -> str | None:
    """Why git cannot be used here, with the remedy; None where it can.

    A missing program and a repository of another user are found; anything else shows at the first command.
    """
    if not any(os.access(os.path.join(folder, "git"), os.X_OK) for folder in os.get_exec_path()):
        return f"git is not on PATH. {_INSTALL}"
    try:
        _require_trust(repository, os.environ.get("GIT_DIR"))
    except GitError as error:
        return f"{error.message} {error.hint}"
    return None


@contextmanager
def conversation(repository: Repository, *arguments: str) -> Iterator[Pipes]:
    """The pipes of a command that answers requests one by one; it ends with the block."""
    with _started(repository, arguments, {}, network=False) as process:
        try:
            yield Pipes(_pipe(process.stdin), _pipe(process.stdout))
        finally:
            _kill(process)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise GitError("git was started without the pipe that is used here.")
    return stream


@contextmanager
def _started(
    repository: Repository, arguments: Iterable[str | Path], extra: dict[str, str], network: bool
) -> Iterator["subprocess.Popen[bytes]"]:
    _require_trust(repository, os.environ.get("GIT_DIR"))
    try:
        process = subprocess.Popen(
            ["git", *neutral.OPTIONS, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=repository.worktree,
            env=neutral.environment(repository, os.environ, network) | extra,
            # A group of its own can be stopped as a whole, filters and submodule commands included.
            process_group=None if network else 0,
        )
    except FileNotFoundError as error:
        if not repository.worktree.is_dir():
            raise GitError(f"The working tree {repository.worktree} is gone.") from error
        raise GitError("git is not on PATH.", _INSTALL) from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error}.") from error
    with process:
        yield process


def _finish(
    process: "subprocess.Popen[bytes]",
    stdin: bytes,
    arguments: Iterable[str | Path],
    deadline: Deadline | None,
) -> Output:
    try:
        stdout, stderr = process.communicate(stdin or None, deadline.left_s() if deadline else None)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise TimedOut(f"`git {' '.join(map(str, arguments))}` took too long and was stopped.") from error
    except BaseException:
        _kill(process)
        raise
    return Output(process.returncode, stdout, stderr)


def _feed(process: "subprocess.Popen[bytes]", pieces: Iterable[bytes]) -> bytes:
    stream = _pipe(process.stdin)
    try:
        for piece in pieces:
            stream.write(piece)
    except BrokenPipeError:
        pass  # it failed early: the exit code and the message tell why
    except BaseException:
        _kill(process)
        raise
    return b""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        _close(stream)
    process.wait()


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream:
            stream.close()
    except BrokenPipeError:
        pass  # unsent input of a command that is gone


def _records(
    repository: Repository, arguments: Iterable[str | Path], process: "subprocess.Popen[bytes]"
) -> Iterator[bytes]:
    yield from _split(_pipe(process.stdout))
    if process.wait():
        raise failure(repository, arguments, Output(process.returncode, b"", _pipe(process.stderr).read()))


def _split(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read1(1 << 16):  # type: ignore[attr-defined]  # Popen's pipes are buffered readers
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest


@cache  # an error is not kept, so the remedy works within the same process
def _require_trust(repository: Repository, git_dir_variable: str | None) -> None:
    """Refuse a repository of another user, as git does where it finds the repository by itself.

    Naming the repository to git explicitly would skip its own check, and the repository's
    configuration can name programs to execute.
    """
    if git_dir_variable and Path(git_dir_variable).absolute() == repository.git_dir:
        return  # the user named it: git does not ask further either
    if all(_is_own(path) for path in (repository.worktree, repository.worktree / ".git", repository.git_dir)):
        return
    if _git_refuses(repository.worktree):
        raise GitError(
            f"The repository at {repository.worktree} belongs to another user, so git does not trust it.",
            f"Trust it with: git config --global --add safe.directory {repository.worktree}",
        )


def _is_own(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return True


def _git_refuses(worktree: Path) -> bool:
    said = _ask(worktree, "rev-parse", "--git-dir")
    return "dubious ownership" in said or "unsafe repository" in said


def _outdated(repository: Repository) -> str | None:
    """The version of a git older than we need, else None."""
    words = _ask(repository.worktree, "--version").split()
    version = words[2] if len(words) > 2 else ""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return version if len(numbers) == 2 and numbers < MINIMUM_VERSION else None


def _ask(folder: Path, *arguments: str) -> str:
    """What git says in a folder when it looks for the repository by itself, errors included."""
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=neutral.without_git(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git, no folder: the command that follows will tell
    return answer.stdout.decode("utf-8", "backslashreplace")
