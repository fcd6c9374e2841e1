"""`flor checkpoints`: the training states that runs kept."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flor.checkpoints import naming
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.points import Point, points
from flor.checkpoints.store import CheckpointStore
from flor.cli import here, render, store, tabular
from flor.cli.console import NEWEST, Console
from flor.cli.table import Table
from flor.entities import RunId
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor checkpoints last
  flor checkpoints
  flor checkpoints 3fa9c1 --json

"after epoch 3" is what `flor.load("model", "3fa9c1", epoch=3)` fetches. Of several ranks each keeps its part:
where one did not, that is said, and only a terminal shows it.
"""
COLUMNS = ("run", "entry", "size_bytes", "new_bytes", "opaque")


@dataclass(frozen=True, slots=True)
class Listed:
    """What was kept at one entry point, and what that is called."""

    point: Point
    words: str  # of its entry point


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", nargs="?", metavar="RUN", help=f"{store.RUN_HELP}; none: all runs")
    tabular.add_outputs(parser, "checkpoint")


def execute(arguments: Namespace, console: Console) -> int:
    """List the checkpoints, the newest last."""
    project = here.project()
    catalog = store.catalog(project, console)
    asked = [catalog.find(arguments.run)] if arguments.run else store.listed(project, catalog).runs
    checkpoints = CheckpointStore(Layout(project.home).checkpoints)
    kept = listed([one.manifest for run in asked for one in checkpoints.kept(run.run)])
    if console.is_terminal and not (arguments.csv or arguments.json):
        _print(kept, store.short_ids(catalog.runs), console)
    else:
        tabular.deliver(complete([one.point for one in kept]), arguments, console)
    return 0


def listed(manifests: Sequence[Manifest]) -> list[Listed]:
    """The checkpoints with what they are called, run by run."""
    found: list[Listed] = []
    for run in dict.fromkeys(each.run for each in manifests):
        own = points(each for each in manifests if each.run == run)
        found += map(Listed, own, naming.in_words([point.first for point in own]))
    return found


def complete(kept: Sequence[Point]) -> Table:
    """Every fact of every checkpoint that is whole."""
    return Table(COLUMNS, [_facts(each) for each in kept if each.is_complete])


def _facts(point: Point) -> tuple[Any, ...]:
    opaque = [{"path": part.path, "reason": part.reason} for part in point.opaque]
    return point.first.run, point.first.entry, point.size_bytes, point.new_bytes, opaque


def summary(kept: Sequence[Point]) -> str:
    """`12 kept, 38.0 MB (6.1x deduplicated)`; "" where nothing was kept."""
    whole = sum(each.is_complete for each in kept)
    if not whole:
        return ""
    new = sum(each.new_bytes for each in kept)
    ratio = sum(each.size_bytes for each in kept) / max(new, 1)
    return f"{whole:,} kept, {render.size(new)} ({ratio:.1f}x deduplicated)"


def _print(kept: Sequence[Listed], short: Mapping[RunId, str], console: Console) -> None:
    if not kept:
        console.line("No training state was kept: `with flor.checkpointing(model=model):` keeps it.")
        return
    console.table(overview(kept[-NEWEST:], short), total=len(kept))
    console.line()
    console.line(summary([one.point for one in kept]))
    not_kept = opaque([one.point for one in kept])
    if not_kept.rows:
        console.lines(["", "not kept: a replay that needs these starts further back"])
        console.part(not_kept)


def overview(kept: Sequence[Listed], short: Mapping[RunId, str]) -> Table:
    """What a person looks for in a list of checkpoints."""
    rows = [
        (
            short.get(RunId(one.point.first.run), one.point.first.run),
            one.words if one.point.is_complete else f"{one.words} (only {one.point.rank_text})",
            render.size(one.point.size_bytes),
            render.size(one.point.new_bytes),
            ", ".join(part.path for part in one.point.opaque),
        )
        for one in kept
    ]
    return Table(("run", "entry point", "size", "new", "not kept"), rows)


def opaque(kept: Sequence[Point]) -> Table:
    """What could not be kept: where it is, why, and in how many checkpoints."""
    counts = Counter((part.path, part.reason) for each in kept for part in each.opaque)
    rows = [(path, reason, count) for (path, reason), count in counts.items()]
    return Table(("name", "reason", "checkpoints"), rows)
