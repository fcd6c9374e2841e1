"""Folders for tests: none of this machine's settings shows in them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from flor.runs import journals, ring
from workplace import Workplace

# Several tests run at once, in processes of their own: the threads of torch, which wait for one another
# without sleeping, would take twice the time of all of them. Before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a shell starts in the background ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """A project with a git repository of one commit."""
    made = Workplace.make(tmp_path / "project", _home(tmp_path))
    yield made
    _forget_rings(made)


@pytest.fixture
def plain_place(tmp_path: Path) -> Iterator[Workplace]:
    """A folder without git."""
    made = Workplace.make(tmp_path / "project", _home(tmp_path), with_git=False)
    yield made
    _forget_rings(made)


def _forget_rings(made: Workplace) -> None:
    """Give back the memory of processes that were killed and whose runs nobody has read."""
    for name in journals.names(made.layout):
        for path in [path for folder in ring.folders() for path in folder.glob(f"flor-*-{name}.ring")]:
            path.unlink(missing_ok=True)


def _home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return home
