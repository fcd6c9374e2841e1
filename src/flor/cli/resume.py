"""`flor resume`: goes on with a run that was interrupted or failed."""

from argparse import ArgumentParser, Namespace

from flor.cli import here, store
from flor.cli.console import Console
from flor.replay import resume
from flor.replay.attempt import Resumed

EXAMPLES = """examples:
  flor resume last
  flor resume 3fa9c1

The script is started as it was then, with the same arguments, in the working tree as it stands. It goes on at
the last entry point that its checkpoints allow, and adds to the same run, so that the end cannot be told from
that of a run that was never interrupted. Records after that point are replaced, and compared with what comes
out now. The code must be the run's: a changed tracked file, or a changed module that the run loaded, is named
and nothing is done. The exit code is the script's.
"""
_SIGNALLED = 128


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help=store.RUN_HELP)


def execute(arguments: Namespace, console: Console) -> int:
    """Resume the run; the exit code of its script."""
    project = here.project()
    store.refuse_read_only(project)
    run = store.catalog(project, console).find(arguments.run)
    resumed = resume.resume(project, run, console.note)
    _report(resumed, console)
    code = resumed.exit_code
    return code if code >= 0 else _SIGNALLED - code


def _report(resumed: Resumed, console: Console) -> None:
    for difference in resumed.differences:
        console.note(f"differs from what was recorded before: {difference}")
