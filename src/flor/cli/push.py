"""`flor push`: sends the code and records of all runs to a git remote."""

from argparse import ArgumentParser, Namespace

from flor.cli import here, render, store
from flor.cli.console import Console
from flor.entities import Status
from flor.runs import housekeeping, receive
from flor.runs.layout import Layout
from flor.snapshots import transfer

EXAMPLES = """examples:
  flor push
  flor push origin

Sends the branch flor.shadow, and the records of ended runs on refs/flor/records. What the remote has from
others is kept; your own branches are not touched.
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
    catalog, layout = store.catalog(project, console), Layout(project.home)
    sent = transfer.push(repository, receive.sealed_files(layout), arguments.remote)
    if arguments.json:
        console.json({"remote": sent.remote, "versions": sent.commits, "records": sent.records})
    else:
        files = render.counted(len(sent.records), "record file")
        console.line(f"Sent {render.counted(sent.commits, 'version')} and {files} to {sent.remote}.")
    running = sum(run.status is Status.RUNNING for run in catalog.runs)
    if running:
        console.note(f"{render.counted(running, 'run')} still running: sent when ended.")
    _mention_blobs(layout, console)
    return 0


def _mention_blobs(layout: Layout, console: Console) -> None:
    blobs = next(usage for usage in housekeeping.usage(layout) if usage.folder == layout.blobs.name)
    if blobs.file_count:
        count, size = render.counted(blobs.file_count, "blob"), render.size(blobs.size_bytes)
        console.note(f"{count} (arrays and images, {size}) stay in this store.")
