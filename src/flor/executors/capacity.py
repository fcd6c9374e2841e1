"""How many tasks a machine can take at a time."""

import os
from dataclasses import dataclass
from pathlib import Path

_SPARE = 0.8  # of the free memory: the estimate is that of another run
_GROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True)
class Machine:
    """What this process may use of its machine."""

    cores: int
    memory_bytes: int | None  # that is free; None where the system does not tell


def workers(machine: Machine, threads: int = 1, peak_memory_bytes: int | None = None) -> int:
    """How many tasks at a time: as many as there are cores for, and memory. At least one.

    Args:
        threads: the cores that each keeps busy.
        peak_memory_bytes: the memory that each needs, where that is known.
    """
    by_cores = machine.cores // max(threads, 1)
    if not peak_memory_bytes or machine.memory_bytes is None:
        return max(by_cores, 1)
    by_memory = int(machine.memory_bytes * _SPARE) // peak_memory_bytes
    return max(min(by_cores, by_memory), 1)


def machine(groups: Path = _GROUPS, meminfo: Path = Path("/proc/meminfo")) -> Machine:
    """The cores and the free memory of this machine, or of the container that this is.

    Args:
        groups: where the limits of containers stand.
    """
    cores = min(_cores(), _quota(groups))
    free = [found for found in (_free(meminfo), _left(groups)) if found is not None]
    return Machine(cores, min(free) if free else None)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(groups: Path) -> int:
    """The cores that a container may use: rounded up, as a part of one is one thread more."""
    words = _read(groups / "cpu.max").split()
    if len(words) == 2 and words[0].isdigit() and int(words[1]):
        return max(-(-int(words[0]) // int(words[1])), 1)
    return _UNLIMITED


def _free(meminfo: Path) -> int | None:
    for line in _read(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left(groups: Path) -> int | None:
    """What is left of a container's memory."""
    limit, used = _read(groups / "memory.max").strip(), _read(groups / "memory.current").strip()
    if limit.isdigit() and used.isdigit() and int(limit) < _UNLIMITED:
        return max(int(limit) - int(used), 0)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
