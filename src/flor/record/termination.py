"""SIGTERM while training state is kept: the next header takes one more state, then the process ends of it.

A handler of Python's runs between two instructions of the main thread, which may compute in C for a minute.
So the signal also wakes a thread, by the descriptor to which the interpreter writes as soon as it arrives
(`signal.set_wakeup_fd`): measured beside a computation of a second, at once, and the handler a second later.
Somebody else's descriptor stays (asyncio has one); then the handler starts the clock. Code in C that lets no
other thread run delays the end for as long as it does so.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from flor.record.membership import is_multiprocessing_child

PATIENCE_S = 5.0
"""So long after the signal the process ends in any case."""

_SIGNAL = signal.SIGTERM
_STATUS = Path("/proc/self/status")
_UNUSED = -1


@dataclass(slots=True)
class Termination:
    """Listens for SIGTERM while a `checkpointing` block is open, where nobody else does.

    Args:
        finish: called before the process ends, if there is time.
    """

    finish: Callable[[], None]
    is_asked: bool = False  # the process is to end at the next header
    _clock: "_Clock | None" = None
    _knows_forks: bool = False

    def follow(self, is_open: bool) -> None:
        """Listen while a block is open, and no longer."""
        if not _is_main_thread():
            return
        if is_open and self._clock is None and _may_listen():
            self._begin()
        elif not is_open and self._clock is not None:
            if self.is_asked:
                self.end_process()
            self._end(self._clock)

    def end_process(self) -> None:
        """End as a process does that handles nothing, but not before all is written, if that can be."""
        if not self._is_ours():
            self.is_asked = False  # somebody else has taken over since
            return
        try:
            self.finish()
        finally:
            _end_process()

    def _begin(self) -> None:
        try:
            self._clock = _Clock.started(self._is_ours)
        except (
            OSError,
            RuntimeError,
        ):  # no descriptor is left, or the interpreter ends: SIGTERM ends us as ever
            return
        signal.signal(_SIGNAL, self._handle)
        if not self._knows_forks:
            self._knows_forks = True
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._forget
            )

    def _end(self, clock: "_Clock") -> None:
        if self._is_ours():
            signal.signal(_SIGNAL, signal.SIG_DFL)
        clock.stop()
        self._clock = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True
        if self._clock:
            self._clock.run()

    def _is_ours(self) -> bool:
        return signal.getsignal(_SIGNAL) == self._handle

    def _before_fork(self) -> None:
        # A signal that a child gets before it is told otherwise must not start the clock of this process.
        if self._clock and _is_main_thread():
            self._clock.mute()

    def _after_fork(self) -> None:
        if self._clock and _is_main_thread():
            self._clock.unmute()

    def _forget(self) -> None:
        """In a forked child: SIGTERM ends it at once."""
        if self._clock and self._is_ours():
            signal.signal(_SIGNAL, signal.SIG_DFL)
            self._clock.abandon()
        self._clock, self.is_asked = None, False


@dataclass(slots=True)
class _Clock:
    """Ends the process a while after a signal came. A thread waits for it, as the main one may be busy."""

    is_wanted: Callable[[], bool]  # whether the signal still is handled as it was when this began
    read_end: int
    write_end: int
    _is_heard: bool = False  # the interpreter writes here
    _over: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def started(cls, is_wanted: Callable[[], bool]) -> "_Clock":
        """A clock that waits for signals from now on.

        Raises:
            OSError: no descriptor is left.
            RuntimeError: no thread can be started.
        """
        clock = cls(is_wanted, *os.pipe())
        os.set_blocking(clock.write_end, False)
        try:
            threading.Thread(target=clock._wait, name="flor-sigterm", daemon=True).start()
        except RuntimeError:
            os.close(clock.read_end)
            os.close(clock.write_end)
            raise
        clock._listen()
        return clock

    def run(self) -> None:
        """A signal has come."""
        with suppress(BlockingIOError):  # then it is told already
            os.write(self.write_end, bytes([_SIGNAL]))

    def mute(self) -> None:
        """Let the interpreter write nowhere."""
        if self._is_heard:
            mine = signal.set_wakeup_fd(_UNUSED)
            if mine != self.write_end:
                self._is_heard = False
                _give_back(mine)

    def unmute(self) -> None:
        """Let it write here again, if it did."""
        if self._is_heard:
            self._listen()

    def stop(self) -> None:
        """Wait no longer."""
        self.mute()
        self._over.set()
        os.close(self.write_end)

    def abandon(self) -> None:
        """In a forked child, where no thread waits."""
        self.mute()
        os.close(self.write_end)
        os.close(self.read_end)

    def _listen(self) -> None:
        other = signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        self._is_heard = other in (_UNUSED, self.write_end)
        if not self._is_heard:
            _give_back(other)

    def _wait(self) -> None:
        try:
            while _SIGNAL not in (came := os.read(self.read_end, 4096)):
                if not came:
                    return
            if not self._over.wait(PATIENCE_S) and self.is_wanted():
                _end_process()
        finally:
            os.close(self.read_end)


def _give_back(descriptor: int) -> None:
    """Let the interpreter write to somebody else's descriptor again."""
    with suppress(ValueError):  # it was closed meanwhile
        signal.set_wakeup_fd(descriptor)


def _end_process() -> None:
    # Not by `signal.signal`, which only the main thread may call.
    ctypes.CDLL(None).signal(int(_SIGNAL), None)
    os.kill(os.getpid(), _SIGNAL)


def _may_listen() -> bool:
    """Whether this is the main thread of a program, and SIGTERM simply ends it."""
    if os.name != "posix" or not _is_main_thread() or is_multiprocessing_child():
        return False
    return signal.getsignal(_SIGNAL) is signal.SIG_DFL and not _is_caught()


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_caught() -> bool:
    """Whether code in C handles it, of which `signal` knows nothing (`faulthandler.register`)."""
    if sys.platform != "linux":
        return False
    try:
        lines = _STATUS.read_text("ascii").splitlines()
    except (OSError, ValueError):
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (_SIGNAL - 1) & 1)
