"""Progress bars of readers: on a terminal, and only where there is much to do."""

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

MANY = 100
"""Fewer runs are sealed before anybody waits."""


def sealing(runs: Sequence[T]) -> Iterable[T]:
    """These runs, with a bar on stderr that shows how far their sealing is."""
    stream = sys.stderr
    if len(runs) < MANY or stream is None or stream.closed or not stream.isatty():
        return runs
    bar: Iterable[T] = _bars()(runs, desc="sealing runs", file=stream, leave=False)
    return bar


def segments(ended: Iterable[T], count: int, *, is_shown: bool = True) -> Iterable[T]:
    """These segments of a replay as they end, with a bar on stderr."""
    stream = sys.stderr
    if not is_shown or stream is None or stream.closed or not stream.isatty():
        return ended
    bar: Iterable[T] = _bars()(ended, desc="replaying", total=count, file=stream, leave=False)
    return bar


def _bars() -> Any:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # no thread of its own

    # tqdm's own lock would decide how the program around starts its processes.
    Bar.set_lock(threading.RLock())
    return Bar
