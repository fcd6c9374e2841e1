"""`flor rm`: removes runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence

from flor.checkpoints import collection
from flor.checkpoints.budget import Wanted
from flor.cli import exchange, here, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.entities import Run, RunId, Status
from flor.errors import FlorError
from flor.project import Project
from flor.runs import housekeeping
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.snapshots import transfer

EXAMPLES = """examples:
  flor rm 3fa9c1
  flor rm 3fa9c1 81d2e0 --yes

The records and checkpoints go; the code stays on flor.shadow, as git's history does. `flor gc` then deletes
blobs that no other run uses.
"""


class RunIsRunning(FlorError):
    """A run that still records cannot be removed."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"Run {run.run} ({run.filename}) is still running on {run.host} as process {run.pid}.",
            "Stop it first.",
        )


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("runs", nargs="+", metavar="RUN", help=store.RUN_HELP)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def execute(arguments: Namespace, console: Console) -> int:
    """Remove the runs' records and checkpoints, after asking."""
    project = here.project()
    store.refuse_read_only(project)
    layout, catalog = Layout(project.home), store.catalog(project, console)
    runs = list({run.run: run for run in map(catalog.find, arguments.runs)}.values())
    refuse_running(runs)
    console.part(_table(runs, store.short_ids(catalog.runs)), indent=0)
    if not _pushed(project).isdisjoint(
        path.name for run in runs for path in housekeeping.files_of(layout, run.run)
    ):
        console.note("A copy has been pushed: `flor pull` would bring it back, and others may have it.")
    console.confirm(f"Remove {render.counted(len(runs), 'run')}", assume_yes=arguments.yes)
    repeated = housekeeping.caches_of(layout, [run.run for run in runs])
    freed = _remove_checkpoints(layout, runs, catalog)
    freed += housekeeping.delete(path for run in runs for path in housekeeping.files_of(layout, run.run))
    housekeeping.delete(repeated)
    console.line(f"Removed {render.counted(len(runs), 'run')}, {render.size(freed)}.")
    return 0


def _remove_checkpoints(layout: Layout, runs: Sequence[Run], catalog: Catalog) -> int:
    """Remove the runs' checkpoints; the bytes freed. What other runs' checkpoints rest on stays.

    Before the records: a run that is still listed can be removed again, should this be interrupted.
    """
    running = {run.run for run in catalog.runs if run.status is Status.RUNNING}
    wanted = Wanted(running=running, unwanted={run.run for run in runs})
    return collection.take_out(layout.checkpoints, wanted).size_bytes


def refuse_running(runs: Sequence[Run]) -> None:
    """Raise if one of the runs is still running."""
    for run in runs:
        if run.status is Status.RUNNING:
            raise RunIsRunning(run)


def _pushed(project: Project) -> set[str]:
    """The names of the sealed files that were pushed from here or pulled to here."""
    return exchange.sealed_files(transfer.shelf(project.repository)) if project.repository else set()


def _table(runs: Sequence[Run], short: Mapping[RunId, str]) -> Table:
    columns = ("run", "when", "script", "status", "arguments")
    return Table(columns, [_row(run, short[run.run]) for run in runs])


def _row(run: Run, short: str) -> tuple[object, ...]:
    return short, run.tstamp, run.filename, run.status.value, render.assignments(run.args)
