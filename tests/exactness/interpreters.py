"""Interpreters that run the programs of the matrix: one that forks (see runner.py), and fresh ones."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from flor.executors import logs
from flor.executors.tasks import OnEvent, Outcome, Task, ignore

RUNNER = Path(__file__).parent / "runner.py"
STUB = Path(__file__).parent / "stub"
FLOR = Path(__file__).parents[2] / "src"
TIMEOUT_S = 120.0
OF_REPLAYS = ("flor.replay.runner", "flor.replay.entering", "flor.replay.segment")
"""What every process of a replay imports before its program begins."""

_KEPT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")


@dataclass(frozen=True)
class Job:
    """One program to run."""

    argv: list[str]  # as after `python`
    cwd: str
    environ: dict[str, str]
    stdout: str
    stderr: str
    pythonpath: list[str] = field(default_factory=lambda: [str(FLOR)])
    afterwards: str = ""  # file for the state it leaves behind (see afterwards.py)
    kill: str = ""  # a moment (see killing.py)


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


class Interpreter(Protocol):
    """Something that runs programs, one after the other."""

    def run(self, job: Job) -> Ended:
        """Run a program to its end, whatever that is."""


class Forking:
    """An interpreter that has imported torch once, for a given number of threads. A context manager.

    Args:
        loaded: further modules that it has imported.
    """

    def __init__(self, threads: int, loaded: Sequence[str] = ()) -> None:
        self.threads, self.loaded = threads, loaded
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._process:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait(timeout=30)

    def run(self, job: Job) -> Ended:
        return _ended(job, self._code(_with_threads(job, self.threads)))

    def execute(self, task: Task) -> int:
        """Run the command of a task, which begins with `python`; its exit code."""
        given = {"command": task.command, "cwd": str(task.cwd), "stdout": str(task.log)}
        return self._code({**given, "environ": dict(task.environment)})

    def _code(self, job: Mapping[str, Any]) -> int:
        """What a child ends with that does this."""
        if self._process is None:
            self._process = self._start()
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        pid = self._answer(TIMEOUT_S)["pid"]
        try:
            return self._answer(TIMEOUT_S)["code"]
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)  # a session of its own, see runner.py
            self._answer(TIMEOUT_S)
            raise

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            [sys.executable, RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(self.threads, {"EXACTNESS_LOADED": " ".join(self.loaded)}),
            bufsize=0,
        )
        self._answer(TIMEOUT_S)
        return self._process

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
            if not ready:
                raise TimeoutError(f"no answer in {timeout_s} s")
            piece = self._process.stdout.read(1)
            if not piece:
                raise EOFError(f"the forking interpreter ended: {self._process.wait()}")
            line += piece
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True)
class ForkingExecutor:
    """Runs the tasks of a replay one after the other, in forks of an interpreter that has imported torch."""

    interpreter: Forking

    @contextmanager
    def run(self, tasks: Iterable[Task], on_event: OnEvent = ignore) -> Iterator[Iterator[Outcome]]:
        """See `Executor`."""
        yield map(self._outcome, tasks)

    def _outcome(self, task: Task) -> Outcome:
        began = time.monotonic()
        code = self.interpreter.execute(task)
        seconds, tail = time.monotonic() - began, logs.tail(task.log)
        exit_code, signal = (code, None) if code >= 0 else (None, -code)
        return Outcome(task.id, exit_code, signal, seconds, None, tail, logs.reason(tail, signal, ()))


@dataclass(frozen=True)
class Fresh:
    """A new interpreter for every program, with hashes and random state of its own."""

    threads: int

    def run(self, job: Job) -> Ended:
        given = _with_threads(job, self.threads)
        process = subprocess.Popen(
            [sys.executable, RUNNER, json.dumps(given)], env=given["environ"], start_new_session=True
        )
        try:
            code = process.wait(timeout=TIMEOUT_S)
        finally:
            _end_session(process)
        return _ended(job, code)


def environment(threads: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program: nothing of this machine's settings but where things are."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    number = str(threads)
    numbers = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), number)
    return kept | numbers | {"PYTHONDONTWRITEBYTECODE": "1", "FLOR_ECHO": "off"} | dict(given or {})


def _with_threads(job: Job, threads: int) -> dict[str, Any]:
    return {**asdict(job), "environ": environment(threads, job.environ)}


def _end_session(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ended(job: Job, code: int) -> Ended:
    return Ended(
        code, Path(job.stdout).read_text("utf-8", "replace"), Path(job.stderr).read_text("utf-8", "replace")
    )
