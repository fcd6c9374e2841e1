"""`flor pull`: brings the code and records of a git remote's runs here."""

from argparse import ArgumentParser, Namespace

from flor.cli import exchange, here, render, store
from flor.cli.console import Console
from flor.runs import receive
from flor.runs.layout import Layout
from flor.snapshots import transfer

EXAMPLES = """examples:
  flor pull
  flor pull origin

Merges both sides: nothing that is here is lost, and your own branches are not touched.
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("remote", nargs="?", metavar="REMOTE", help=store.REMOTE_HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Fetch and merge, then write the sealed files and blobs that this store lacks."""
    project = here.project()
    repository, layout = store.repository(project), Layout(project.home)
    pulled, problems = transfer.pull(repository, arguments.remote), list[str]()
    received = receive.receive(layout, exchange.lacking(transfer.shelf(repository), layout, problems))
    records = sorted(path.name for path in received if path.parent == layout.sealed)
    blobs = sorted(path.name for path in received if path.parent != layout.sealed)
    if arguments.json:
        console.json(
            {"remote": pulled.remote, "versions": pulled.commits, "records": records, "blobs": blobs}
        )
    else:
        what = render.transferred(pulled.commits, len(records), len(blobs))
        console.line(f"Received {what} from {pulled.remote}.")
    for problem in problems:
        console.note(f"warning: {problem}")
    if pulled.branch:
        console.note(f"flor.shadow is checked out, so the code is on {pulled.branch}.")
    return 0
