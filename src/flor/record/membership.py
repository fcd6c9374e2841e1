"""Which run a process belongs to: one of its own, or one that it joins.

Processes join a run only by `FLOR_RUN`, as tasks of one Slurm step, as workers of one
torchelastic launch, or as a `multiprocessing` child. A `subprocess` is a run of its own.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from flor.entities import RunId
from flor.errors import FlorError
from flor.record import startup
from flor.runs import ring
from flor.runs.layout import JournalName

_FIRST_SPECIAL_STEP = 0xFFFF_FFF0
"""Steps of Slurm's own from here on: the batch script, an interactive shell."""
_GENERATIONS = 6  # how many ancestors may stand between a run and its subprocess (shells, srun)


@dataclass(frozen=True, slots=True)
class Membership:
    """The run of a process, and the process's place in it."""

    run: RunId
    rank: int
    origin: Literal["own", "given", "job", "parent"]

    @property
    def is_child(self) -> bool:
        """Whether this is not the main process of its rank."""
        return self.origin == "parent"


def own() -> Membership:
    """A new run. Ids come from the operating system: nothing is drawn from the user's generators."""
    return Membership(RunId(os.urandom(8).hex()), 0, "own")


def of_process(environ: Mapping[str, str]) -> Membership:
    """The run that this process joins or starts.

    Raises:
        FlorError: `FLOR_RUN` is no run id.
    """
    if is_multiprocessing_child():
        owner = _owner_above(in_same_program=True)
        if owner:
            return Membership(owner.run, owner.rank, "parent")
    rank = _rank(environ)
    if environ.get("FLOR_RUN"):
        return Membership(_given_id(environ["FLOR_RUN"]), rank, "given")
    job = _slurm_step(environ) or _torchelastic(environ)
    return Membership(job, rank, "job") if job else own()


def retried(membership: Membership, attempt: int) -> Membership:
    """The run of the `attempt`-th script that the same job starts in the same place."""
    return replace(membership, run=RunId(_hashed(f"{membership.run}/{attempt}")))


def is_multiprocessing_child() -> bool:
    """Whether `multiprocessing` started this process."""
    process = sys.modules.get("multiprocessing.process")
    if process is None:
        return False
    # While a spawned child imports the main module it does not know its parent yet.
    return process.parent_process() is not None or getattr(process.current_process(), "_inheriting", False)


def is_main_process(environ: Mapping[str, str]) -> bool:
    """Whether this is rank 0's main process."""
    return not is_multiprocessing_child() and _rank(environ) == 0


def kwargs_tokens() -> list[str]:
    """The tokens after `--kwargs`; in a spawned child those of the program that it belongs to."""
    if startup.kwargs_tokens or not is_multiprocessing_child():
        return startup.kwargs_tokens
    pid = os.getppid()
    for _ in range(_GENERATIONS):
        command = _command_line(pid)
        # The server of the start method "forkserver", and children of children, are started like this one.
        if not _is_started_by_multiprocessing(command):
            return startup.take_kwargs(command)
        pid = _parent_of(pid)
    return []


def parent_run() -> RunId | None:
    """The run of the process that started this one (through shells and launchers too)."""
    owner = _owner_above(in_same_program=False)
    return owner.run if owner else None


def _owner_above(in_same_program: bool) -> JournalName | None:
    """The journal of the nearest process above this one that writes one.

    Args:
        in_same_program: look no further than to the process that started this program.
    """
    pid = os.getppid()
    for _ in range(_GENERATIONS):
        owner, above = ring.find_owner(pid), _parent_of(pid)
        if owner or pid <= 1 or (in_same_program and not _is_child_of(pid, above)):
            return owner
        pid = above
    return None


def _is_child_of(pid: int, parent: int) -> bool:
    """Whether a process was forked or started by `multiprocessing`, not as a program of its own."""
    command = _command_line(pid)
    return _is_started_by_multiprocessing(command) or command == _command_line(parent)


def _is_started_by_multiprocessing(command: list[str]) -> bool:
    return any("multiprocessing" in argument for argument in command[:4])


def _slurm_step(environ: Mapping[str, str]) -> RunId | None:
    job, step = environ.get("SLURM_JOB_ID"), environ.get("SLURM_STEP_ID")
    tasks = environ.get("SLURM_STEP_NUM_TASKS") or environ.get("SLURM_NTASKS") or "1"
    if not job or step is None or "SLURM_PROCID" not in environ or _number(tasks) < 2:
        return None
    if _number(step) >= _FIRST_SPECIAL_STEP:
        return None
    restarts = environ.get("SLURM_RESTART_COUNT", "0")
    return RunId(_hashed(f"slurm/{environ.get('SLURM_CLUSTER_NAME', '')}/{job}/{step}/{restarts}"))


def _torchelastic(environ: Mapping[str, str]) -> RunId | None:
    launch = environ.get("TORCHELASTIC_RUN_ID")
    if launch is None:
        return None
    if launch == "none":
        launch = f"{socket.gethostname()}/{os.getppid()}/{start_time(os.getppid())}"
    return RunId(_hashed(f"torchelastic/{launch}/{environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"))


def _given_id(text: str) -> RunId:
    if text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) <= 64:
        return RunId(text)
    raise FlorError(
        f"FLOR_RUN={text!r} is no run id.", "Use letters, digits, '-' and '_', at most 64 of them."
    )


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _rank(environ: Mapping[str, str]) -> int:
    return _number(environ.get("RANK", environ.get("SLURM_PROCID", "0")))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _stat_fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _command_line(pid: int) -> list[str]:
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(part) for part in content.split(b"\0")[:-1]]


def _parent_of(pid: int) -> int:
    fields = _stat_fields(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def start_time(pid: int) -> str:
    """When a process began, in clock ticks since the machine did; "" where the system does not tell."""
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 else ""
