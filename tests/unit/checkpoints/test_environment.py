"""What the program changed in its environment is state, whatever the process began with."""

import os
from collections.abc import Iterator

import pytest

from flor.checkpoints import environment

FIRST = {b"PATH": b"/bin", b"MODE": b"fast"}


@pytest.fixture(autouse=True)
def began_with_two_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(environment, "first_environ", lambda: FIRST)
    monkeypatch.setattr(os, "environb", dict(FIRST))
    yield
    environment.all_modes()["environ"].set(())


def test_it_is_what_was_set_and_what_was_removed() -> None:
    os.environb.update({b"MODE": b"slow", b"NEW": b"1"})
    del os.environb[b"PATH"]

    assert environment.all_modes()["environ"].read() == ((b"MODE", b"slow"), (b"NEW", b"1"), (b"PATH", None))


def test_a_variable_that_was_changed_counts_where_the_process_began_with_its_value() -> None:
    changed = ((b"GONE", None), (b"MODE", b"fast"))

    environment.all_modes()["environ"].set(changed)

    assert environment.all_modes()["environ"].read() == changed
    assert os.environb == FIRST
