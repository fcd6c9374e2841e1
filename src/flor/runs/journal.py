"""The file of one process: frames are appended, synced, and never lost to a full disk or a deleted file."""

import os
import threading
from collections import deque
from pathlib import Path

PENDING_LIMIT_BYTES = 64 << 20
"""What waits in memory while the disk is full; beyond it frames are dropped and counted."""


class JournalWriter:
    """Appends whole frames to a file of this process's own.

    Safe to call from several threads, and from a signal handler that interrupts it.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        """Create the file with its header frame.

        Raises:
            FileExistsError: another process has taken this name.
            OSError: the file cannot be written.
        """
        self.path = path
        self.dropped_count = 0
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
        """Write what waits, sync, and let go of the file."""
        self.sync()
        os.close(self._descriptor)

    def abandon(self) -> None:
        """Let go of the file without writing: in a forked child it is the parent's."""
        os.close(self._descriptor)

    def _queue(self, frame: bytes) -> None:
        if self._pending_bytes + len(frame) > PENDING_LIMIT_BYTES:
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
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += written

    def _restore_if_deleted(self) -> None:
        """Give the journal its name back if somebody deleted it; its content is still reachable."""
        if os.fstat(self._descriptor).st_nlink:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
        old, self._descriptor = self._descriptor, fresh
        content = os.pread(old, self._size, 0)
        os.close(old)
        self._size = 0
        self._write(content)
