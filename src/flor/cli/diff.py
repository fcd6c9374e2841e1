"""`flor diff`: what differs between two runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from flor.cli import here, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.entities import Run
from flor.errors import GitError
from flor.project import Project
from flor.query.difference import MISSING, Difference, Pair, compare
from flor.snapshots import history

EXAMPLES = """examples:
  flor diff 3fa9c1 last
  flor diff 3fa9c1 81d2e0 --json
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("left", metavar="RUN", help=store.RUN_HELP)
    parser.add_argument("right", metavar="RUN", help="the run to compare it with")
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Show the two runs side by side."""
    project = here.project()
    catalog = store.catalog(project, console)
    left, right = catalog.find(arguments.left), catalog.find(arguments.right)
    difference = compare(left, right, code_difference(project, left, right, console))
    if arguments.json:
        console.json(as_json(difference))
    else:
        _print(difference, console)
    return 0


def code_difference(project: Project, left: Run, right: Run, console: Console) -> str | None:
    """The unified diff between the code of two runs; None where it cannot be had."""
    if project.repository is None or not (left.version and right.version):
        return None
    try:
        return history.diff(project.repository, left.version, right.version)
    except GitError as error:
        console.note(f"warning: the code cannot be compared: {error}")
        return None


def as_json(difference: Difference) -> dict[str, Any]:
    """Everything, by name."""
    return {
        "left": difference.left.run,
        "right": difference.right.run,
        "code": difference.code,
        "args": _pairs_as_json(difference.arguments),
        "environment": _pairs_as_json(difference.environment),
        "values": _pairs_as_json(difference.values),
    }


def _pairs_as_json(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    return {pair.name: _pair_as_json(pair) for pair in pairs}


def _pair_as_json(pair: Pair) -> dict[str, Any]:
    """Both sides; one that has no such thing is left out."""
    sides = {"left": pair.left, "right": pair.right}
    known = {side: value for side, value in sides.items() if value is not MISSING}
    return known | {"differs": pair.differs}


def _print(difference: Difference, console: Console) -> None:
    console.lines([_title("left ", difference.left), _title("right", difference.right)])
    console.lines(["", "code", *_code_lines(difference)])
    _section(console, "arguments", difference, difference.arguments)
    _section(console, "environment", difference, [pair for pair in difference.environment if pair.differs])
    _section(console, "last values", difference, difference.values)


def _title(side: str, run: Run) -> str:
    return f"{side}  {run.run}  {run.tstamp.isoformat(' ', 'microseconds')}  {run.filename}  {run.status}"


def _code_lines(difference: Difference) -> list[str]:
    if difference.code is None:
        return ["  not known: one of the runs has no code version here"]
    lines = [render.printable(line, keep="\t") for line in difference.code.split("\n")]
    return lines[:-1] or ["  the same"]


def _section(console: Console, title: str, difference: Difference, pairs: Sequence[Pair]) -> None:
    console.lines(["", title])
    if not pairs:
        console.line("  the same")
        return
    rows = [("*" if pair.differs else "", pair.name, pair.left, pair.right) for pair in pairs]
    console.part(Table(("differs", "name", difference.left.run[:8], difference.right.run[:8]), rows))
