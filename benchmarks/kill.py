"""What `kill -9` loses."""

import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import child, environment, python_of
from benchmarks.scratch import Bench

PEERS = ("sqlite", "tensorboard", "mlflow")


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    kills = bench.pick(4, 1)
    for calls_a_second, speed in ((1_000, "1,000 calls a second"), (0, "full speed")):
        lost = max(_lost(bench, "flor", calls_a_second) or 0 for _ in range(kills))
        beside = {peer: _lost(bench, peer, calls_a_second) for peer in PEERS} if calls_a_second else {}
        yield Figure(f"records lost to kill -9 at {speed}, worst of {kills}", lost, "records", 0, beside)


def _lost(bench: Bench, peer: str, calls_a_second: int) -> float | None:
    """Records whose call had returned when the process was killed, and that are not found again."""
    python = python_of(peer)
    if python is None:
        return None
    repository = bench.repository()
    with subprocess.Popen(
        [python, str(repository / "paced.py"), peer, str(calls_a_second)],
        cwd=repository,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _wait_for_first(repository / "returned")
        time.sleep(random.uniform(2.0, 3.0))
        process.send_signal(signal.SIGKILL)
    returned: int = struct.unpack("<q", (repository / "returned").read_bytes())[0]
    found: int = child("found", peer, cwd=repository, python=python).result["found"]
    return max(0, returned - found)


def _wait_for_first(path: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().strip(b"\0"):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{path} shows no call after two minutes")
