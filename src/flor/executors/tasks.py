"""What an executor is given and what it gives back: commands, and how each of them ended."""

import signal as signals
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """A command to run in a process of its own. Its standard input is empty."""

    id: str
    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]  # all of it: nothing else is inherited
    log: Path  # takes what the command prints, standard error included
    threads: int = 1  # the cores that it keeps busy
    memory_bytes: int | None = None  # what it is expected to need


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended."""

    task: str
    exit_code: int | None  # None: a signal ended it, or nobody knows
    signal: int | None
    seconds: float
    peak_memory_bytes: int | None  # of the largest of its processes; None where nobody measured
    tail: str  # the end of its log
    reason: str = ""  # why it failed, where more is known than code and signal

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0

    def explanation(self) -> str:
        """How it ended, in words; "" where it ended well."""
        if self.is_success:
            return ""
        if self.signal is not None:
            ended = f"killed by {_name_of(self.signal)}"
        else:
            ended = "did not run to its end" if self.exit_code is None else f"exit code {self.exit_code}"
        return f"{ended}: {self.reason}" if self.reason else ended


@dataclass(frozen=True, slots=True)
class Event:
    """A task went on from one stage to the next."""

    task: str
    stage: Literal["waiting", "started", "ended"]
    where: str = ""  # a process, or a job of a cluster


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """For callers that need no events."""


class Executor(Protocol):
    """Runs commands, several at a time."""

    def run(
        self, tasks: Iterable[Task], on_event: OnEvent = ignore
    ) -> AbstractContextManager[Iterator[Outcome]]:
        """Within the block: how the tasks end, as they end. What runs when the block is left is stopped."""


def _name_of(signal: int) -> str:
    try:
        return signals.Signals(signal).name
    except ValueError:
        return f"signal {signal}"
