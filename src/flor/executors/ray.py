"""Runs tasks on a Ray cluster, or on one that Ray makes of this machine. The only module that imports ray."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray

from flor.errors import ExecutorUnavailable
from flor.executors import logs
from flor.executors.local import run_one
from flor.executors.tasks import Event, OnEvent, Outcome, Task, ignore

_ADDRESS = "RAY_ADDRESS"


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """Up to `workers` tasks at a time, wherever the cluster has room.

    Args:
        options: what `ray.init` is to be told: `address` and the like.
    """

    workers: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def run(self, tasks: Iterable[Task], on_event: OnEvent = ignore) -> Iterator[Iterator[Outcome]]:
        """See `Executor`. A task is taken from `tasks` when there is room for it."""
        is_ours = not ray.is_initialized()
        if is_ours:
            self._begin()
        crew = _Crew(self.workers, on_event)
        try:
            yield crew.outcomes(iter(tasks))
        finally:
            crew.cancel()
            if is_ours:
                ray.shutdown()

    def _begin(self) -> None:
        """Reach the cluster, or make one of as many cores as there are workers.

        Raises:
            ExecutorUnavailable: it cannot be reached.
        """
        known = {"log_to_driver": False, "include_dashboard": False, "logging_level": "ERROR"}
        given = known | dict(self.options)
        if not os.environ.get(_ADDRESS) and "address" not in given:
            given.setdefault("num_cpus", max(self.workers, os.cpu_count() or 1))
        else:
            given.pop("include_dashboard")
        try:
            ray.init(**given)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ExecutorUnavailable(
                f"No Ray cluster can be reached or made: {error}", f"Check {_ADDRESS} and `ray status`."
            ) from error


@dataclass(slots=True)
class _Crew:
    """The tasks that Ray has now."""

    workers: int
    on_event: OnEvent
    _running: dict[Any, Task] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)

    def outcomes(self, waiting: Iterator[Task]) -> Iterator[Outcome]:
        """How the tasks end, as they end."""
        while True:
            self._fill(waiting)
            if not self._running:
                return
            for reference in ray.wait(list(self._running), num_returns=1)[0]:
                task = self._running.pop(reference)
                self.on_event(Event(task.id, "ended"))
                yield self._outcome(reference, task)

    def cancel(self) -> None:
        """End what has not ended."""
        for reference in self._running:
            ray.cancel(reference, force=True)
        self._running.clear()

    def _fill(self, waiting: Iterator[Task]) -> None:
        while len(self._running) < self.workers:
            task = next(waiting, None)
            if task is None:
                return
            needs: dict[str, Any] = {"num_cpus": task.threads, "max_retries": 0}
            if task.memory_bytes:
                needs["memory"] = task.memory_bytes
            reference = ray.remote(run_one).options(**needs).remote(task)
            self._running[reference], self._began[task.id] = task, time.monotonic()
            self.on_event(Event(task.id, "started", "Ray"))

    def _outcome(self, reference: Any, task: Task) -> Outcome:
        try:
            outcome: Outcome = ray.get(reference)
        except Exception as error:  # noqa: BLE001  # whatever became of the other machine
            reason = str(error).strip().partition("\n")[0]
            seconds = time.monotonic() - self._began[task.id]
            return Outcome(task.id, None, None, seconds, None, logs.tail(task.log), reason)
        return outcome
