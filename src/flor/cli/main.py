"""The `flor` command: finds the command asked for, runs it, and turns what went wrong into an exit code.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the user can mend it: message and remedy on stderr |
| 2 | the command line was not understood |
| 3 | a bug of FlorDB: traceback and versions saved, their path printed |
| 130 | interrupted |

A command is a module of this package with its name; it is imported only when it is asked for, so that
`flor --help` loads no pandas.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from flor.cli import console as terminal
from flor.cli import crash, interrupt, versions
from flor.cli.console import Console, OutputClosed
from flor.errors import FlorError

COMMANDS = {
    "dataframe": "logged values as a table, one row per context",
    "query": "run a SQL query",
    "runs": "list runs",
    "show": "show all that is known of a run",
    "diff": "compare two runs: code, arguments, environment, last values",
    "checkpoints": "list the training states that runs kept",
    "replay": "answer what was not logged, for the runs of the past",
    "resume": "go on with a run that was interrupted or failed",
    "rm": "remove runs",
    "gc": "delete what can be made again or is no longer used",
    "doctor": "check the installation, the settings and the project",
    "fsck": "check every file of the store",
    "stat": "count runs, records and bytes",
    "push": "send the code and records of all runs to a git remote",
    "pull": "bring the code and records of a git remote's runs here",
}

DONE, MENDABLE, BUG = 0, 1, 3


class Command(Protocol):
    """What a module of this package provides for the command it is named for."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments and examples."""

    def execute(self, arguments: argparse.Namespace, console: Console) -> int:
        """Do it; return the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default this process's own, and return the exit code."""
    if argv is not None:
        return _guarded(list(argv))
    with interrupt.obeyed():
        return _guarded(sys.argv[1:])


def _guarded(given: Sequence[str]) -> int:
    """The exit code, also where something went wrong, which is then said."""
    console = terminal.standard()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: console.note(str(message))
            return _run(given, console)
    except OutputClosed:
        terminal.abandon_output()
        return DONE
    except FlorError as error:
        console.note(f"error: {error}")
        return MENDABLE
    except KeyboardInterrupt:
        console.note("Interrupted.")
        return interrupt.EXIT_CODE
    except Exception as error:  # noqa: BLE001 - the last resort: saved in full, and the exit code says bug
        console.note(crash.report(error, given))
        return BUG


def _run(given: Sequence[str], console: Console) -> int:
    arguments = _parser(given).parse_args(given)
    code = _command(arguments.command).execute(arguments, console)
    console.flush()
    return code


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands, with the arguments of the one asked for."""
    listing = "\n".join(f"  {name:<11} {purpose}" for name, purpose in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "flor",
        description="Hindsight logging for machine learning.",
        epilog=f"commands:\n{listing}\n\n`flor COMMAND --help` says more, with examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"flor {versions.own()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, help="see below")
    for name, purpose in COMMANDS.items():
        chosen = commands.add_parser(
            name,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if given and given[0] == name:
            _command(name).configure(chosen)
    return parser


def _command(name: str) -> Command:
    return cast("Command", import_module(f"flor.cli.{name}"))
