"""Runs a process and says what it cost; several in turn, so that a busy minute meets them all."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import flor

SOURCE = Path(flor.__file__).parents[1]
CHILDREN = Path(__file__).parent / "children"
PEERS_PYTHON = Path(__file__).parents[1] / ".venv-bench" / "bin" / "python"
"""Other trackers have their own environment: mlflow wants an older pandas than FlorDB is tested with."""

Key = TypeVar("Key")
_MODULES = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}


class Failed(Exception):
    """A process of the bench ended with an error."""


@dataclass(frozen=True)
class Cost:
    """What one process took; CPU seconds with those of the processes it started."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str

    @property
    def result(self) -> Any:
        """The JSON object that the process printed last, on a line of its own."""
        return json.loads([line for line in self.output.splitlines() if line.startswith("{")][-1])


def run(command: Sequence[str | Path], cwd: Path, stderr: int | None = None, **variables: str) -> Cost:
    """Run a command to its end.

    Raises:
        Failed: it ended with an error; the message holds what it said.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained if stderr is None else stderr,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complained.seek(0)
            text = complained.read().decode("utf-8", "replace")
            raise Failed(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{text[-2_000:]}")
        said.seek(0)
        output = said.read().decode("utf-8", "replace")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)


def child(
    name: str, *arguments: object, cwd: Path, python: str | Path = sys.executable, **variables: str
) -> Cost:
    """Run one of the programs of `children/`, copied to `cwd`: a run belongs to its script's repository."""
    return run([python, cwd / f"{name}.py", *map(str, arguments)], cwd, None, **variables)


def environment(**variables: str) -> dict[str, str]:
    """The variables of a measured process: none of FlorDB's or git's of ours, and this FlorDB to import."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOR_", "GIT_"))}
    return {**kept, "PYTHONPATH": str(SOURCE), "FLOR_ECHO": "off", **variables}


def python_of(peer: str) -> str | None:
    """The interpreter that has this peer; None if it is not installed."""
    if peer not in _MODULES:
        return sys.executable
    for python in (str(PEERS_PYTHON), sys.executable):
        asked = [
            python,
            "-c",
            f"import importlib.util as u; raise SystemExit(u.find_spec({_MODULES[peer]!r}) is None)",
        ]
        if Path(python).exists() and subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            return python
    return None


def rounds(measured: Mapping[Key, Callable[[], Cost]], count: int) -> dict[Key, list[Cost]]:
    """Each of them `count` times, in turn."""
    found: dict[Key, list[Cost]] = {name: [] for name in measured}
    for _ in range(count):
        for name, measure in measured.items():
            found[name].append(measure())
    return found


def wall(costs: Sequence[Cost]) -> float:
    """The median of wall seconds."""
    return median(cost.wall_s for cost in costs)


def cpu(costs: Sequence[Cost]) -> float:
    """The median of CPU seconds."""
    return median(cost.cpu_s for cost in costs)
