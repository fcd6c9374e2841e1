"""What a recorded process shows on the terminal: logged values, and FlorDB's own few messages."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from flor.record.context import MISSING, Node, chain
from flor.runs.values import safe_repr, scalar_of

LINE_LENGTH = 200
LINES_PER_WINDOW = 20
WINDOW_NS = 1_000_000_000
NEVER = 1 << 63

_is_showing: ContextVar[bool] = ContextVar("flor_is_showing", default=False)


class Echo:
    """Shows each logged value, within a budget.

    Past about 20 lines a second the names that were shown in this second stay silent for the rest
    of it; others may still appear once each, so that many losses do not hide the accuracy. How
    many lines were left out is said afterwards.
    """

    def __init__(self, mode: str, is_main: bool) -> None:
        self._is_on = is_main and mode != "off"
        self._is_limited = mode == "auto"
        self._window_end = 0
        self._window_count = 0
        self.quiet_until = self.silent_until = 0 if self._is_on else NEVER
        self.seen: set[str] = set()

    def __call__(self, node: Node, name: str, value: Any, ts: int, left_out: int) -> None:
        """Show one value; `left_out` were logged since the last call without one."""
        if not self._is_on:
            return
        self.report(left_out)
        show(line(node, name, value))
        if self._is_limited:
            self._spend(name, ts)

    def report(self, left_out: int) -> None:
        """Say how many lines were left out."""
        if self._is_on and left_out:
            lines = "line" if left_out == 1 else "lines"
            show(f"... {left_out} more {lines} logged; FLOR_ECHO=all shows every one")

    def _spend(self, name: str, ts: int) -> None:
        if ts >= self._window_end:
            self._window_end, self._window_count = ts + WINDOW_NS, 0
            self.seen.clear()
        self._window_count += 1
        self.seen.add(name)
        if self._window_count >= LINES_PER_WINDOW:
            self.quiet_until = self._window_end
        if self._window_count >= 2 * LINES_PER_WINDOW:
            self.silent_until = self._window_end


def line(node: Node, name: str, value: Any) -> str:
    """`epoch: 0, step: 500, loss: 0.51`: loop values where they are simple, else the ordinal."""
    places = [f"{link.loop.name}: {_place(link)}" for link in chain(node) if link.loop]
    text = ", ".join([*places, f"{name}: {_text(value)}"]).replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 3] + "..."


def show(text: str) -> None:
    """Print one line above any progress bars."""
    tqdm, write = sys.modules.get("tqdm"), print
    if tqdm and hasattr(tqdm, "tqdm"):
        make_lock(tqdm.tqdm)
        write = tqdm.tqdm.write
    with _showing():
        try:
            write(text)
        except UnicodeEncodeError:
            write(text.encode("ascii", "backslashreplace").decode("ascii"))
        except (OSError, ValueError):
            return  # nobody reads: a closed pipe or stream


def make_lock(tqdm: Any) -> None:
    """Let tqdm make its lock without deciding how the script will start its processes."""
    if hasattr(tqdm, "_lock"):
        return
    import multiprocessing

    chosen: str | None = multiprocessing.get_start_method(allow_none=True)
    tqdm.get_lock()
    if chosen is None:
        multiprocessing.set_start_method(None, force=True)


def is_showing() -> bool:
    """Whether what this thread prints just now is FlorDB's own, not the script's."""
    return _is_showing.get()


@contextmanager
def _showing() -> Iterator[None]:
    token = _is_showing.set(True)
    try:
        yield
    finally:
        _is_showing.reset(token)


def _place(link: Node) -> Any:
    return link.number if link.value is MISSING else link.value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:LINE_LENGTH]
    if isinstance(value, (list, tuple, dict, set, bytes, bytearray)) and len(value) > LINE_LENGTH:
        return f"{type(value).__name__} of {len(value)}"
    try:
        scalar = scalar_of(value)
        return str(scalar) if isinstance(scalar, (int, float)) else safe_repr(scalar)
    except Exception:  # noqa: BLE001  (foreign code: a tensor without data; an int of very many digits)
        return safe_repr(value)


def warn(text: str) -> None:
    """Print a warning of FlorDB's own; unlike `warnings.warn` it cannot become an exception."""
    if sys.stderr is not None:
        with _showing(), suppress(OSError, ValueError):  # nobody reads: a closed pipe or stream
            print(f"flor: {text}", file=sys.stderr)
