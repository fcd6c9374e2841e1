"""Who is alive: a process holds a lock on a file of its own, and touches it.

The holder never opens its lock file again: closing any handle drops a POSIX lock.
"""

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

TOUCH_INTERVAL_S = 30.0
STALE_AFTER_S = 600.0
"""On another host, where the lock cannot be tested, a process counts as gone after this."""
_ATTEMPTS = 20


def host_name() -> str:
    """This machine's name."""
    return socket.gethostname()


def boot_id() -> str:
    """What tells this boot of this machine from any other ("" where the system does not tell)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


class LockFile:
    """The sign of life of this process for one journal."""

    _held: ClassVar[set[tuple[int, int]]] = set()
    """Those of this process, by device and inode: it must not open them again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = self._open()
        self._touched = time.monotonic()

    @classmethod
    def is_own(cls, path: Path) -> bool:
        """Whether this process holds the lock on this file."""
        return _identity(path.stat()) in cls._held

    def tend(self) -> None:
        """Touch the file when it is time, and make it anew if somebody deleted it."""
        if not os.fstat(self._descriptor).st_nlink:
            old, self._descriptor = self._descriptor, self._open()
            self._let_go(old)
        if time.monotonic() - self._touched >= TOUCH_INTERVAL_S:
            os.utime(self._descriptor)
            self._touched = time.monotonic()

    def release(self) -> None:
        """Say that this process has ended its journal."""
        with suppress(OSError):  # a store that can no longer be written: no lock is held either way
            self.path.unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """Let go in a forked child: the lock is the parent's."""
        self._let_go(self._descriptor)

    def _let_go(self, descriptor: int) -> None:
        self._held.discard(_identity(os.fstat(descriptor)))
        os.close(descriptor)

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        with suppress(OSError):  # a file system without locks: the touching alone tells
            _lock(descriptor)
        self._held.add(_identity(os.fstat(descriptor)))
        return descriptor


def _lock(descriptor: int) -> None:
    """Take the lock; a reader may be trying it at this moment, and lets go at once.

    Raises:
        OSError: it is another process's, or there are no locks here.
    """
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(0.001)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def is_locked(lock: Path) -> bool:
    """Whether some process of this host holds a lock file."""
    try:
        return LockFile.is_own(lock) or _is_locked(lock)
    except FileNotFoundError:
        return False


def is_alive(lock: Path, host: str, boot: str) -> bool:
    """Whether the process that wrote a journal still runs.

    Args:
        lock: its lock file.
        host, boot: what the journal's header says of the process.
    """
    try:
        if LockFile.is_own(lock):
            return True  # opening one's own lock file would drop the lock
        if (host, boot) == (host_name(), boot_id()):
            return _is_locked(lock)
        return time.time() - lock.stat().st_mtime < STALE_AFTER_S
    except FileNotFoundError:
        return False


def _is_locked(lock: Path) -> bool:
    # A shared lock can be tried on a store that may only be read.
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return time.time() - lock.stat().st_mtime < STALE_AFTER_S
    finally:
        os.close(descriptor)
    return False
