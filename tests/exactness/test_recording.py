"""Scripts as practitioners write them, with FlorDB and without: recorded bit for bit, and nothing changed.

Most of them use torch or scikit-learn. `make test-matrix` runs all of them with two threads too.
"""

from pathlib import Path

import pytest

from exactness import harness, matrix
from exactness.interpreters import Forking
from exactness.matrix import Script

THREADED = matrix.named(
    "batch_norm", "gan", "hidden_thread", "lbfgs_closure", "loader_workers", "partial_fit"
)


@pytest.mark.parametrize("script", matrix.all_scripts(), ids=str)
def test_what_the_program_says_is_kept_and_the_rest_is_as_without(
    script: Script, one_thread: Forking, tmp_path: Path
) -> None:
    assert harness.differences(script, one_thread, tmp_path) == []


@pytest.mark.parametrize("script", THREADED, ids=str)
def test_the_same_with_two_threads(script: Script, two_threads: Forking, tmp_path: Path) -> None:
    assert harness.differences(script, two_threads, tmp_path) == []
