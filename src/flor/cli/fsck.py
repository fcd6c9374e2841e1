"""`flor fsck`: reads every file of the store."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flor.checkpoints.inspection import Inspected, inspect
from flor.cli import here, render
from flor.cli.console import Console
from flor.entities import FileState
from flor.runs.check import Finding, check
from flor.runs.layout import Layout

EXAMPLES = """examples:
  flor fsck
  flor fsck --json

The exit code is 1 if something that was written cannot be read.
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="print JSON, one object a file")


def execute(arguments: Namespace, console: Console) -> int:
    """Check all files; nothing is changed."""
    layout = Layout(here.project().home)
    home = layout.home
    findings: list[Finding | Inspected] = [*check(layout), *inspect(layout.checkpoints)]
    if arguments.json:
        console.json([as_json(finding, home) for finding in findings])
    else:
        _print(findings, home, console)
    return int(any(finding.state.is_loss for finding in findings))


def as_json(finding: Finding | Inspected, home: Path) -> dict[str, Any]:
    """The finding, its path within the store."""
    return {
        "path": finding.path.relative_to(home).as_posix(),
        "role": finding.role,
        "state": finding.state,
        "readable_parts": finding.parts,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }


def _print(findings: Sequence[Finding | Inspected], home: Path, console: Console) -> None:
    for finding in findings:
        if finding.state is not FileState.WHOLE:
            console.lines(_lines(finding, home))
    counts = Counter(finding.state for finding in findings)
    states = ", ".join(f"{counts[state]} {state}" for state in FileState if counts[state])
    console.line(f"{render.counted(len(findings), 'file')} in {home}" + (f": {states}" if states else ""))


def _lines(finding: Finding | Inspected, home: Path) -> list[str]:
    path = finding.path.relative_to(home).as_posix()
    readable = render.counted(finding.parts, "part")
    head = f"{finding.state}: {path} ({finding.role}): {finding.detail}; {readable} can be read"
    return [render.printable(head), f"  {finding.remedy}"]
