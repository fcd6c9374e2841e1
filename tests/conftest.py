"""Folders for tests: none of this machine's settings shows in them."""

import os
from pathlib import Path

import pytest

from workplace import Workplace

# Several tests run at once, in processes of their own: the threads of torch, which wait for one another
# without sleeping, would take twice the time of all of them. Before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A project with a git repository of one commit."""
    return Workplace.make(tmp_path / "project", _home(tmp_path))


@pytest.fixture
def plain_place(tmp_path: Path) -> Workplace:
    """A folder without git."""
    return Workplace.make(tmp_path / "project", _home(tmp_path), with_git=False)


def _home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return home
