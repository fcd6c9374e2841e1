"""`flor replay`: values that were not logged, for the runs of the past."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

from flor import progress
from flor.cli import here, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.executors import choice
from flor.replay import asking, replaying, report
from flor.replay.asking import Asked, Request
from flor.replay.planning.plans import Plan
from flor.replay.report import Report
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor replay gradient_norm
  flor replay gradient_norm,weight_norm "lr < 0.01 and epoch >= 3"
  flor replay gradient_norm --dry-run --show-patch
  flor replay gradient_norm --runs last --workers 2 --yes

Add `flor.log("gradient_norm", ...)` to today's script first. The statement is carried into the version of
each run that lacks the value, and executed there as far as that is needed: from the run's checkpoints, in a
working tree of its own. Your files, branch and index are not touched.
"""
INCOMPLETE = 1


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("names", metavar="NAME[,NAME...]", help="names that statements of today log")
    parser.add_argument("where", nargs="?", metavar="WHERE", help="only runs and iterations that satisfy it")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="show what would be executed, and stop")
    parser.add_argument("--workers", type=int, metavar="N", help="processes at a time (default: by cores)")
    parser.add_argument("--executor", choices=choice.NAMES, default="local", help="where processes run")
    parser.add_argument("--runs", metavar="RUN,...", help=f"only these: each {store.RUN_HELP}")
    parser.add_argument("--show-patch", action="store_true", help="show the statement in each version")
    parser.add_argument("--no-slice", action="store_true", help="execute whole iterations")
    help_ = "iterations to execute in full and compare, also to prove what was answered before"
    parser.add_argument("--audit", type=int, metavar="N", help=help_)
    parser.add_argument("--json", action="store_true", help="print the report, or the plan, as JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Plan, ask, execute, report."""
    project = here.project()
    catalog = store.catalog(project, console)
    request = _request(arguments)
    asked = asking.ask(project, catalog, request)
    if arguments.show_patch:
        console.lines(line for _, patch in asked.patches for line in patch.splitlines())
    if arguments.dry_run or not asked.works:
        return _without_executing(asked, request, arguments, console)
    if not arguments.json:
        _schedule(asked, console)
    console.confirm(f"Continue replay estimated to finish in {_under(asked)}", assume_yes=arguments.yes)
    executor = choice.named(arguments.executor, request.workers, Layout(project.home).replays)
    bar = partial(progress.segments, is_shown=not arguments.json)
    found = replaying.replay(project, catalog, asked, request.names, executor, bar)
    _deliver(found, arguments, console)
    return 0 if found.is_complete else INCOMPLETE


def _request(arguments: Namespace) -> Request:
    return asking.request(
        arguments.names,
        arguments.where,
        runs=[part.strip() for part in (arguments.runs or "").split(",") if part.strip()],
        workers=arguments.workers,
        is_sliced=not arguments.no_slice,
        audit=arguments.audit,
    )


def _without_executing(asked: Asked, request: Request, arguments: Namespace, console: Console) -> int:
    """Show the plan; with nothing to execute, say why."""
    if arguments.json:
        plans = [plan.to_json() for plan in asked.plans]
        console.json({"plans": plans, "runs": [one.to_json() for one in asked.others]})
    else:
        _schedule(asked, console)
    nothing = Report(request.names, asked.others)
    return 0 if asked.works or nothing.is_complete else INCOMPLETE


def _schedule(asked: Asked, console: Console) -> None:
    """What would be executed: the level, a row per run, and what is left out with the reason."""
    for level in dict.fromkeys(plan.level_text for plan in asked.plans):
        console.line(f"log level {level}.")
    if asked.plans:
        console.part(_table(asked.plans), indent=0)
    lines = [line for plan in asked.plans for line in (*plan.skipped, *plan.opaque, plan.reason) if line]
    console.lines(dict.fromkeys(lines))
    console.lines(report.told(asked.others))


def _table(plans: Sequence[Plan]) -> Table:
    names = list(dict.fromkeys(name for plan in plans for name in plan.columns))
    columns = ("projid", "tstamp", "filename", *names, "delta::prefix", "delta::suffix", "composite")
    return Table(columns, [_row(plan, names) for plan in plans])


def _row(plan: Plan, names: Sequence[str]) -> tuple[Any, ...]:
    values = [plan.columns.get(name) for name in names]
    times = (round(each, 3) for each in (plan.prefix_s, plan.suffix_s, plan.estimated_s))
    return (plan.projid, plan.tstamp, plan.filename, *values, *times)


def _under(asked: Asked) -> str:
    """`under 2 minutes`."""
    minutes = int(asked.elapsed_s // 60) + 1
    return f"under {minutes} minute{'s' if minutes > 1 else ''}"


def _deliver(found: Report, arguments: Namespace, console: Console) -> None:
    if arguments.json:
        console.json(found.to_json())
        return
    rows = [tuple(run.to_json()[name] for name in report.COLUMNS) for run in found.runs]
    console.table(Table(report.COLUMNS, rows))
    console.lines([*report.told(found.runs), *found.notes])
    for text in [text for run in found.runs for text in run.outputs]:
        console.note(f"{Layout(here.project().home).replays / text}")
    took, expected = render.duration(found.seconds), render.duration(found.estimated_s)
    console.note(f"took {took}, estimated {expected}")
