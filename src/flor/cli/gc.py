"""`flor gc`: deletes what can be made again or is no longer used."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flor.cli import here, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.entities import Source, Status
from flor.runs import check, housekeeping
from flor.runs.catalog import Catalog
from flor.runs.housekeeping import Garbage, Reason
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor gc --dry-run
  flor gc --yes
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a file")


def execute(arguments: Namespace, console: Console) -> int:
    """Show what can go, ask, and delete it."""
    project = here.project()
    layout, catalog = Layout(project.home), store.catalog(project, console)
    used = _used_blobs(layout, catalog, console)
    garbage = housekeeping.plan(layout, {run.run for run in catalog.runs}, used)
    if arguments.json:
        console.json([as_json(item, layout.home) for item in garbage])
    else:
        _print(garbage, console)
    if arguments.dry_run or not garbage:
        return 0
    console.confirm(f"Delete {render.counted(len(garbage), 'file')}", assume_yes=arguments.yes)
    freed = housekeeping.delete(item.path for item in garbage)
    console.note(f"Deleted {render.counted(len(garbage), 'file')}, {render.size(freed)}.")
    return 0


def _used_blobs(layout: Layout, catalog: Catalog, console: Console) -> set[str] | None:
    """The blobs that runs use; None while that cannot be told for sure."""
    if any(run.status is Status.RUNNING for run in catalog.runs):
        console.note("Blobs are left alone while a run is running.")
        return None
    findings = check.check(layout, (check.Role.JOURNAL, check.Role.SEALED))
    if any(finding.state.is_loss for finding in findings):
        console.note("Blobs are left alone while records are damaged: see `flor fsck`.")
        return None
    return housekeeping.used_blobs(catalog.chunks(None, sources=tuple(Source), columns=("kind", "vs")))


def as_json(item: Garbage, home: Path) -> dict[str, Any]:
    """One file; its path within the store where it is there."""
    path = item.path.relative_to(home) if item.path.is_relative_to(home) else item.path
    return {"path": path.as_posix(), "size_bytes": item.size_bytes, "reason": item.reason}


def _print(garbage: Sequence[Garbage], console: Console) -> None:
    if not garbage:
        console.line("Nothing to delete.")
        return
    rows = [_row(reason, [item for item in garbage if item.reason is reason]) for reason in Reason]
    total = ("all", len(garbage), render.size(sum(item.size_bytes for item in garbage)))
    console.part(Table(("what", "files", "size"), [*(row for row in rows if row[1]), total]), indent=0)


def _row(reason: Reason, items: Sequence[Garbage]) -> tuple[str, int, str]:
    return str(reason), len(items), render.size(sum(item.size_bytes for item in items))
