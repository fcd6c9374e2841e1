"""`flor checkpoints`: the training states that runs kept."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flor.checkpoints import naming
from flor.checkpoints.manifest import Manifest
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

"after epoch 3" is what `flor.load("model", "3fa9c1", epoch=3)` fetches.
"""
COLUMNS = ("run", "entry", "size_bytes", "new_bytes", "opaque")


@dataclass(frozen=True, slots=True)
class Listed:
    """One checkpoint and what it is called."""

    manifest: Manifest
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
        tabular.deliver(complete([one.manifest for one in kept]), arguments, console)
    return 0


def listed(manifests: Sequence[Manifest]) -> list[Listed]:
    """The checkpoints with what they are called, run by run."""
    found: list[Listed] = []
    for run in dict.fromkeys(each.run for each in manifests):
        own = [each for each in manifests if each.run == run]
        found += map(Listed, own, naming.in_words(own))
    return found


def complete(manifests: Sequence[Manifest]) -> Table:
    """Every fact of every checkpoint."""
    return Table(COLUMNS, [_facts(each) for each in manifests])


def _facts(manifest: Manifest) -> tuple[Any, ...]:
    opaque = [{"path": part.path, "reason": part.reason} for part in manifest.opaque]
    return manifest.run, manifest.entry, manifest.size_bytes, manifest.new_bytes, opaque


def summary(manifests: Sequence[Manifest]) -> str:
    """`12 kept, 38.0 MB (6.1x deduplicated)`; "" where nothing was kept."""
    if not manifests:
        return ""
    new = sum(each.new_bytes for each in manifests)
    ratio = sum(each.size_bytes for each in manifests) / max(new, 1)
    return f"{len(manifests):,} kept, {render.size(new)} ({ratio:.1f}x deduplicated)"


def _print(kept: Sequence[Listed], short: Mapping[RunId, str], console: Console) -> None:
    if not kept:
        console.line("No training state was kept: `with flor.checkpointing(model=model):` keeps it.")
        return
    console.table(overview(kept[-NEWEST:], short), total=len(kept))
    console.line()
    console.line(summary([one.manifest for one in kept]))
    not_kept = opaque([one.manifest for one in kept])
    if not_kept.rows:
        console.lines(["", "not kept: a replay that needs these starts further back"])
        console.part(not_kept)


def overview(kept: Sequence[Listed], short: Mapping[RunId, str]) -> Table:
    """What a person looks for in a list of checkpoints."""
    rows = [
        (
            short.get(RunId(one.manifest.run), one.manifest.run),
            one.words,
            render.size(one.manifest.size_bytes),
            render.size(one.manifest.new_bytes),
            ", ".join(part.path for part in one.manifest.opaque),
        )
        for one in kept
    ]
    return Table(("run", "entry point", "size", "new", "not kept"), rows)


def opaque(manifests: Sequence[Manifest]) -> Table:
    """What could not be kept: where it is, why, and in how many checkpoints."""
    counts = Counter((part.path, part.reason) for each in manifests for part in each.opaque)
    rows = [(path, reason, count) for (path, reason), count in counts.items()]
    return Table(("name", "reason", "checkpoints"), rows)
