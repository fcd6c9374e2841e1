"""Go on with a run whose process is gone, in a journal that continues the sealed one."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from flor.entities import FORMAT_VERSION, Run, RunId
from flor.errors import CannotResume, StoreError
from flor.project import Project
from flor.record import ending, environment, opening, script
from flor.record.context import Node
from flor.record.process_run import Identity, ProcessRun
from flor.runs import files, liveness
from flor.runs.layout import JournalName, Layout
from flor.runs.liveness import LockFile
from flor.runs.ring import Ring
from flor.runs.values import encode
from flor.times import to_microseconds

_HINT = "Make the folder writable; what was recorded of the run is kept."


@contextmanager
def claim(layout: Layout, run: RunId) -> Iterator[None]:
    """Be the one who resumes this run, for as long as this is open.

    Raises:
        CannotResume: another process does so now.
        StoreError: the store cannot be written.
    """
    path = layout.resume_lock(run)
    try:
        if liveness.is_locked(path):
            raise CannotResume(run, "another process resumes it", "Wait for it, or stop it first.")
        lock = LockFile(path)
    except OSError as error:
        raise StoreError(f"The store {layout.home} cannot be written: {error}", _HINT) from error
    try:
        yield
    finally:
        lock.release()


def reopen(
    project: Project,
    run: Run,
    first_seq: int,
    redirect: Callable[[Node, str, Any], None],
    *,
    entry: str = "",
    rank: int = 0,
    process: int = 0,
    arguments: Mapping[str, Any] | None = None,
) -> ProcessRun:
    """Go on with the records of a process that is gone; what it had recorded later is superseded already.

    The end of the run is seen to: the auto-commit if it still lacks it, and the sealing of a large one.

    Args:
        run: as the catalog has it.
        first_seq: of the next record; greater than that of every record there is, see `supersede.mark`.
        redirect: see `Spool`.
        entry: the moment of the run at which this process stands.
        arguments: the inputs recorded so far, for this process and its children.

    Raises:
        CannotResume: another process goes on with it, or what is there of it is not sealed.
        StoreError: the store cannot be written; what is there of the run is left as it is.
    """
    layout, name = Layout(project.home), JournalName(run.run, rank, process)
    identity = Identity(name, run.tstamp, run.code, is_main=rank == process == 0)
    continues = {"seq": first_seq, "entry": entry}
    try:
        opening.make_store(layout)
        opened = opening.begin(
            project,
            identity,
            lambda memory: {**header(run, identity, memory), "continues": continues},
            redirect,
            first_seq,
        )
    except FileExistsError as error:
        raise _not_over(layout, name) from error
    except OSError as error:
        raise StoreError(f"The store {project.home} cannot be written: {error}", _HINT) from error
    _lend(opened, arguments or {})
    if opened.files:
        opened.files.follow(files.of(run))
    opened.after_end.append(ending.finish_once)
    opened.after_close.append(ending.seal_if_large)
    opened.start()
    return opened


def _lend(run: ProcessRun, arguments: Mapping[str, Any]) -> None:
    """Have these inputs, and let children of this process find them; they are recorded already."""
    if arguments:
        run.arguments.update(arguments)
        run.facts({"args": {name: list(encode(value, run.keep_blob)) for name, value in arguments.items()}})


def _not_over(layout: Layout, name: JournalName) -> CannotResume:
    """Why a journal of this name is there."""
    if liveness.is_locked(layout.lock(name)):
        return CannotResume(name.run, "another process goes on with it", "Wait for it, or stop it first.")
    hint = "`python -m flor runs` seals what has ended, and says where that is impossible."
    return CannotResume(name.run, f"{layout.journal(name)} is not sealed", hint)


def header(run: Run, identity: Identity, memory: Ring) -> dict[str, Any]:
    """What the run was from its begin, and which process goes on with it."""
    return {
        "format": FORMAT_VERSION,
        "run": run.run,
        "rank": identity.name.rank,
        "process": identity.name.process,
        "projid": run.projid,
        "tstamp": to_microseconds(run.tstamp),
        "started": time.time_ns() // 1_000,
        "filename": run.filename,
        "argv": list(run.argv),
        "cwd": script.start_folder(),
        "user": environment.user(),
        "host": liveness.host_name(),
        "boot": liveness.boot_id(),
        "pid": os.getpid(),
        "parent": run.parent,
        "ring": str(memory.path) if memory.path else None,
        "version": asdict(identity.version) if identity.version else None,
        "no_version": "",
        "environment": environment.at_start(environment.first_variables()),
    }
