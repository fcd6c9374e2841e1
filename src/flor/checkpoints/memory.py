"""How much memory this process may still take before the system ends it, or training would have to swap."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
_GROUPS = "sys/fs/cgroup"
_LIMITS = (("", "memory.max", "memory.current"), ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Of version 2 and of version 1 of control groups: where they are, what a group may take, what it takes."""


def has_room(size_bytes: int, root: Path = ROOT) -> bool:
    """Whether so much may be taken: training keeps as much again as is free for itself."""
    return size_bytes <= available_bytes(root) / 2


def available_bytes(root: Path = ROOT) -> float:
    """What is free on the machine and in this process's control group; infinity where nobody knows."""
    return min((_on_machine(root), *_in_groups(root)))


def _on_machine(root: Path) -> float:
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return float("inf")


def _in_groups(root: Path) -> Iterator[float]:
    """What is free in each group that this process is in, those around it included."""
    for kind, limit, usage in _LIMITS:
        top = root / _GROUPS / kind
        for name in _own_groups(root, kind):
            folder = top / name
            for group in (folder, *folder.parents):
                # There may be no limit ("max"), and in a container no such group.
                with suppress(OSError, ValueError):
                    used = int((group / usage).read_text("ascii")) - _reclaimable(group)
                    yield int((group / limit).read_text("ascii")) - used
                if group == top:
                    break


def _own_groups(root: Path, kind: str) -> Iterator[str]:
    yield ""
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            if kind in kinds.split(","):
                yield name.lstrip("/")


def _reclaimable(group: Path) -> int:
    """Files that are only cached: the system lets go of them first."""
    for line in (group / "memory.stat").read_text("ascii").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            return int(line.split()[1])
    return 0
