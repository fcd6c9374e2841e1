"""Runs one process in the foreground: the terminal is its own, and signals are left to it."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

Process = subprocess.Popen

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class Foreground:
    """The process, and what was sent to end it while it ran."""

    process: "Process[bytes]"
    received: list[int] = field(default_factory=list)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Take a signal. Ctrl-C reaches the process from the terminal; others are sent on."""
        self.received.append(number)
        if number != signal.SIGINT:
            self.process.send_signal(number)


@contextmanager
def running(
    command: Sequence[str], cwd: str, environ: Mapping[str, str], descriptors: Sequence[int]
) -> Iterator[Foreground]:
    """The process of a command, which inherits file descriptors; it is to be waited for.

    Raises:
        OSError: there is no such program or folder.
    """
    process = subprocess.Popen(command, cwd=cwd, env=dict(environ), pass_fds=descriptors)
    made = Foreground(process)
    before = {number: signal.signal(number, made.receive) for number in _ENDING}
    try:
        yield made
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
