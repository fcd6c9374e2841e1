"""Rank 0 names states that are to be kept; the other ranks read that before they reach them."""

import time
from pathlib import Path

from flor.checkpoints.entry import EntryPoint
from flor.record.appointments import Appointments


def top(i: int, loop: int = 0) -> EntryPoint:
    return EntryPoint("top", 0, loop, i)


def step(i: int, j: int) -> EntryPoint:
    return EntryPoint("step", 0, 0, i, 0, j)


def ranks(tmp_path: Path) -> tuple[Appointments, Appointments]:
    path = tmp_path / "checkpoints" / "run.appointments.tmp"
    return Appointments(path, is_leader=True), Appointments(path, is_leader=False)


def test_what_is_named_lies_ahead_and_is_met_by_all(tmp_path: Path) -> None:
    leader, other = ranks(tmp_path)
    met: list[list[int]] = [[], []]
    for i in range(30):
        for place, rank in enumerate((leader, other)):
            if rank.is_met(top(i)):
                met[place].append(i)
        if i in (3, 4, 5, 20):
            leader.name_a_later(top(i))
        time.sleep(0.1)

    assert met[0] == met[1]
    assert len(met[0]) == 2  # while one is still to come no further one is named
    assert all(later - i >= 3 for later, i in zip(met[0], (3, 20), strict=True))
    assert leader.has_met(EntryPoint("done", 0, 0))
    assert other.has_met(EntryPoint("end", 0))
    assert not other.has_met(EntryPoint("done", 0, 1))


def test_a_slow_loop_names_its_next_header(tmp_path: Path) -> None:
    leader, other = ranks(tmp_path)
    for i in range(2):
        leader.is_met(top(i))
        time.sleep(0.6)
    leader.name_a_later(top(1))

    assert other.is_met(top(2), at_once=True)
    assert leader.is_met(top(2))
    assert not other.is_met(top(3), at_once=True)


def test_at_the_end_the_next_top_is_named_and_the_next_step_where_that_can_be_entered(tmp_path: Path) -> None:
    leader, other = ranks(tmp_path)
    leader.name_the_next(step(4, 7), may_be_step=True)
    leader.name_the_next(step(4, 7), may_be_step=True)

    assert other.is_met(step(4, 8), at_once=True)
    assert other.is_met(top(5), at_once=True)
    assert (tmp_path / "checkpoints" / "run.appointments.tmp").read_text().count("top(5)") == 1
    leader.name_the_next(step(8, 7), may_be_step=False)
    assert other.is_met(top(9), at_once=True)
    assert not other.is_met(step(8, 8), at_once=True)


def test_a_file_that_was_deleted_costs_what_was_not_read_yet(tmp_path: Path) -> None:
    leader, other = ranks(tmp_path)
    leader.name_the_next(top(1), may_be_step=False)
    assert other.is_met(top(2), at_once=True)
    leader.path.unlink()
    leader.name_the_next(step(9, 9), may_be_step=False)

    assert other.is_met(top(10), at_once=True)
    leader.forget()
    assert not leader.path.exists()
