"""Starts scripts as the ranks of a job."""

import socket

from workplace import Started, Workplace

EVERY = {"FLOR_EPSILON": "1", "FLOR_STRICT": "1", "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _launcher() -> tuple[str, ...]:
    return ("-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}")


def launch(place: Workplace, script: str, *arguments: str, **env: str) -> str:
    """Run a script as two ranks; what they print."""
    return place.python(*_launcher(), script, *arguments, env=EVERY | env).stdout


def launched(place: Workplace, script: str, *arguments: str, **env: str) -> Started:
    """Two ranks in the background."""
    return place.start(*_launcher(), script, *arguments, env=EVERY | env)
