"""The Python that executed a run, and what it has today: asked in a process of its own."""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flor.errors import FlorError
from flor.executors.local import run_one
from flor.executors.tasks import Task
from flor.record import environment

_QUESTION = """
import json, platform, sys
def tables(finder):
    kind = finder if isinstance(finder, type) else type(finder)
    for names in (getattr(finder, "__dict__", {}), vars(kind), vars(sys.modules.get(kind.__module__, kind))):
        yield from (dict(table) for table in list(names.values()) if isinstance(table, dict))
named = [
    (key, value) for finder in sys.meta_path for table in tables(finder) for key, value in table.items()
    if isinstance(key, str) and isinstance(value, str)
]
prefixes = [sys.prefix, sys.base_prefix]
facts = dict(python=platform.python_version(), prefixes=prefixes, named=named, path=sys.path)
"""
_ANSWER = 'print("\\n" + json.dumps(facts))'

_DRIVER = Path("/proc/driver/nvidia/gpus")
_OTHER_DEVICES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/System")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python and its packages."""

    executable: str
    python: str  # its version
    prefixes: tuple[str, ...]
    path: tuple[str, ...]  # where it looks for modules
    editable: tuple[str, ...]  # folders that hold what is installed editable by other means than the path

    @property
    def packages(self) -> dict[str, str]:
        """Installed distributions and their versions."""
        return environment.packages(self.path)


def of_run(recorded: Mapping[str, Any]) -> Interpreter:
    """The interpreter of a run; today's where that is gone or has another version."""
    executable = recorded.get("executable") or sys.executable
    search_path = recorded.get("variables", {}).get("PYTHONPATH", "")
    if os.access(executable, os.X_OK):
        try:
            found = ask(executable, search_path)
        except FlorError:
            return ask(sys.executable, search_path)
        if found.python == recorded.get("python", found.python):
            return found
    return ask(sys.executable, search_path)


@lru_cache(maxsize=32)
def ask(executable: str, search_path: str = "") -> Interpreter:
    """What this Python is and has.

    Args:
        search_path: its PYTHONPATH.

    Raises:
        FlorError: it does not run.
    """
    if executable == sys.executable:
        return _own(search_path)
    with tempfile.TemporaryDirectory(prefix="flor-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        kept |= {"PYTHONPATH": search_path} if search_path else {}
        asked = Task(
            "ask", (executable, "-c", _QUESTION + _ANSWER), Path(folder), kept, Path(folder) / "answer"
        )
        outcome = run_one(asked)
    if not outcome.is_success:
        raise FlorError(f"{executable} does not run: {outcome.explanation()}.")
    return _answered(executable, json.loads(outcome.tail.rstrip().rpartition("\n")[2]))


def _own(search_path: str) -> Interpreter:
    """That of this process. What its own start has put first on the path is no place of packages."""
    known: dict[str, Any] = {}
    exec(_QUESTION, known)  # noqa: S102  # our own text, which others are asked by
    facts = known["facts"]
    path = facts["path"] if sys.flags.safe_path else facts["path"][1:]
    return _answered(sys.executable, {**facts, "path": [*search_path.split(":"), *path]})


def _answered(executable: str, facts: Mapping[str, Any]) -> Interpreter:
    path = tuple(entry for entry in facts["path"] if entry)
    editable = tuple(dict.fromkeys(_parents(facts["named"])))
    return Interpreter(executable, facts["python"], tuple(facts["prefixes"]), path, editable)


def facts(interpreter: Interpreter) -> dict[str, Any]:
    """What is recorded of a run's conditions, of today."""
    return {
        "python": interpreter.python,
        "packages": interpreter.packages,
        "platform": sys.platform,
        "machine": platform.machine(),
        "cpus": environment.cpus(),
        "cpu_flags": _cpu_flags(),
        "devices": _devices(),
    }


def _parents(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The folders to search for what tables say, as `pkg: /project/src/pkg`."""
    for name, value in named:
        path = Path(value)
        if path.name == "__init__.py":
            path = path.parent
        if path.is_absolute() and path.stem == name.rpartition(".")[2] and "." not in name:
            yield str(path.parent)


def _cpu_flags() -> list[str]:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("flags"):
            return line.partition(":")[2].split()
    return []


def _devices() -> list[str] | None:
    """The names of devices as their driver lists them; None where it does not. torch would start them."""
    folders = list(_DRIVER.glob("*/information"))
    if not folders and any(map(os.path.exists, _OTHER_DEVICES)):
        return None
    lines = (line for path in sorted(folders) for line in _lines(path))
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
