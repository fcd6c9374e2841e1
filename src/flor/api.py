"""The public functions. Each is a few lines: it asks the current session, or the readers below."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flor import utils
from flor.record import session
from flor.record.context import current as _current
from flor.record.session import NO_DEFAULT

if TYPE_CHECKING:
    import pandas as pd

    from flor.project import Project
    from flor.replay.report import Report
    from flor.runs.catalog import Catalog

T = TypeVar("T")

__all__ = [
    "arg",
    "checkpointing",
    "commit",
    "dataframe",
    "io",
    "iteration",
    "load",
    "log",
    "loop",
    "query",
    "replay",
    "restore",
    "utils",
]

_node = _current.get


def log(name: str, value: T) -> T:
    """Record `value` under `name` at this point of the run, and return it unchanged.

    Any value is taken; what cannot be kept is kept as its `repr`, with one warning per name.
    """
    node = _node()
    if node is None:
        node = session.current().root()
    write = node.write  # in two steps: the interpreter specialises both
    write(node, name, value)
    return value


def arg(name: str, default: Any = NO_DEFAULT) -> Any:
    """The value of a named input of the run: from `--kwargs`, else the default. It is recorded.

    A value from the command line is cast to the type of the default.

    Raises:
        ArgumentNotSet: there is neither a value nor a default.
        BadArgument: the value on the command line cannot be cast.
    """
    return session.current().arg(_text(name), default)


def loop(name: str, iterable: Iterable[T]) -> Iterator[T]:
    """Iterate over `iterable` with a named context and a progress bar. Nests to any depth."""
    return session.current().loop(name, iterable)


def iteration(name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
    """One iteration of a loop that the script does not drive itself, as a context manager.

    Args:
        name: the loop's name.
        index: the iteration, counting from 0; None takes the next number.
        value: what is iterated, shown in the column `<name>_value` if it is simple.
    """
    return session.current().iteration(name, index, value)


def checkpointing(**objects: Any) -> AbstractContextManager[None]:
    """Keep the training state of these objects while the context is open."""
    return session.current().checkpointing(objects)


def commit() -> None:
    """End the current run here; the next record starts a new one."""
    session.current().commit()


def dataframe(
    *names: str, where: str | None = None, provenance: bool = False, ranks: str | None = None
) -> "pd.DataFrame":
    """One row per context that holds an asked name, one column per name.

    Args:
        names: what was logged; none: all arguments and values of the run level.
        where: a SQL predicate over columns, asked for or not; a row is kept if it, or a deeper
            context, satisfies it.
        provenance: add a column `<name>_source` behind each name, and `<name>_verdict` where replays have
            answered it: "verified", "unverified" or "diverged".
        ranks: "all" adds the records of other ranks, and a column `rank`.

    Returns:
        Columns `projid, tstamp, filename`, then one per loop (counting from 1) with its
        `<loop>_value`, then the names as asked.

    Raises:
        QueryError: the predicate cannot be understood.
    """
    from flor.query import frame

    return frame.dataframe(_catalog(_project()), names, where=where, provenance=provenance, ranks=ranks)


def query(sql: str) -> "pd.DataFrame":
    """The result of a SELECT over the tables `runs, checkpoints, args, logs, loops, files` ...

    Raises:
        QueryError: the statement is no SELECT, or DuckDB refuses it.
    """
    from flor.query.sql import query as run_query

    project = _project()
    catalog = _catalog(project)
    return run_query(catalog, sql, project.repository, catalog.layout.checkpoints)


def io(run: str | None = None) -> "pd.DataFrame":
    """The console output that was kept of a run: a row per line, with its loops and its time.

    Args:
        run: its id, a unique prefix of it, its time stamp, or "last"; None: the newest run with output.

    Returns:
        Columns as in `dataframe`, then `stream`, `time` (UTC) and `text`. What was drawn again and
        again, as a progress bar, is there in its last state. Empty, with a warning, where nothing was kept.

    Raises:
        RunNotFound: there is no such run.
    """
    from flor.query.console import console

    return console(_catalog(_project()), run)


def load(name: str, run: str = "last", epoch: int | None = None, **context: int) -> Any:
    """The object that a run gave to `flor.checkpointing` under this name, as it was at a kept moment.

    Of a torch module or optimizer it is what `state_dict()` would have returned; no class is needed for that.

    Args:
        name: as in `flor.checkpointing(name=...)`.
        run: its id, a unique prefix of it, its time stamp, or "last": the newest run that kept any state.
        epoch: the state after so many iterations of the loop "epoch"; without it, the newest state.
        context: the same for loops of other names; of a loop around, which iteration is meant.

    Raises:
        RunNotFound: there is no such run.
        CheckpointNotFound: the state was not kept; the message names the nearest that was.
    """
    from flor.replay import past

    project = _project()
    return past.fetch(past.find(project, _catalog(project), run, _asked(epoch, context)), name)


def restore(run: str = "last", epoch: int | None = None, *, into: Mapping[str, Any], **context: int) -> None:
    """Make live objects, and all they reach, what they were at a kept moment of a run: in place, bit for bit.

    Args:
        into: the objects by the names they were given to `flor.checkpointing`, `{"model": model}`.
        run, epoch, context: as in `flor.load`.

    Raises:
        RunNotFound: there is no such run.
        CheckpointNotFound: the state was not kept; the message names the nearest that was.
        FlorError: names or shapes differ; the message says which, and nothing was changed.
    """
    from flor.replay import past

    project = _project()
    past.put_into(past.find(project, _catalog(project), run, _asked(epoch, context)), into)


def replay(
    names: str | Sequence[str],
    where: str | None = None,
    *,
    runs: Sequence[str] = (),
    workers: int | None = None,
    executor: str = "local",
    audit: int | None = None,
) -> "Report":
    """Answer what past runs did not log, by statements of today; the answers join the frame's columns.

    Args:
        names: one or several (with commas, or a list) that `flor.log` statements in today's files have.
        where: a SQL predicate over columns; only runs and iterations that satisfy it are executed.
        runs: only these, each an id, a unique prefix of it, a time stamp, or "last".
        workers: processes at a time; None: as many as there are cores.
        executor: "local", "slurm" or "ray".
        audit: iterations of each version to execute in full and compare, also to prove what was answered
            before; None: one where that is cheap.

    Returns:
        A report: for each run what was obtained, how sure it is, and why not more.

    Raises:
        FlorError: a name is logged nowhere today, or a run is not there.
        QueryError: the predicate cannot be understood.
    """
    from flor import progress
    from flor.replay import asking, replaying

    asked = asking.request(names, where, runs=runs, workers=workers, audit=audit)
    project = _project()
    return replaying.answer(project, _catalog(project), asked, executor, progress.segments)


def _text(name: object) -> str:
    return name if isinstance(name, str) else str(name)


def _asked(epoch: int | None, context: dict[str, int]) -> dict[str, int]:
    return context if epoch is None else {"epoch": epoch, **context}


def home_folder() -> str:
    """The folder of the store that reading and recording use here (`flor.HOMEDIR`)."""
    return str(_project().home)


def _project() -> "Project":
    """The project that this process records into, else that of the current folder."""
    from flor.project import for_reading

    return session.recorded_project() or for_reading(Path.cwd(), os.environ)


def _catalog(project: "Project") -> "Catalog":
    from flor.progress import sealing
    from flor.runs.catalog import Catalog
    from flor.runs.layout import Layout

    found = Catalog.open(Layout(project.home), progress=sealing)
    return found.of_project(project.projid) if project.subfolder else found
