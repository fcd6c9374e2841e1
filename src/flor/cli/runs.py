"""`flor runs`: the list of runs."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import Any

from flor.cli import here, render, store, tabular
from flor.cli.console import NEWEST, Console
from flor.cli.table import Table
from flor.entities import Run, RunId

EXAMPLES = """examples:
  flor runs
  flor runs --where "status = 'finished' AND accuracy > 0.9"
  flor runs --limit 10 --json
"""
COLUMNS = (
    "run",
    "projid",
    "tstamp",
    "filename",
    "status",
    "rank_count",
    "duration_s",
    "args",
    "values",
    "version",
)


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--where",
        metavar="PREDICATE",
        help="keep the runs that satisfy a SQL predicate over run, tstamp, status, ... and named values",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="the newest N runs")
    tabular.add_outputs(parser, "run")


def execute(arguments: Namespace, console: Console) -> int:
    """List the runs, the newest last."""
    project = here.project()
    catalog = store.catalog(project, console)
    runs = store.listed(project, catalog).runs
    if arguments.where:
        from flor.query import choice  # loads DuckDB and pandas, which a plain list can do without

        runs = choice.matching(runs, arguments.where)
    if arguments.limit is not None:
        runs = runs[max(len(runs) - arguments.limit, 0) :]
    if console.is_terminal and not (arguments.csv or arguments.json):
        table = overview(runs[-NEWEST:], store.short_ids(catalog.runs))
        console.table(table, total=len(runs))
    else:
        tabular.deliver(complete(runs), arguments, console)
    return 0


def facts(run: Run) -> dict[str, Any]:
    """What a listing says of a run."""
    return {name: getattr(run, name) for name in COLUMNS}


def complete(runs: Sequence[Run]) -> Table:
    """Every fact of every run."""
    return Table(COLUMNS, [tuple(facts(run).values()) for run in runs])


def overview(runs: Sequence[Run], short: dict[RunId, str]) -> Table:
    """What a person looks for in a list of runs."""
    rows = [
        (
            short[run.run],
            run.tstamp,
            run.filename,
            run.status.value,
            render.duration(run.duration_s),
            render.assignments(run.args),
            render.assignments(run.values),
        )
        for run in runs
    ]
    columns = ("run", "when", "script", "status", "duration", "arguments", "last values")
    return Table(columns, rows, spare="duration")


def _count(text: str) -> int:
    if not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is not a number of runs")
    return int(text)
