"""A program that stands between an executor and a command, so that the command ends when its executor does.

`python -I -S guard.py GRACE_S LOG COMMAND...`, by its path: it imports nothing of FlorDB. Its standard input
is a pipe that the executor holds open. When that closes, because the executor wants it or because it was
killed, the command is asked to end, and then it is killed with all that it started. Its standard output takes
a line of JSON when the command has begun and another when it has ended.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STOPPING_S = 0.01
_LOOK_S = 1.0  # a forked child of the executor may hold the pipe open too
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_NOT_STARTED = 127


def main(arguments: list[str]) -> int:
    """Run the command to its end."""
    grace_s, log, *command = arguments
    executor = os.getppid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what the command leaves behind becomes ours, to be killed
    wakeup = _wakeup()
    began = time.monotonic()
    try:
        child = _start(command, log)
    except OSError as error:
        _tell(failed=str(error))
        return _NOT_STARTED
    _tell(pid=child.pid)
    status, usage = _await(child.pid, wakeup, executor, float(grace_s))
    seconds = time.monotonic() - began
    _end_all(child.pid)
    code = os.waitstatus_to_exitcode(status)
    _tell(code=code, seconds=seconds, peak_bytes=usage.ru_maxrss * _RSS_UNIT)
    return 0


def _start(command: list[str], log: str) -> "subprocess.Popen[bytes]":
    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            restore_signals=True,
            # Should this process be killed too. It has one thread, so that a function may run here.
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
        )


def _await(pid: int, wakeup: int, executor: int, grace_s: float) -> tuple[int, Any]:
    """The exit status of the command and what it used; stops it when the executor wants it, or is gone."""
    line = sys.stdin.fileno()
    while True:
        readable, _, _ = select.select([wakeup, line], [], [], _LOOK_S)
        signals = os.read(wakeup, 512) if wakeup in readable else b""
        found = _reap(pid)
        if found:
            return found
        if line in readable or signal.SIGTERM in signals or os.getppid() != executor:
            return _stop(pid, grace_s)


def _stop(pid: int, grace_s: float) -> tuple[int, Any]:
    """Ask the command to end, and kill it if it has not after the time of grace; its exit status."""
    _signal_group(pid, signal.SIGTERM)
    kill_at = time.monotonic() + grace_s
    while True:
        found = _reap(pid)
        if found:
            return found
        if time.monotonic() >= kill_at:
            _signal_group(pid, signal.SIGKILL)
        time.sleep(_STOPPING_S)


def _reap(pid: int) -> tuple[int, Any] | None:
    """The end of the command, if it has ended; what it left behind is reaped with it."""
    while True:
        try:
            ended, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if ended == pid:
            return status, usage
        if not ended:
            return None


def _end_all(pid: int) -> None:
    """Kill what the command left behind: its group, and what went out of it."""
    _signal_group(pid, signal.SIGKILL)
    while True:
        for descendant in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(descendant, signal.SIGKILL)
        try:
            os.wait4(-1, 0)
        except ChildProcessError:
            return


def _descendants(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listing:
            children = [int(word) for word in listing.read().split()]
    except OSError:
        return []  # no such file on this system: then no orphan becomes ours either
    return children + [each for child in children for each in _descendants(child)]


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _wakeup() -> int:
    """A descriptor that becomes readable when a child ends or this process is told to."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return reader


def _prctl(option: int, value: int) -> None:
    """Where there is no such call the pipe alone must do."""
    with suppress(AttributeError, OSError):
        _LIBC.prctl(option, value, 0, 0, 0)


_LIBC: Any = ctypes.CDLL(None)


def _tell(**facts: object) -> None:
    with suppress(BrokenPipeError):  # nobody is there to be told
        os.write(1, json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
