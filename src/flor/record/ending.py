"""What happens when a run ends: its status, its auto-commit, and the message that says so."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flor.entities import Status
from flor.errors import FlorError
from flor.project import Project
from flor.record import echo, pending
from flor.record.membership import Membership, is_multiprocessing_child
from flor.record.process_run import ProcessRun
from flor.runs import journals
from flor.runs.layout import JournalName, Layout
from flor.snapshots import shadow
from flor.snapshots.shadow import KilledRun
from flor.times import to_text

SEAL_AT_ONCE_BYTES = 8 << 20


def status_of_process(cells: Sequence[object] | None) -> Status:
    """How this process ends, seen from its last moment: the interpreter keeps the exception that ended it.

    What raises at a prompt or in a cell ends nothing.

    Args:
        cells: those that IPython has executed; without any it executed a script. None: this is no IPython.
    """
    ended_by = getattr(sys, "last_type", None)
    is_prompted = hasattr(sys, "ps1") if cells is None else bool(cells)
    if ended_by is None or is_prompted or issubclass(ended_by, SystemExit):
        return Status.FINISHED
    return Status.INTERRUPTED if issubclass(ended_by, KeyboardInterrupt) else Status.FAILED


def stay(status: Status) -> None:
    """Let an interrupted process end by SIGINT, as it would without us.

    Python does so if the last code that it was given as text ended in a KeyboardInterrupt. That was the
    script; but modules that were imported since have executed some, and a shell would not stop its loop.
    """
    if status is Status.INTERRUPTED:
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102  (this text only)


def finish(run: ProcessRun) -> None:
    """Write the auto-commit of a run that has code, and say so."""
    version, repository = run.identity.version, run.project.repository
    if not run.identity.is_main or version is None or repository is None:
        return
    try:
        stamp = to_text(run.identity.tstamp)
        shadow.close(repository, version, run.run, stamp, switch=run.project.config.switch)
        pending.settle(run)
    except (FlorError, OSError) as error:
        echo.warn(f"the auto-commit failed, the next run will write it: {error}")
        return
    echo.show("Changes committed successfully.")


def finish_once(run: ProcessRun) -> None:
    """Write the auto-commit of a run that was gone on with, unless a run that followed the killed one has."""
    version, repository = run.identity.version, run.project.repository
    if not run.identity.is_main or version is None or repository is None:
        return
    owed = KilledRun(run.run, to_text(run.identity.tstamp), version)
    try:
        written = shadow.close_missing(repository, [owed], switch=run.project.config.switch)
        pending.settle(run)
    except (FlorError, OSError) as error:
        echo.warn(f"the auto-commit failed, the next run will write it: {error}")
        return
    if written:
        echo.show("Changes committed successfully.")


def seal_if_large(run: ProcessRun) -> None:
    """Seal a large run when its last process ends.

    Small ones are left to the next reader: importing pyarrow alone costs 0.2 s.
    """
    layout = Layout(run.project.home)
    names = [name for name in journals.names(layout) if name.run == run.run]
    with suppress(FlorError, OSError):  # another process seals it just now, or a later reader will
        if sum(layout.journal(name).stat().st_size for name in names) < SEAL_AT_ONCE_BYTES:
            return
        if any(layout.lock(name).exists() for name in names):
            return
        from flor.runs.catalog import seal_run

        seal_run(layout, run.run)


def arguments_of_parent(project: Project, member: Membership) -> dict[str, Any]:
    """In a spawned child: the inputs of the run that its parent has recorded so far."""
    if not member.is_child:
        return {}
    return journals.arguments_of(Layout(project.home), JournalName(member.run, member.rank, 0))


def arguments_of_children(run: ProcessRun) -> set[str]:
    """The names of the inputs that processes of this run have recorded."""
    layout = Layout(run.project.home)
    names = [name for name in journals.names(layout) if name.run == run.run]
    return {argument for name in names for argument in journals.arguments_of(layout, name)}


def close_with_multiprocessing(close: Callable[[], None]) -> None:
    """Close at the end of a `multiprocessing` child, which runs no exit hooks.

    Registered at the child's first record: multiprocessing forgets what was registered before
    the child began.
    """
    if not is_multiprocessing_child():
        return
    from multiprocessing.util import Finalize

    Finalize(None, close, exitpriority=-100)
