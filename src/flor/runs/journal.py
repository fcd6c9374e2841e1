"""The file of one process: frames are appended, synced, and never lost to a full disk or a deleted file."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PENDING_LIMIT_BYTES = 64 << 20
"""What waits in memory while the disk is full; beyond it frames are dropped and counted."""
_COPY_BYTES = 16 << 20


class JournalWriter:
    """Appends whole frames to a file of this process's own.

    Safe to call from several threads, and from a signal handler that interrupts it.
    """

    def __init__(self, path: Path, header: bytes, make_folder: Callable[[], None]) -> None:
        """Create the file with its header frame.

        Args:
            make_folder: makes the folder anew, where somebody has deleted it.

        Raises:
            FileExistsError: another process has taken this name.
            OSError: the file cannot be written.
        """
        self.path = path
        self.dropped_count = 0
        self._make_folder = make_folder
        self._lock = threading.RLock()
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._busy = False
        self._size = 0
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            self._write(header)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    @property
    def is_behind(self) -> bool:
        """Whether frames wait in memory for a disk that refuses them."""
        return bool(self._pending)

    def append(self, frame: bytes) -> None:
        """Write one frame behind the others; where the disk refuses it, keep it for the next call."""
        with self._lock:
            self._queue(frame)
            # A signal handler may log while a frame is being written: its frame waits for that one.
            if not self._busy:
                self._flush()

    def sync(self) -> None:
        """Bring what was written to the disk itself."""
        with self._lock:
            if not self._busy:
                self._flush()
        try:
            os.fsync(self._descriptor)
        except OSError:
            return  # read-only or full: the frames still wait, and the next call tries again

    def close(self) -> None:
        """Write what waits, sync, and let go of the file. What comes later is kept in memory only."""
        self.sync()
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file without writing: in a forked child it is the parent's."""
        # The number may be another file's soon: nothing may be written to it.
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _queue(self, frame: bytes) -> None:
        if self._pending and self._pending_bytes + len(frame) > PENDING_LIMIT_BYTES:
            self.dropped_count += 1
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)

    def _flush(self) -> None:
        self._busy = True
        try:
            while self._pending:
                self._restore_if_deleted()
                self._write(self._pending[0])
                self._pending_bytes -= len(self._pending.popleft())
        except OSError:
            pass  # full or read-only disk: the frames wait
        finally:
            self._busy = False

    def _write(self, frame: bytes) -> None:
        """Append the frame whole, or leave the file as it was."""
        written = 0
        try:
            while written < len(frame):
                written += os.pwrite(self._descriptor, frame[written:], self._size + written)
        except OSError:
            with suppress(OSError):  # a torn frame at the end is passed over by readers
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def _restore_if_deleted(self) -> None:
        """Give the journal its name back if somebody deleted it; its content is still reachable."""
        if os.fstat(self._descriptor).st_nlink:
            return
        self._make_folder()
        fresh = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            _copy(self._descriptor, fresh, self._size)
        except OSError:
            os.close(fresh)
            self.path.unlink(missing_ok=True)
            raise
        old, self._descriptor = self._descriptor, fresh
        os.close(old)


def _copy(source: int, target: int, size: int) -> None:
    """The first `size` bytes of one open file into another, empty one."""
    offset = 0
    while offset < size:
        part = os.pread(source, min(size - offset, _COPY_BYTES), offset)
        offset += os.pwrite(target, part, offset)
