"""Runs tasks as processes of this machine, a few at a time."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flor.executors import guard, logs
from flor.executors.tasks import Event, OnEvent, Outcome, Task, ignore

GRACE_S = 1.0
"""So long may a task take to end by itself when it is asked to."""
_GUARD_EXTRA_S = 2.0


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """Up to `workers` processes at a time, each with a guard that outlives neither it nor us."""

    workers: int
    grace_s: float = GRACE_S

    @contextmanager
    def run(self, tasks: Iterable[Task], on_event: OnEvent = ignore) -> Iterator[Iterator[Outcome]]:
        """See `Executor`. A task is taken from `tasks` when there is room for it."""
        crew = _Crew(self.workers, self.grace_s, on_event)
        try:
            yield crew.outcomes(iter(tasks))
        finally:
            crew.stop()


@dataclass(slots=True)
class _Worker:
    task: Task
    guard: "subprocess.Popen[bytes]"
    began: float
    told: bytes = b""

    @property
    def facts(self) -> dict[str, Any]:
        """What the guard told; a line that it did not finish counts for nothing."""
        facts: dict[str, Any] = {}
        for line in self.told.split(b"\n")[:-1]:
            facts |= json.loads(line)
        return facts


@dataclass(slots=True)
class _Crew:
    """The processes that run now."""

    workers: int
    grace_s: float
    on_event: OnEvent
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _running: list[_Worker] = field(default_factory=list)

    def outcomes(self, waiting: Iterator[Task]) -> Iterator[Outcome]:
        """How the tasks end."""
        while True:
            yield from self._fill(waiting)
            if not self._running:
                return
            for worker in self._ended():
                outcome = _outcome(worker)
                self.on_event(Event(worker.task.id, "ended"))
                yield outcome

    def stop(self) -> None:
        """End all that runs, within the time of grace."""
        for worker in self._running:
            _close(worker)
        deadline = time.monotonic() + self.grace_s + _GUARD_EXTRA_S
        for worker in self._running:
            try:
                worker.guard.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                worker.guard.kill()  # its command dies with it
                worker.guard.wait()
        self._running.clear()
        self._selector.close()

    def _fill(self, waiting: Iterator[Task]) -> Iterator[Outcome]:
        """Start tasks while there is room; those that cannot be started end here."""
        while len(self._running) < self.workers:
            task = next(waiting, None)
            if task is None:
                return
            try:
                worker = _start(task, self.grace_s)
            except OSError as error:
                yield Outcome(task.id, None, None, 0.0, None, "", _not_started(task, error))
                continue
            self._running.append(worker)
            self._selector.register(_status(worker), selectors.EVENT_READ, worker)
            self.on_event(Event(task.id, "started", f"process {worker.guard.pid}"))

    def _ended(self) -> Iterator[_Worker]:
        """Wait for news of the guards; the workers that have ended."""
        for key, _ in self._selector.select():
            worker: _Worker = key.data
            piece = os.read(key.fd, 1 << 16)
            worker.told += piece
            if not piece:
                self._selector.unregister(key.fileobj)
                _close(worker)
                worker.guard.wait()
                self._running.remove(worker)
                yield worker


def run_one(task: Task) -> Outcome:
    """Run a task here, to its end: what clusters call on their machines."""
    with LocalExecutor(1).run([task]) as outcomes:
        return next(outcomes)


def _start(task: Task, grace_s: float) -> _Worker:
    """Start the guard of a task.

    Raises:
        OSError: no process can be started, or its log not written.
    """
    task.log.parent.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-I", "-S", str(guard.__file__), str(grace_s), str(task.log.absolute())]
    with task.log.open("wb") as log:
        process = subprocess.Popen(
            [*program, *task.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=task.cwd,
            env=dict(task.environment),
            start_new_session=True,  # a Ctrl-C is ours alone, and there is no terminal to ask at
        )
    return _Worker(task, process, time.monotonic())


def _outcome(worker: _Worker) -> Outcome:
    task, facts = worker.task, worker.facts
    seconds = facts.get("seconds", time.monotonic() - worker.began)
    if "failed" in facts:
        return Outcome(task.id, None, None, seconds, None, "", facts["failed"])
    # Without news the guard was killed, and its command with it.
    code: int = facts["code"] if "code" in facts else worker.guard.wait()
    tail = logs.tail(task.log)
    exit_code, signal = (code, None) if code >= 0 else (None, -code)
    reason = logs.reason(tail, signal, (task.log.parent, task.cwd)) if code else ""
    return Outcome(task.id, exit_code, signal, seconds, facts.get("peak_bytes"), tail, reason)


def _not_started(task: Task, error: OSError) -> str:
    where = Path(error.filename).name if error.filename else ""
    if error.filename and Path(error.filename) == task.cwd:
        return f"its folder {task.cwd} is gone"
    return logs.reason(str(error), None, (task.log.parent,)) or f"{error.strerror} {where}".strip()


def _status(worker: _Worker) -> Any:
    return worker.guard.stdout


def _close(worker: _Worker) -> None:
    for stream in (worker.guard.stdin, worker.guard.stdout):
        with suppress(OSError):
            if stream:
                stream.close()
