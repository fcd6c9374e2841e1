"""The first look at a store after many runs: it takes a while, and says so on a terminal."""

import pytest

from flor.runs.layout import Layout
from journeys.cli_user import CliUser
from unit.runs.given import ended


@pytest.fixture
def user(tmp_path):
    for number in range(120):
        ended(Layout(tmp_path / ".flor"), f"{number:016x}", 0.5, number + 1)
    return CliUser(tmp_path)


def test_a_terminal_shows_how_far_the_sealing_is(user):
    assert "sealing runs: " in user.terminal("runs")
    assert "sealing" not in user.terminal("runs")


def test_what_is_piped_is_only_the_result(user):
    done = user.process("runs")

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 121
