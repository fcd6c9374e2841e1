"""The cheapest way through the iterations of a main loop, against trying out everything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flor.replay.planning.routes import CUT, ITERATIONS, NOTHING, REST, Ground, Route, route


@dataclass(frozen=True)
class Given:
    """What is kept and what it costs, as lists."""

    tops: Sequence[int]
    load: Sequence[int]
    full: Sequence[int]
    cut: Sequence[int]
    needs: Sequence[int]

    @property
    def ground(self) -> Ground:
        return Ground(
            len(self.tops),
            self.tops.__getitem__,
            self.load.__getitem__,
            self.full.__getitem__,
            self.cut.__getitem__,
            self.needs.__getitem__,
        )


def uniform(length: int, kept: Sequence[int] = (), load: int = 1, full: int = 10, cut: int = 1) -> Given:
    """A loop whose iterations are all alike; the states at these headers are good for everything."""
    tops = [REST if at in kept else NOTHING for at in range(length)]
    return Given(tops, [load] * length, [full] * length, [cut] * length, [CUT] * length)


def told(found: Route | None) -> list[str]:
    """The stops: `*3` restored, `3!` cut short, `(3)` not wanted."""
    stops = []
    for stop in found.stops if found else ():
        text = f"{'*' if stop.is_restored else ''}{stop.iteration}{'' if stop.is_full else '!'}"
        stops.append(text if stop.is_wanted else f"({text})")
    return stops


def test_each_wanted_iteration_is_entered_where_its_state_is_kept() -> None:
    assert told(route(uniform(4, kept=range(4)).ground, range(4))) == ["0!", "*1!", "*2!", "*3!"]


def test_without_states_all_iterations_before_are_executed() -> None:
    assert told(route(uniform(4).ground, [2])) == ["(0)", "(1)", "2!"]


def test_where_a_state_is_not_kept_the_nearest_before_is_restored_and_the_rest_executed() -> None:
    assert told(route(uniform(8, kept=[1, 4]).ground, [6])) == ["(*4)", "(5)", "6!"]


def test_what_is_cheaper_executed_is_not_loaded() -> None:
    assert told(route(uniform(3, kept=range(3), load=99).ground, range(3))) == ["0", "1", "2!"]


def test_iterations_that_nobody_wants_are_passed_over() -> None:
    assert told(route(uniform(100, kept=range(100)).ground, [50, 98])) == ["*50!", "*98!"]


def test_an_end_in_the_true_state_is_reached_by_executing_from_the_last_state() -> None:
    found = route(uniform(6, kept=[2, 4]).ground, [], to_end=True)

    assert told(found) == ["(*4)", "(5)"]
    assert found is not None
    assert found.is_true


def test_nothing_wanted_costs_nothing() -> None:
    assert route(uniform(6).ground, []) == Route((), 0.0, True)


def test_a_state_that_is_good_for_the_needed_part_only_is_not_executed_on() -> None:
    tops = [NOTHING, NOTHING, CUT, NOTHING]
    ground = Given(tops, [1] * 4, [10] * 4, [1] * 4, [CUT] * 4).ground

    assert told(route(ground, [2])) == ["*2!"]
    assert told(route(ground, [3])) == ["(0)", "(1)", "(2)", "3!"]


def test_the_needed_part_may_itself_need_a_better_state() -> None:
    tops = [NOTHING, CUT, ITERATIONS, NOTHING]
    ground = Given(tops, [1] * 4, [10] * 4, [1] * 4, [ITERATIONS] * 4).ground

    assert told(route(ground, [1, 2])) == ["(0)", "1!", "*2!"]


def test_states_that_are_not_good_for_the_rest_do_not_lead_to_the_end() -> None:
    ground = Given([NOTHING, ITERATIONS], [1, 1], [10, 10], [1, 1], [CUT, CUT]).ground

    assert told(route(ground, [], to_end=True)) == ["(0)", "(1)"]


numbers = st.integers(1, 9)
goods = st.sampled_from([NOTHING, CUT, ITERATIONS, REST])


@st.composite
def grounds(draw: st.DrawFn) -> Given:
    length = draw(st.integers(1, 5))
    lists = [draw(st.lists(numbers, min_size=length, max_size=length)) for _ in range(3)]
    tops = draw(st.lists(goods, min_size=length, max_size=length))
    needs = draw(st.lists(st.sampled_from([CUT, ITERATIONS]), min_size=length, max_size=length))
    return Given(tops, lists[0], lists[1], lists[2], needs)


def every_cost(
    given: Given, wanted: frozenset[int], at: int, good: int, last: int, far: bool
) -> Iterator[int]:
    """What each way from a header on costs; `good` is -1 where the state is not the true one."""
    if at == last:
        if not far or good == REST:
            yield 0
        return
    if at not in wanted:
        yield from every_cost(given, wanted, at + 1, -1, last, far)
    states = [(good, 0)]
    if at and given.tops[at]:
        states.append((given.tops[at], given.load[at]))
    for state, load in states:
        if state >= ITERATIONS:
            for rest in every_cost(given, wanted, at + 1, state, last, far):
                yield load + given.full[at] + rest
        if at in wanted and state >= given.needs[at]:
            for rest in every_cost(given, wanted, at + 1, -1, last, far):
                yield load + given.cut[at] + rest


@given(grounds(), st.sets(st.integers(0, 4)), st.booleans())
def test_no_way_is_cheaper(given: Given, wanted: set[int], far: bool) -> None:
    asked = frozenset(at for at in wanted if at < len(given.tops))
    last = len(given.tops) if far else max(asked, default=-1) + 1

    found = route(given.ground, asked, to_end=far)

    assert found is not None
    assert found.cost_s == min(every_cost(given, asked, 0, REST, last, far))


@given(grounds(), st.sets(st.integers(0, 4)), st.booleans())
def test_every_wanted_iteration_is_executed_once_from_a_state_that_is_good_enough(
    given: Given, wanted: set[int], far: bool
) -> None:
    asked = frozenset(at for at in wanted if at < len(given.tops))

    found = route(given.ground, asked, to_end=far)

    assert found is not None
    assert [stop.iteration for stop in found.stops if stop.is_wanted] == sorted(asked)
    assert all(earlier.iteration < later.iteration for earlier, later in pairwise(found.stops))
    state, reached = REST, 0
    for stop in found.stops:
        if stop.is_restored:
            state = given.tops[stop.iteration]
        else:
            assert stop.iteration == reached
        assert state >= (ITERATIONS if stop.is_full else given.needs[stop.iteration])
        state, reached = (state if stop.is_full else NOTHING), stop.iteration + 1


@pytest.mark.timeout(20)
def test_a_loop_of_many_steps_is_planned_at_once() -> None:
    found = route(uniform(50_000, kept=range(50_000)).ground, range(50_000))

    assert found is not None
    assert len(found.stops) == 50_000
