"""Let a program die at a given moment, the same moment whenever it runs.

    loss 17               right after the 17th value logged under the name `loss`
    loss 17 + 5 ms        so much later, wherever the program is then
    checkpoint 3          when the third file under .flor/checkpoints is whole, but not yet in its place

SIGKILL does it; with a name of a signal at the end (`accuracy 2 SIGTERM`) the process sends itself that one.
"""

import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

CHECKPOINT = "checkpoint"
_FORM = re.compile(r"(?P<name>.+?) (?P<count>\d+)(?: \+ (?P<delay>\d+) ms)?(?: (?P<signal>SIG[A-Z]+))?")


@dataclass(frozen=True)
class Moment:
    """When a process dies, and by which signal."""

    name: str
    count: int
    delay_s: float
    signal: signal.Signals


def parse(text: str) -> Moment:
    """The moment that a line of a script names.

    Raises:
        ValueError: it names none.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no moment")
    number = signal.Signals[found["signal"] or "SIGKILL"]
    return Moment(found["name"], int(found["count"]), int(found["delay"] or 0) / 1000, number)


def arm(text: str) -> None:
    """Have this process killed at the moment."""
    moment = parse(text)
    strike = _Strike(moment)
    if moment.name == CHECKPOINT:
        _count_files(strike)
    else:
        _count_records(moment.name, strike)


class _Strike:
    """Sends the signal when it has been told often enough."""

    def __init__(self, moment: Moment) -> None:
        self._left, self._moment = moment.count, moment

    def tell(self) -> None:
        self._left -= 1
        if self._left:
            return
        if self._moment.delay_s:
            threading.Thread(target=self._later, daemon=True).start()
        else:
            os.kill(os.getpid(), self._moment.signal)

    def _later(self) -> None:
        time.sleep(self._moment.delay_s)
        os.kill(os.getpid(), self._moment.signal)


def _count_records(wanted: str, strike: _Strike) -> None:
    # The program finds this function as `flor.log`; its names, objects and frames are otherwise its own.
    from flor import api

    log = api.log

    def log_and_tell(name: str, value: Any) -> Any:
        log(name, value)
        if name == wanted:
            strike.tell()
        return value

    api.log = log_and_tell


def _count_files(strike: _Strike) -> None:
    inside = os.path.join(".flor", "checkpoints", "")

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if event == "os.rename" and inside in os.fspath(args[1]):
            strike.tell()

    sys.addaudithook(hear)
