"""A project whose programs are run twice, and a user with a repository."""

from pathlib import Path

import pytest

from faults.conftest import home, user
from unit.replay.twice import Twice

__all__ = ["home", "twice", "user"]


@pytest.fixture
def twice(tmp_path: Path) -> Twice:
    """A project whose programs are run twice."""
    for name in ("project", "jobs"):
        (tmp_path / name).mkdir()
    return Twice(tmp_path / "project", tmp_path / "jobs")
