"""`flor gc`: deletes what can be made again or is no longer used."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flor.checkpoints import budget, collection
from flor.checkpoints.budget import Goes, Wanted
from flor.cli import here, kept_files, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.config import Config
from flor.entities import Source, Status
from flor.runs import check, housekeeping
from flor.runs.catalog import Catalog
from flor.runs.housekeeping import Garbage, Reason
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor gc --dry-run
  flor gc --yes
  flor gc --compress

Checkpoints that take more than `storage_budget_gb` together thin out, those of the oldest runs first; the
first and the last of each run stay.
"""
_GB = 1e9
_REASONS = (*Reason, *budget.Reason)


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument(
        "--compress", action="store_true", help="then make the packs of checkpoints smaller (about a seventh)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a file")


def execute(arguments: Namespace, console: Console) -> int:
    """Show what can go, ask, and delete it."""
    project = here.project()
    if not arguments.dry_run:
        store.refuse_read_only(project)
    layout, catalog = Layout(project.home), store.catalog(project, console)
    used = _used_blobs(layout, catalog, console)
    known = {run.run for run in catalog.runs}
    files = None if used is None else kept_files.used(catalog, layout, console)
    garbage = housekeeping.plan(layout, known, used, project.repository is not None, files)
    wanted = _wanted(catalog, project.config, is_known_for_sure=used is not None and not catalog.problems)
    goes = _checkpoints(layout, wanted, console)
    items: list[Garbage | Goes] = [*garbage, *goes]
    if arguments.json:
        console.json([as_json(item, layout.home) for item in items])
    else:
        _print(items, console)
    if not arguments.dry_run and items:
        console.confirm(f"Delete {_counted(garbage, goes)}", assume_yes=arguments.yes)
        freed = housekeeping.delete(item.path for item in garbage)
        taken = collection.take_out(layout.checkpoints, wanted) if goes else collection.Taken()
        count = render.counted(len(garbage) + taken.file_count, "file")
        console.note(f"Deleted {count}, {render.size(freed + taken.size_bytes)}.")
    if arguments.compress:
        _compress(layout.checkpoints, console, is_dry=arguments.dry_run)
    return 0


def _wanted(catalog: Catalog, config: Config, *, is_known_for_sure: bool) -> Wanted:
    """The budget of the project, and what must not be touched.

    Args:
        is_known_for_sure: a run that is not in the catalog is no run.
    """
    runs = [run.run for run in catalog.runs]
    running = {run.run for run in catalog.runs if run.status is Status.RUNNING}
    orphans = collection.orphans(catalog.layout.checkpoints, runs) if is_known_for_sure else set()
    return Wanted(runs, running, orphans, config.storage_budget_gb * _GB)


def _checkpoints(layout: Layout, wanted: Wanted, console: Console) -> list[Goes]:
    """What of the checkpoints can go; why not more is said."""
    found = collection.survey(layout.checkpoints, is_young_spared=bool(wanted.running))
    plan = collection.decide(found, wanted)
    if found.problems:
        console.note("Checkpoints are left alone while some cannot be read: see `flor fsck`.")
    elif plan.left_bytes > wanted.budget_bytes:
        used, most = render.size(plan.left_bytes), render.size(int(wanted.budget_bytes))
        console.note(f"Checkpoints take {used} even so, more than the budget of {most} (storage_budget_gb).")
        console.note("The first and the last of each run stay. `flor rm` removes runs.")
    return plan.goes


def _compress(folder: Path, console: Console, *, is_dry: bool) -> None:
    if is_dry:
        paths = collection.to_compress(folder)
        size = render.size(sum(path.stat().st_size for path in paths))
        console.note(f"{render.counted(len(paths), 'pack')}, {size}, would be compressed.")
        return
    done = collection.compress(folder)
    sizes = f"{render.size(done.before_bytes)} to {render.size(done.after_bytes)}"
    console.note(f"Compressed {render.counted(done.pack_count, 'pack')}: {sizes}.")


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


def as_json(item: Garbage | Goes, home: Path) -> dict[str, Any]:
    """One file; its path within the store where it is there."""
    path = item.path.relative_to(home) if item.path.is_relative_to(home) else item.path
    return {"path": path.as_posix(), "size_bytes": item.size_bytes, "reason": item.reason}


def _print(items: Sequence[Garbage | Goes], console: Console) -> None:
    if not items:
        console.line("Nothing to delete.")
        return
    rows = [_row(str(reason), [item for item in items if item.reason is reason]) for reason in _REASONS]
    shown = [*(row for row in rows if row[1]), _row("all", items)]
    console.part(Table(("what", "files", "size"), shown), indent=0)


def _row(what: str, items: Sequence[Garbage | Goes]) -> tuple[str, int, str]:
    return what, len(items), render.size(sum(item.size_bytes for item in items))


def _counted(garbage: Iterable[Garbage], goes: Iterable[Goes]) -> str:
    """`12 files and parts of 2 packs`."""
    parts = sum(item.reason is budget.Reason.MOSTLY_DEAD for item in goes)
    files = render.counted(len([*garbage, *goes]) - parts, "file")
    return f"{files} and parts of {render.counted(parts, 'pack')}" if parts else files
