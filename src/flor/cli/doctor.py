"""`flor doctor`: looks at everything FlorDB depends on."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from flor.cli import diagnosis, here, render, versions
from flor.cli.console import Console
from flor.cli.diagnosis import Finding, Level
from flor.cli.table import Table
from flor.config import SETTINGS, Config
from flor.errors import FlorError
from flor.project import Project

EXAMPLES = """examples:
  flor doctor
  flor doctor --json

The exit code is 1 if FlorDB does not work here.
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: Namespace, console: Console) -> int:
    """Show settings, versions and findings."""
    project, findings = examine()
    if arguments.json:
        console.json(as_json(project, findings))
    else:
        _print(project, findings, console)
    return int(any(finding.level is Level.PROBLEM for finding in findings))


def examine() -> tuple[Project | None, list[Finding]]:
    """The project, unless its settings cannot be read, and what was found."""
    general = [*diagnosis.installation(), diagnosis.shared_memory()]
    try:
        project = here.project()
    except FlorError as error:
        return None, [*general, Finding("settings", Level.PROBLEM, error.message, error.hint)]
    own = (diagnosis.settings(project), diagnosis.code(project), diagnosis.storage(project))
    return project, list(chain(general, *own))


def as_json(project: Project | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything, by name."""
    return {
        "versions": versions.installed(),
        "project": dict(facts(project)) if project else None,
        "settings": list(settings(project.config)) if project else None,
        "findings": [asdict(finding) for finding in findings],
    }


def facts(project: Project) -> Mapping[str, Any]:
    """What the current folder belongs to."""
    repository = project.repository
    return {
        "projid": project.projid,
        "root": str(project.root),
        "store": str(project.home),
        "repository": str(repository.common_dir) if repository else None,
        "subfolder": str(project.subfolder) if project.subfolder else None,
    }


def settings(config: Config) -> Iterator[dict[str, Any]]:
    """Each setting with its value and where it came from."""
    for name in SETTINGS:
        yield {"setting": name, "value": getattr(config, name), "source": config.sources[name]}


def _print(project: Project | None, findings: Sequence[Finding], console: Console) -> None:
    console.line("versions")
    console.facts(
        [(name, version or "not installed") for name, version in versions.installed().items()], indent=2
    )
    if project:
        console.lines(["", "project"])
        console.facts(list(facts(project).items()), indent=2)
        console.lines(["", "settings"])
        rows = [tuple(setting.values()) for setting in settings(project.config)]
        console.part(Table(("setting", "value", "source"), rows))
    console.lines(["", "findings"])
    for finding in findings:
        console.lines(_lines(finding))


def _lines(finding: Finding) -> Iterator[str]:
    yield render.printable(f"  {finding.level:<7}  {finding.subject}: {finding.message}")
    if finding.remedy:
        yield render.printable(f"           {finding.remedy}")
