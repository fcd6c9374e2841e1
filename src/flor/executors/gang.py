"""A program that runs the processes of a job, one for each rank, and ends when they have.

`python -I -S gang.py JSON`, by its path: it imports nothing of FlorDB. The processes find each other as those
of `torchrun` do, by variables, at a port that is free now. When one of them fails the others are ended: they
would wait for it.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

GRACE_S = 10.0
"""So long may the others take to say why they fail too."""
SIGNALS = 128
"""Beyond this an exit code tells of a signal, as a shell's does."""
_OF_AN_AGENT = "TORCHELASTIC_USE_AGENT_STORE"
"""Set where `torchrun` has opened the port that the ranks meet at; here rank 0 does."""
_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.02
_SENT_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def command(commands: Sequence[Sequence[str]], descriptors: Sequence[int] = ()) -> list[str]:
    """The command that runs these, one for each rank; a single one is itself.

    Args:
        descriptors: of files, one for each rank, which inherits it.
    """
    if len(commands) == 1:
        return list(commands[0])
    given = {"commands": [list(each) for each in commands], "descriptors": list(descriptors)}
    return [sys.executable, "-I", "-S", str(__file__), json.dumps(given)]


def main(arguments: list[str]) -> int:
    """Run the processes to their end; the exit code of the first that fails."""
    given = json.loads(arguments[0])
    commands, descriptors = given["commands"], given["descriptors"]
    port = _free_port()
    ranks: list[subprocess.Popen[bytes]] = []
    _send_on(ranks)
    for rank, each in enumerate(commands):
        environ = variables(rank, len(commands), port, os.environ)
        ranks.append(_start(each, environ, descriptors[rank : rank + 1]))
    return _await(ranks)


def variables(rank: int, count: int, port: int, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a rank, which tells it its place in a job on this machine alone."""
    own, every = str(rank), str(count)
    found = {name: value for name, value in given.items() if name != _OF_AN_AGENT}
    found |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    found |= {"RANK": own, "LOCAL_RANK": own, "ROLE_RANK": own, "GROUP_RANK": "0"}
    found |= {
        "WORLD_SIZE": every,
        "LOCAL_WORLD_SIZE": every,
        "ROLE_WORLD_SIZE": every,
        "GROUP_WORLD_SIZE": "1",
    }
    if "SLURM_PROCID" in given:
        found |= {"SLURM_PROCID": own, "SLURM_LOCALID": own, "SLURM_NODEID": "0", "SLURM_NNODES": "1"}
        found |= {"SLURM_NTASKS": every, "SLURM_STEP_NUM_TASKS": every}
    return found


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _start(
    arguments: list[str], environ: dict[str, str], descriptors: list[int]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        arguments,
        env=environ,
        pass_fds=descriptors,
        # Should this process be killed. It has one thread, so that a function may run here.
        preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),  # noqa: PLW1509
    )


def _await(ranks: "list[subprocess.Popen[bytes]]") -> int:
    """Wait until all have ended, and end those that would wait for one that failed."""
    kill_at, failed = float("inf"), 0
    while True:
        codes = [each.poll() for each in ranks]
        failed = failed or next(filter(None, codes), 0)
        if None not in codes:
            return failed if failed >= 0 else SIGNALS - failed
        if failed:
            kill_at = min(kill_at, time.monotonic() + GRACE_S)
        if time.monotonic() >= kill_at:
            for each in ranks:
                each.kill()
        time.sleep(_LOOK_S)


def _send_on(ranks: "list[subprocess.Popen[bytes]]") -> None:
    """What would end this process goes to the ranks, and ends it with them. Ctrl-C reaches them by itself."""

    def send(number: int, frame: FrameType | None) -> None:
        for each in ranks:
            each.send_signal(number)

    for number in _SENT_ON:
        signal.signal(number, send)
    signal.signal(signal.SIGINT, lambda *_: None)  # not ignored: the ranks would begin with that


_LIBC: Any = ctypes.CDLL(None)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
