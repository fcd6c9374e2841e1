"""What of the logged values is shown on the terminal."""

import pytest

from flor.record.context import MISSING, Loop, Node, Root, iteration_of
from flor.record.echo import LINES_PER_WINDOW, NEVER, WINDOW_NS, Echo, line


def _nothing(node: Node, name: str, value: object) -> None:
    return None


def _show(echo: Echo, names: list[str], ts: int = 0) -> None:
    """Log these names at a moment, as the spool does."""
    left_out = 0
    for name in names:
        if ts < echo.quiet_until and (name in echo.seen or ts < echo.silent_until):
            left_out += 1
        else:
            echo(Root(_nothing), name, 0.5, ts, left_out)
            left_out = 0
    echo.report(left_out)


def test_loop_values_are_shown_where_they_are_simple_else_the_ordinal() -> None:
    epoch = iteration_of(Loop(Root(_nothing), "epoch"), 1, 0)
    step = iteration_of(Loop(epoch, "step"), 500, MISSING)
    assert line(step, "loss", 0.5111837387084961) == "epoch: 0, step: 500, loss: 0.5111837387084961"


def test_many_losses_do_not_hide_the_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Echo("auto", is_main=True), ["loss"] * 1_000 + ["accuracy"])

    shown = capsys.readouterr().out.splitlines()
    assert shown.count("loss: 0.5") == LINES_PER_WINDOW
    assert shown[-2:] == ["... 980 more lines logged; FLOR_ECHO=all shows every one", "accuracy: 0.5"]


def test_a_thousand_names_at_once_are_not_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Echo("auto", is_main=True), [f"metric{i}" for i in range(1_000)])

    assert len(capsys.readouterr().out.splitlines()) == 2 * LINES_PER_WINDOW + 1


def test_the_budget_is_new_each_second(capsys: pytest.CaptureFixture[str]) -> None:
    echo = Echo("auto", is_main=True)
    _show(echo, ["loss"] * 25)
    _show(echo, ["loss"] * 5, ts=2 * WINDOW_NS)

    assert capsys.readouterr().out.count("loss: 0.5") == LINES_PER_WINDOW + 5


def test_all_shows_every_line_and_off_none(capsys: pytest.CaptureFixture[str]) -> None:
    _show(Echo("off", is_main=True), ["loss"] * 50)
    _show(Echo("auto", is_main=False), ["loss"] * 50)
    assert capsys.readouterr().out == ""
    _show(Echo("all", is_main=True), ["loss"] * 50)
    assert capsys.readouterr().out.count("loss") == 50
    assert Echo("off", is_main=True).silent_until == NEVER
