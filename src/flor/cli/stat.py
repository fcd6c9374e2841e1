"""`flor stat`: how much the store holds."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import Any

from flor.cli import here, render, store
from flor.cli.console import Console
from flor.cli.table import Table
from flor.runs import housekeeping
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor stat
  flor stat --json
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Count."""
    project = here.project()
    catalog = store.catalog(project, console)
    counted = count(Layout(project.home), catalog)
    if arguments.json:
        console.json(counted)
    else:
        _print(counted, console)
    return 0


def count(layout: Layout, catalog: Catalog) -> dict[str, Any]:
    """Runs by status, records, and what each folder takes."""
    usage = housekeeping.usage(layout)
    return {
        "store": str(layout.home),
        "runs": len(catalog.runs),
        "status": dict(Counter(run.status.value for run in catalog.runs)),
        "records": sum(sum(entry.metadata.names.values()) for entry in catalog.entries),
        "files": sum(folder.file_count for folder in usage),
        "size_bytes": sum(folder.size_bytes for folder in usage),
        "folders": {
            folder.folder: {"files": folder.file_count, "size_bytes": folder.size_bytes} for folder in usage
        },
    }


def _print(counted: dict[str, Any], console: Console) -> None:
    by_status = ", ".join(f"{count} {status}" for status, count in counted["status"].items())
    console.facts(
        [
            ("store", counted["store"]),
            ("runs", f"{counted['runs']:,}" + (f" ({by_status})" if by_status else "")),
            ("records", f"{counted['records']:,}"),
            ("size", f"{render.size(counted['size_bytes'])} in {render.counted(counted['files'], 'file')}"),
        ]
    )
    console.line()
    rows = [
        (name, used["files"], render.size(used["size_bytes"])) for name, used in counted["folders"].items()
    ]
    console.part(Table(("folder", "files", "size"), rows), indent=0)
