"""`flor pull`: brings the code and records of a git remote's runs here."""

from argparse import ArgumentParser, Namespace

from flor.cli import here, render, store
from flor.cli.console import Console
from flor.runs import receive
from flor.runs.layout import Layout
from flor.snapshots import transfer
from flor.snapshots.repository import Repository

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
    """Fetch and merge, then write the sealed files that this store lacks."""
    project = here.project()
    repository, layout = store.repository(project), Layout(project.home)
    pulled = transfer.pull(repository, receive.sealed_files(layout), arguments.remote)
    received = _receive(repository, layout, pulled.records)
    if arguments.json:
        console.json({"remote": pulled.remote, "versions": pulled.commits, "records": received})
    else:
        files = render.counted(len(received), "record file")
        console.line(
            f"Received {render.counted(pulled.commits, 'version')} and {files} from {pulled.remote}."
        )
    if pulled.branch:
        console.note(f"flor.shadow is checked out, so the code is on {pulled.branch}.")
    return 0


def _receive(repository: Repository, layout: Layout, names: tuple[str, ...]) -> list[str]:
    wanted = [name for name in names if receive.is_sealed_name(name)]
    for file in transfer.read(repository, wanted):
        receive.receive(layout, file.name, file.content)
    return wanted
