"""When a process began, and how the clocks of its files differ from ours."""

import os
import time
from pathlib import Path

from flor.record import membership, startup

_SAME_CLOCK_NS = 1_000_000_000


def skew_ns(written: Path, root: str) -> int:
    """How far the clock of the root's file system is ahead of ours; a store elsewhere does not tell."""
    try:
        found = os.stat(written)
        if found.st_dev != os.stat(root).st_dev:
            return 0
    except OSError:
        return 0
    ahead_ns = found.st_mtime_ns - time.time_ns()
    return ahead_ns if abs(ahead_ns) > _SAME_CLOCK_NS else 0


def run_began_ns() -> int:
    """Since when what the process does belongs to the run that begins now."""
    if startup.open_runs > 1:
        return time.time_ns()
    return startup.free_since_ns or _process_began_ns()


def _process_began_ns() -> int:
    """When this process began; where the system does not tell, when it imported FlorDB."""
    ticks = membership.start_time(os.getpid())
    if not ticks.strip("0"):
        return startup.began_ns
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    # Rounded up: no program does anything in its first hundredth of a second, those before it may.
    return min(boot_ns + (int(ticks) + 1) * (1_000_000_000 // os.sysconf("SC_CLK_TCK")), startup.began_ns)
