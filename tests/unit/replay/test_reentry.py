"""On the way to a past moment kept states take the place of execution."""

from flor.checkpoints.entry import EntryPoint, parse
from flor.replay.reentry import Itinerary


def _way(target: str, *kept: str) -> Itinerary:
    return Itinerary(parse(target), frozenset(map(parse, kept)))


def test_earlier_blocks_are_jumped_where_their_end_was_kept() -> None:
    way = _way("2/0 top(1)", "0 end", "2/0 top(1)")

    assert way.block_jump(0) == EntryPoint("end", 0)
    assert way.block_jump(1) is None  # not kept: executed
    assert way.block_jump(2) is None


def test_the_end_of_a_block_is_reached_by_jumping_over_it() -> None:
    assert _way("0 end", "0 end").block_jump(0) == EntryPoint("end", 0)


def test_earlier_main_loops_of_the_block_are_replaced_by_what_they_left() -> None:
    way = _way("0/2 top(5)", "0/0 done", "0/2 top(5)")

    assert way.loop_jump(0, 0) == EntryPoint("done", 0, 0)
    assert way.loop_jump(0, 1) is None
    assert way.loop_jump(0, 2) is None
    assert way.first_iteration(0, 2) == EntryPoint("top", 0, 2, 5)


def test_behind_a_main_loop_its_last_state_is_the_target() -> None:
    assert _way("0/0 done", "0/0 done").loop_jump(0, 0) == EntryPoint("done", 0, 0)


def test_the_first_header_is_reached_by_executing_the_prefix() -> None:
    way = _way("0/0 top(0)", "0/0 top(0)")

    assert way.first_iteration(0, 0) is None


def test_behind_a_nested_loop_the_ones_before_it_are_replaced_too() -> None:
    way = _way("0/0 after(3, 1)", "0/0 top(3)", "0/0 after(3, 0)", "0/0 after(3, 1)")

    assert way.first_iteration(0, 0) == EntryPoint("top", 0, 0, 3)
    assert way.nested_jump(0, 0, 3, 0) == EntryPoint("after", 0, 0, 3, 0)
    assert way.nested_jump(0, 0, 3, 1) == EntryPoint("after", 0, 0, 3, 1)
    assert way.nested_jump(0, 0, 3, 2) is None
    assert way.nested_jump(0, 0, 2, 0) is None
