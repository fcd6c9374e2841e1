"""Console capture: what the script prints, line by line, kept with its context and time.

It listens to `write` of the very objects that stand in `sys.stdout` and `sys.stderr`, so that
handlers of `logging`, progress bars and tracebacks are heard too, and the terminal gets the same
calls in the same order as ever. Not heard: what goes around these objects (subprocesses,
libraries written in C, `sys.stdout.buffer`), and what is printed before the run is open.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flor.entities import RunId, Source
from flor.record import echo
from flor.record.context import Node, current
from flor.record.lines import Line, Lines
from flor.record.process_run import ProcessRun

LIMIT_BYTES = 10 << 20
"""More than this a run does not keep of one process."""


class _Place(NamedTuple):
    """Where and when something was printed."""

    node: Node
    ts: int


class _Piece(NamedTuple):
    """One call of `write`."""

    thread: int
    source: Source
    text: str
    place: _Place


@dataclass(slots=True)
class _Kept:
    """What one run has kept so far."""

    size_bytes: int = 0
    left_out_bytes: int = 0
    last: _Place | None = None  # of what was left out


class Console:
    """Keeps what is printed while it listens.

    Args:
        run_level: the node of a thread that stands in no loop.
        run_of: the open run that a node's records go to, if there is one.
        on_fault: told of every exception in here; the script goes on.
    """

    def __init__(
        self,
        run_level: Callable[[], Node],
        run_of: Callable[[Node], ProcessRun | None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._run_level, self._run_of, self._on_fault = run_level, run_of, on_fault
        self._taps: list[_Tap] = []
        self.forget()

    def listen(self) -> list[str]:
        """Listen to the streams of this moment; a sentence for each that cannot be listened to."""
        self._taps = [tap for tap in self._taps if tap.is_in_place]
        unheard = []
        for source, stream in _streams().items():
            if all(tap.stream is not stream for tap in self._taps):
                try:
                    self._taps.append(_Tap(stream, source, self._note))
                except (AttributeError, TypeError):
                    what = f"the `write` of a {type(stream).__name__} cannot be replaced"
                    unheard.append(f"{source.name.lower()} is not kept: {what}")
        return unheard

    def stop(self) -> None:
        """Leave the streams as they were found."""
        while self._taps:
            self._taps.pop().remove()

    def finish(self, run: ProcessRun) -> None:
        """Before a run ends: keep lines without an end, and say how much was left out."""
        with self._lock:
            if not self._is_taking:  # else a signal handler ends the run in the middle of a line
                self._take_waiting()
                self._keep_rest()
        kept = self._kept.pop(run.run, None)
        if kept and kept.last:
            text = f"[flor: {kept.left_out_bytes:,} more bytes of output were left out]"
            run.spool.record(kept.last.node, None, text, Source.STDOUT, kept.last.ts)

    def forget(self) -> None:
        """Begin without lines; also in a forked child, where they are the parent's."""
        # Taken by `with` only: an interrupt may come between a call of `acquire` and what follows it.
        self._lock = threading.RLock()
        self._is_taking = False
        self._waiting: deque[_Piece] = deque()
        self._lines: dict[tuple[int, Source], Lines[_Place]] = {}
        self._kept: dict[RunId, _Kept] = {}

    def _note(self, text: str, source: Source) -> None:
        if echo.is_showing():
            return
        try:
            place = _Place(current.get() or self._run_level(), time.time_ns())
            self._waiting.append(_Piece(threading.get_ident(), source, text, place))
            with self._lock:
                self._take_waiting()
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            self._on_fault(error)

    def _take_waiting(self) -> None:
        """Take what waits; a signal handler that comes between leaves its piece to the one it interrupts."""
        if self._is_taking:
            return
        self._is_taking = True
        try:
            while self._waiting:
                piece = self._waiting.popleft()
                lines = self._lines.setdefault((piece.thread, piece.source), Lines())
                for line in lines.feed(piece.text, piece.place):
                    self._keep(line, piece.source)
        finally:
            self._is_taking = False

    def _keep_rest(self) -> None:
        for (_, source), lines in self._lines.items():
            for line in lines.rest():
                self._keep(line, source)
        self._lines.clear()

    def _keep(self, line: Line[_Place], source: Source) -> None:
        run = self._run_of(line.mark.node)
        if run is None:
            return
        kept = self._kept.setdefault(run.run, _Kept())
        size = len(line.text.encode("utf-8", "surrogatepass"))
        if kept.left_out_bytes or kept.size_bytes + size > LIMIT_BYTES:
            kept.left_out_bytes += size
            kept.last = line.mark
            return
        kept.size_bytes += size
        run.spool.record(line.mark.node, None, line.text, source, line.mark.ts)


class _Tap:
    """Stands in for `write` of one stream object, and passes every call on."""

    def __init__(self, stream: Any, source: Source, note: Callable[[str, Source], None]) -> None:
        self.stream, self._found = stream, vars(stream).get("write")
        write = stream.write

        def listening(text: Any, *args: Any, **kwargs: Any) -> Any:
            result = write(text, *args, **kwargs)
            if isinstance(text, str):
                note(text, source)
            return result

        self._listening = listening
        stream.write = listening

    @property
    def is_in_place(self) -> bool:
        """Whether nobody else has taken the place meanwhile."""
        return vars(self.stream).get("write") is self._listening

    def remove(self) -> None:
        if not self.is_in_place:
            return
        if self._found is None:
            del self.stream.write
        else:
            self.stream.write = self._found


def _streams() -> Mapping[Source, Any]:
    """The streams of this process; one object is listened to once."""
    found = {Source.STDOUT: sys.stdout, Source.STDERR: sys.stderr}
    if found[Source.STDERR] is found[Source.STDOUT]:
        del found[Source.STDERR]
    return {source: stream for source, stream in found.items() if stream is not None}
