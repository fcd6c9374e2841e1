"""The executors by their names. The library that one needs is loaded only when that one is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flor.errors import ExecutorUnavailable
from flor.executors.local import LocalExecutor
from flor.executors.tasks import Executor

NAMES = ("local", "slurm", "ray")


def named(name: str, workers: int, folder: Path, options: Mapping[str, Any] | None = None) -> Executor:
    """The executor of this name.

    Args:
        workers: at most so many tasks at a time.
        folder: where it may leave files while tasks run; for Slurm on a disk that all nodes see.
        options: what a cluster is to be told, by the names that its library has for it.

    Raises:
        ExecutorUnavailable: there is none of this name, or what it needs is not installed.
    """
    try:
        if name == "local":
            return LocalExecutor(workers)
        if name == "slurm":
            from flor.executors.slurm import SlurmExecutor

            return SlurmExecutor(workers, folder, options or {})
        if name == "ray":
            from flor.executors.ray import RayExecutor

            return RayExecutor(workers, options or {})
    except ModuleNotFoundError as error:
        raise ExecutorUnavailable(
            f"The executor {name!r} needs {error.name}, which is not installed.",
            f"Install it with: pip install 'flordb[{name}]'",
        ) from error
    raise ExecutorUnavailable(f"There is no executor {name!r}.", f"Choose one of {', '.join(NAMES)}.")
