"""Runs one process in the foreground: the terminal is its own, and signals are left to it."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

Process = subprocess.Popen

_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@contextmanager
def running(
    command: Sequence[str], cwd: str, environ: Mapping[str, str], descriptor: int
) -> "Iterator[subprocess.Popen[bytes]]":
    """The process of a command, which inherits a file descriptor; it is to be waited for.

    Ctrl-C reaches it from the terminal. What else is sent to this process to end it is sent on.

    Raises:
        OSError: there is no such program or folder.
    """
    process = subprocess.Popen(command, cwd=cwd, env=dict(environ), pass_fds=(descriptor,))
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in _FORWARDED:
        before[number] = signal.signal(number, lambda sent, _: process.send_signal(sent))
    try:
        yield process
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
