"""Interpreters that the tests of one process share."""

from collections.abc import Iterator

import pytest

from exactness.interpreters import Forking, Fresh


@pytest.fixture(scope="session")
def one_thread() -> Iterator[Forking]:
    """Forks programs that compute with one thread."""
    with Forking(threads=1) as interpreter:
        yield interpreter


@pytest.fixture(scope="session")
def two_threads() -> Iterator[Forking]:
    """Forks programs that compute with two threads."""
    with Forking(threads=2) as interpreter:
        yield interpreter


@pytest.fixture
def fresh() -> Fresh:
    """Starts a new interpreter for every program, for one thread."""
    return Fresh(threads=1)
