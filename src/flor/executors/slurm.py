"""Runs tasks as jobs of a Slurm cluster. The only module that imports submitit."""

import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit

from flor.errors import ExecutorUnavailable
from flor.executors import logs
from flor.executors.local import run_one
from flor.executors.tasks import Event, OnEvent, Outcome, Task, ignore

_ARRAY = 500  # jobs in one submission; clusters allow about 1,000
_POLL_S = 0.5
_LOOK_S = 5.0  # between questions to the scheduler, which serves others too
_LATE_S = 15.0  # so long may a result take to become visible on a network disk
_DEFAULT_TIMEOUT_MIN = 24 * 60
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class SlurmExecutor:
    """Up to `workers` jobs at a time.

    Jobs belong to the cluster: if this process is killed they run on to their ends, and nobody reads how they
    ended.

    Args:
        folder: on a disk that this machine and the nodes see.
        options: what submitit is to be told: `slurm_partition`, `timeout_min`, `gpus_per_node` and the like.
        cluster: "local" runs the jobs here, as submitit does it, without Slurm.
    """

    workers: int
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = "slurm"

    @contextmanager
    def run(self, tasks: Iterable[Task], on_event: OnEvent = ignore) -> Iterator[Iterator[Outcome]]:
        """See `Executor`. All tasks are handed to the cluster at once."""
        submitted = _Submitted(self.cluster == "slurm", on_event)
        try:
            self._submit(list(tasks), submitted)
            yield submitted.outcomes()
        finally:
            submitted.cancel()

    def _submit(self, tasks: Sequence[Task], submitted: "_Submitted") -> None:
        """Submit the tasks, those of equal needs together.

        Raises:
            ExecutorUnavailable: there is no cluster, or it does not want them.
        """
        needs = {(task.threads, task.memory_bytes) for task in tasks}
        for threads, memory in sorted(needs, key=repr):
            alike = [task for task in tasks if (task.threads, task.memory_bytes) == (threads, memory)]
            for at in range(0, len(alike), _ARRAY):
                submitted.add(alike[at : at + _ARRAY], self._jobs(alike[at : at + _ARRAY], threads, memory))

    def _jobs(self, tasks: Sequence[Task], threads: int, memory: int | None) -> list[Any]:
        try:
            executor = submitit.AutoExecutor(folder=self.folder / "%j", cluster=self.cluster)
            executor.update_parameters(**self._parameters(threads, memory))
            with executor.batch():
                return [executor.submit(run_one, task) for task in tasks]
        except (OSError, RuntimeError, NameError, subprocess.CalledProcessError) as error:
            raise ExecutorUnavailable(
                f"Slurm does not take the jobs: {error}",
                "Check that `sbatch` works here, and the options that were given.",
            ) from error

    def _parameters(self, threads: int, memory: int | None) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": "flor",
            "timeout_min": _DEFAULT_TIMEOUT_MIN,
            "cpus_per_task": threads,
            "slurm_array_parallelism": self.workers,
        }
        if memory:
            found["mem_gb"] = max(memory / _GIB, 0.1)
        return found | dict(self.options)


@dataclass(slots=True)
class _Submitted:
    """The jobs of tasks, from their submission to their ends."""

    is_slurm: bool
    on_event: OnEvent
    _jobs: dict[str, Any] = field(default_factory=dict)  # by task
    _tasks: dict[str, Task] = field(default_factory=dict)
    _gone_since: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _looked: float = 0.0

    def add(self, tasks: Sequence[Task], jobs: Sequence[Any]) -> None:
        for task, job in zip(tasks, jobs, strict=True):
            self._jobs[task.id], self._tasks[task.id] = job, task
            self.on_event(Event(task.id, "waiting", f"job {job.job_id}"))

    def outcomes(self) -> Iterator[Outcome]:
        """How the tasks end, as they end."""
        while self._jobs:
            for outcome in self._ended():
                job = self._jobs.pop(outcome.task)
                self.on_event(Event(outcome.task, "ended", f"job {job.job_id}"))
                yield outcome
            if self._jobs:
                time.sleep(_POLL_S)

    def cancel(self) -> None:
        """Take back what has not ended."""
        for job in self._jobs.values():
            job.cancel(check=False)
        self._jobs.clear()

    def _ended(self) -> list[Outcome]:
        found = [self._result(name) for name, job in self._jobs.items() if job.paths.result_pickle.exists()]
        return found + self._lost({outcome.task for outcome in found})

    def _result(self, name: str) -> Outcome:
        try:
            outcome: Outcome = self._jobs[name].result()
        except Exception as error:  # noqa: BLE001  # whatever was raised on the other machine
            return self._failed(name, str(error).strip().rpartition("\n")[2])
        return outcome

    def _lost(self, ended: Collection[str]) -> list[Outcome]:
        """The tasks whose jobs are gone without a result."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return []
        self._looked = now
        alive = _alive() if self.is_slurm else self._unfinished()
        lost = []
        for name, job in self._jobs.items():
            if name in ended or alive is None or job.job_id in alive:
                self._gone_since.pop(name, None)
            elif now - self._gone_since.setdefault(name, now) >= _LATE_S:
                lost.append(self._failed(name, _state(job.job_id) if self.is_slurm else "its job was killed"))
        return lost

    def _unfinished(self) -> set[str]:
        return {job.job_id for job in self._jobs.values() if not job.done()}

    def _failed(self, name: str, reason: str) -> Outcome:
        task = self._tasks[name]
        seconds = time.monotonic() - self._began
        return Outcome(name, None, None, seconds, None, logs.tail(task.log), reason)


def _alive() -> set[str] | None:
    """The jobs of this user that have not ended; None where the scheduler does not answer just now."""
    listed = _ask("squeue", "--noheader", "--me", "--array", "--format=%i")
    return None if listed is None else set(listed.split())


def _state(job: str) -> str:
    """What the scheduler says of a job that it has ended."""
    words = (_ask("scontrol", "--oneliner", "show", "job", job) or "").split()
    facts = dict(word.split("=", 1) for word in words if "=" in word)
    state = facts.get("JobState", "gone").lower().replace("_", " ")
    cause = facts.get("Reason", "None")
    return f"Slurm job {job} is {state}" + (f" ({cause})" if cause != "None" else "")


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
