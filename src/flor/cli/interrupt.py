"""Ctrl-C ends a command even while a library computes, which Python's own handler waits for."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from threading import Thread

EXIT_CODE = 130
GRACE_S = 2.0
"""So long may a command take to end by itself. A second Ctrl-C ends it at once."""


@contextmanager
def obeyed() -> Iterator[None]:
    """While the block runs, an interrupt that it does not obey in time ends the process.

    For the main thread of a process that is a command line and nothing else.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # asked for by Python, whose signal handler writes here
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    Thread(target=_watch, args=(reader,), name="flor-interrupt", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        os.close(writer)


def _watch(reader: int) -> None:
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while arrived := signals.read(64):
            if signal.SIGINT in arrived and not _ends(signals):
                os.write(2, b"Interrupted.\n")
                os._exit(EXIT_CODE)


def _ends(signals: FileIO) -> bool:
    """Whether the block ends before time is up or another signal arrives."""
    is_readable, _, _ = select.select([signals], [], [], GRACE_S)
    return bool(is_readable) and not signals.read(64)
