"""The end of what a command printed, and what it tells about a failure."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

TAIL_BYTES = 8_000
PORT_IN_USE = "a port that it binds is in use"
"""A reason that holds only for as long as another process has the port."""
_FULL_BELOW_BYTES = 1 << 20
_FULL = re.compile(r"No space left on device|Disk quota exceeded|ENOSPC")
_PORT = re.compile(r"Address already in use|EADDRINUSE")
_MEMORY = re.compile(r"^MemoryError|CUDA out of memory|OutOfMemoryError|Cannot allocate memory", re.MULTILINE)
_SIGKILL = 9


def tail(log: Path) -> str:
    """The last lines of a log, at most 8 kB; "" where there is none."""
    try:
        with log.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - TAIL_BYTES))
            content = opened.read()
    except OSError:
        return ""
    if size > TAIL_BYTES:
        content = content.partition(b"\n")[2]  # it began in the middle of a line
    return content.decode("utf-8", "replace")


def reason(tail: str, signal: int | None, folders: Iterable[Path]) -> str:
    """Why a command failed, as far as its output and its disks tell; "" where they do not.

    Args:
        folders: where it writes.
    """
    full = next((folder for folder in folders if _is_full(folder)), None)
    if full:
        return f"the disk of {full} is full"
    if _FULL.search(tail):
        return "a disk is full"
    if _PORT.search(tail):
        return PORT_IN_USE
    if _MEMORY.search(tail) or signal == _SIGKILL:
        return "probably out of memory"
    return ""


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count no blocks at all.
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _FULL_BELOW_BYTES
