"""What happens when a run ends: its status, its auto-commit, and the message that says so."""

import sys
from collections.abc import Callable
from typing import Any

from flor.entities import Status
from flor.errors import FlorError
from flor.project import Project
from flor.record import echo
from flor.record.membership import Membership
from flor.record.process_run import ProcessRun
from flor.runs import journals
from flor.runs.layout import Layout
from flor.snapshots import shadow
from flor.times import to_text


def status_of_process() -> Status:
    """How this process ends, seen from its last moment: the interpreter keeps the exception that ended it."""
    ended_by = getattr(sys, "last_type", None)
    if ended_by is None or hasattr(sys, "ps1"):
        return Status.FINISHED
    return Status.INTERRUPTED if issubclass(ended_by, KeyboardInterrupt) else Status.FAILED


def finish(run: ProcessRun) -> None:
    """Write the auto-commit of a run that has code, and say so."""
    if not run.identity.is_main:
        return
    if run.identity.version is None or run.project.repository is None:
        return
    try:
        shadow.close(run.project.repository, run.identity.version, run.run, to_text(run.identity.tstamp))
    except FlorError as error:
        echo.warn(f"the auto-commit failed, the next run will write it: {error.message}")
        return
    echo.show("Changes committed successfully.")


def arguments_of_parent(project: Project, member: Membership) -> dict[str, Any]:
    """In a spawned child: the inputs of the run that its parent has recorded so far."""
    if not member.is_child:
        return {}
    return journals.arguments_of(Layout(project.home), member.run, member.rank)


def close_with_multiprocessing(close: Callable[[], None]) -> None:
    """Close at the end of a `multiprocessing` child, which runs no exit hooks.

    Registered at the child's first record: multiprocessing forgets what was registered before
    the child began.
    """
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    from multiprocessing.util import Finalize

    Finalize(None, close, exitpriority=-100)
