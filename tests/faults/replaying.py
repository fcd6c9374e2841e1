"""Asks past runs, and reads the reports."""

import json
from typing import Any

from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}


def ask(place: Workplace, *arguments: str, code: int = 0, **env: str) -> list[dict[str, Any]]:
    """`flor replay probe ARGUMENTS --yes --json`: what is reported of each run, oldest first."""
    done = place.python(
        "-m", "flor", "replay", "probe", *arguments, "--yes", "--json", code=code, env=env or None
    )
    reports: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
    return reports


def ask_one(place: Workplace, *arguments: str, code: int = 0, **env: str) -> dict[str, Any]:
    """The same of the only run."""
    [report] = ask(place, *arguments, code=code, **env)
    return report


def probed(place: Workplace, script: str, where: str, probe: str) -> None:
    """Write the script with the probe at the place of that comment."""
    assert f"# {where}\n" in script
    place.write("train.py", script.replace(f"# {where}\n", f"{probe}\n"))


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    """How many values were obtained, and of these verified, diverged and unverified."""
    return report["obtained"], report["verified"], report["diverged"], report["unverified"]
