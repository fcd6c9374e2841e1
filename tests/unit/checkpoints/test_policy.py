"""When to keep a state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flor.checkpoints.policy import FREE_S, Costs, next_at_s, should_keep, thinned, tolerance


def test_the_first_state_of_a_run_is_kept() -> None:
    assert should_keep(Costs(), computed_s=0.0, epsilon=0.02)


def test_a_costly_state_waits_until_the_tolerance_allows_it() -> None:
    costs = Costs().after(stall_s=1.0)

    assert not should_keep(costs, computed_s=40, epsilon=0.02)
    assert should_keep(costs, computed_s=381, epsilon=0.02)
    assert next_at_s(costs, epsilon=0.02) == pytest.approx(380.0)


def test_the_first_header_of_another_loop_may_cost_what_is_not_planned_for() -> None:
    costs = Costs().after(stall_s=1.0)

    assert not should_keep(costs, computed_s=96, epsilon=0.02)
    assert should_keep(costs, computed_s=96, epsilon=0.02, share=1.0)
    assert not should_keep(costs, computed_s=94, epsilon=0.02, share=1.0)


def test_from_when_several_states_may_be_kept_they_may() -> None:
    costs = Costs().after(stall_s=0.3)
    at_s = next_at_s(costs, epsilon=0.02, count=3)

    assert should_keep(costs, at_s + 1e-6, epsilon=0.02, count=3)
    assert not should_keep(costs, at_s - 1, epsilon=0.02, count=3)


def test_background_work_counts_for_what_is_paid_of_it() -> None:
    costs = Costs().after(stall_s=1.0).paid(background_s=0.5)

    assert (costs.spent_s, costs.expected_s) == (1.5, 1.25)


def test_slow_restoring_lowers_the_tolerance() -> None:
    assert tolerance(Costs(restore_ratio=99), epsilon=0.5) == pytest.approx(0.01)


@given(st.lists(st.floats(0.001, 2.0), max_size=200), st.floats(0.01, 5.0), st.floats(0.005, 0.1))
def test_overhead_stays_within_the_tolerance_however_costs_vary(
    costs_s: list[float], iteration_s: float, epsilon: float
) -> None:
    costs, largest, computed_s = Costs(), 0.0, 0.0
    for cost_s in costs_s:
        computed_s += iteration_s
        if should_keep(costs, computed_s, epsilon):
            costs = costs.after(cost_s)
            largest = max(largest, cost_s)

    # Nobody knows a cost before it is paid: the excess is at most the surprise of one state.
    assert costs.spent_s <= FREE_S + tolerance(costs, epsilon) * computed_s + largest


def test_thinning_keeps_the_newest_and_ever_fewer_behind_it() -> None:
    assert thinned(list(range(20))) == [4, 12, 16, 18, 19]
    assert thinned([]) == []
