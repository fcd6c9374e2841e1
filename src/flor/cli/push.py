"""`flor push`: sends the code and records of all runs to a git remote."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from flor.cli import exchange, here, render, store
from flor.cli.console import Console
from flor.entities import Status
from flor.errors import StoreError
from flor.runs import outgoing
from flor.runs.catalog import Catalog
from flor.runs.outgoing import Outgoing
from flor.snapshots import transfer
from flor.snapshots.transfer import Shelf

EXAMPLES = """examples:
  flor push
  flor push origin

Sends the branch flor.shadow, and on refs/flor/records the records of ended runs, in bundles of many runs,
with the arrays and images that they name (not those over 50 MB). What the remote has from others is kept;
your own branches are not touched.
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("remote", nargs="?", metavar="REMOTE", help=store.REMOTE_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Send what the remote lacks."""
    project = here.project()
    repository = store.repository(project)
    catalog = store.catalog(project, console)
    offered: list[Outgoing] = []
    with _folder(catalog) as folder:
        sent = transfer.push(repository, partial(_offer, catalog, folder, offered), arguments.remote)
    records = sorted(exchange.sealed_files(transfer.shelf(repository), sent.records))
    blobs = exchange.blobs(sent.records)
    if arguments.json:
        console.json({"remote": sent.remote, "versions": sent.commits, "records": records, "blobs": blobs})
    else:
        console.line(f"Sent {render.transferred(sent.commits, len(records), len(blobs))} to {sent.remote}.")
    _mention_rest(catalog, offered[-1], console)
    return 0


def _offer(catalog: Catalog, folder: Path, offered: list[Outgoing], shelf: Shelf) -> dict[str, Path]:
    """What the store has and the shelf lacks."""
    members = [member for entry in catalog.entries for member in entry.members]
    offered.append(outgoing.prepare(catalog.layout, members, exchange.sealed_files(shelf), folder))
    return offered[-1].files


@contextmanager
def _folder(catalog: Catalog) -> Iterator[Path]:
    """A place for bundles until they are sent."""
    cache = catalog.layout.cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="outgoing-", dir=cache) as folder:
            yield Path(folder)
    except OSError as error:
        raise StoreError(
            f"Bundles of records cannot be written to {cache}: {error}", "Make room there."
        ) from error


def _mention_rest(catalog: Catalog, offered: Outgoing, console: Console) -> None:
    for problem in offered.problems:
        console.note(f"warning: not sent: {problem}")
    if offered.large_blobs:
        console.note(f"{render.counted(offered.large_blobs, 'blob')} over 50 MB not sent.")
    running = sum(run.status is Status.RUNNING for run in catalog.runs)
    if running:
        console.note(f"{render.counted(running, 'run')} still running: sent when ended.")
