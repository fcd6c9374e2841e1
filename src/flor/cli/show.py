"""`flor show`: all that is known of one run."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flor.checkpoints.points import points
from flor.checkpoints.store import CheckpointStore
from flor.cli import checkpoints, here, kept_files, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.entities import Run, Source
from flor.query.difference import flattened
from flor.query.summary import COLUMNS, Summary, summarize

EXAMPLES = """examples:
  flor show last
  flor show 3fa9c1
  flor show "2026-11-25 09:38:58.123456" --json
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help=store.RUN_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Show the run."""
    catalog = store.catalog(here.project(), console)
    run = catalog.find(arguments.run)
    counting = [source for source in Source if source is not Source.SUPERSEDED]
    summary = summarize(catalog.chunks(None, [run.run], counting, COLUMNS))
    if arguments.json:
        console.json(as_json(run, summary))
    else:
        kept = CheckpointStore(catalog.layout.checkpoints).kept(run.run)
        _print(run, summary, checkpoints.summary(points([one.manifest for one in kept])), console)
    return 0


def as_json(run: Run, summary: Summary) -> dict[str, Any]:
    """Everything, by name."""
    facts = {name: getattr(run, name) for name in run.__slots__}
    return {
        **facts,
        "files": kept_files.as_json(run),
        "records": summary.record_count,
        "loops": [asdict(loop) for loop in summary.loops],
        "names": [asdict(name) for name in summary.names],
    }


def _print(run: Run, summary: Summary, kept: str, console: Console) -> None:
    console.facts([*facts(run, summary), ("checkpoints", kept)])
    _section(console, "arguments", list(run.args.items()))
    _section(console, "last values", list(run.values.items()))
    iterations = [(loop.path, render.counted(loop.iterations, "iteration")) for loop in summary.loops]
    _section(console, "loops", iterations)
    if summary.names:
        console.lines(["", "names"])
        console.part(names_table(summary))
    environment = dict(run.environment)
    packages = environment.pop("packages", {})
    _section(console, "environment", list(flattened(environment).items()))
    _paragraph(console, "packages", [f"{name} {version}" for name, version in packages.items()])
    kept_files.show(run, console)
    _list(console, "left out of the code version", run.left_out)
    _list(console, "faults of FlorDB during the run", run.faults)


def facts(run: Run, summary: Summary) -> list[tuple[str, object]]:
    """The head of the page."""
    version = f"{run.version} on {run.branch}" if run.version else "no code version"
    return [
        ("run", run.run),
        ("when", run.tstamp),
        ("project", run.projid),
        ("script", run.filename),
        ("status", run.status.value),
        ("duration", render.duration(run.duration_s)),
        ("command", " ".join(run.argv)),
        ("folder", run.cwd),
        ("code version", version),
        ("based on", run.base),
        ("process", f"{run.pid} of {run.user} on {run.host}"),
        ("resumed at", ", ".join(run.resumed)),
        ("ranks", run.rank_count),
        ("parent", run.parent),
        ("records", f"{summary.record_count:,}"),
    ]


def names_table(summary: Summary) -> Table:
    """One row for each name in each loop."""
    rows = [(n.name, n.path, ", ".join(n.kinds), ", ".join(n.sources), n.count) for n in summary.names]
    return Table(("name", "loop", "kind", "source", "count"), rows)


def _section(console: Console, title: str, facts: Sequence[tuple[str, object]]) -> None:
    if facts:
        console.lines(["", title])
        console.facts(facts, indent=2)


def _paragraph(console: Console, title: str, words: Sequence[str]) -> None:
    if words:
        console.lines(["", title])
        console.paragraph(", ".join(words))


def _list(console: Console, title: str, lines: tuple[str, ...]) -> None:
    if lines:
        console.lines(["", title, *(f"  {render.printable(line)}" for line in lines)])
