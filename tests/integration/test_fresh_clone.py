"""A clone on a machine with Python, git and make: `make demo` is all it takes."""

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the last commit, with a space in its path."""
    folder = tmp_path_factory.mktemp("fresh") / "a clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", PROJECT, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def demonstration(clone: Path) -> str:
    return _make(clone, "demo")


def test_the_demo_trains_twice_and_shows_both_runs(demonstration: str) -> None:
    assert demonstration.count("Changes committed successfully.") == 2
    assert demonstration.count("accuracy: ") == 2
    assert "batch_size: 64" in demonstration


def test_the_demo_says_where_its_plot_lies(demonstration: str) -> None:
    plot = Path(demonstration.partition("Plot: ")[2].splitlines()[0])

    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_demo_leaves_the_clone_as_it_was(clone: Path, demonstration: str) -> None:
    status = subprocess.run(
        ["git", "status", "--short"], cwd=clone, check=True, capture_output=True, text=True
    )

    assert status.stdout == ""
    assert not (clone / ".flor").exists()


def test_a_second_make_installs_nothing_again(clone: Path, demonstration: str) -> None:
    stamp = clone / ".venv" / "bin" / ".test-installed"
    before = stamp.stat().st_mtime_ns

    _make(clone, "demo")

    assert stamp.stat().st_mtime_ns == before


def _make(folder: Path, target: str) -> str:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "FLOR_", "GIT_"))
    }
    done = subprocess.run(
        ["make", target], check=False, cwd=folder, env=environ, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
