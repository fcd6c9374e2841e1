"""Estimates: what a run recorded, corrected by what replays took."""

from dataclasses import replace

import pytest

from flor.replay.planning import costs, outcomes
from flor.replay.planning.costs import Correction, Costs, Outcome, Parts, correction
from flor.replay.planning.planner import Question, plan
from flor.runs.layout import Layout
from unit.replay.planning.story import BEGAN, PREFIX_S, REST_S, SUFFIX_S, TEST_S, TRAIN_S, Changes, Story


def test_an_iteration_takes_what_lies_between_two_headers() -> None:
    assert Costs(Story().facts).iteration(0, 0, 2).executing_s == pytest.approx(TRAIN_S + TEST_S + REST_S)


def test_where_headers_were_not_kept_the_time_between_two_is_shared() -> None:
    found = Costs(Story(kept=["0/0 top(0)", "0/0 top(4)"]).facts)

    assert found.iteration(0, 0, 1).executing_s == pytest.approx(TRAIN_S + TEST_S + REST_S)


def test_without_states_records_tell_the_time() -> None:
    assert Costs(Story(kept=()).facts).iteration(0, 0, 1).executing_s == pytest.approx(9.5)


def test_prefix_and_suffix_are_what_is_recorded_around_the_loop() -> None:
    found = Costs(Story().facts)

    assert found.recorded_prefix_s == pytest.approx(PREFIX_S)
    assert found.recorded_suffix_s == pytest.approx(SUFFIX_S)


def test_a_nested_loop_takes_the_time_from_its_first_record_to_its_end() -> None:
    story = Story()
    found = Costs(story.facts)
    states = {str(state.entry): state for state in story.facts.kept}

    assert found.nested(states["0/0 after(1, 0)"]).executing_s == pytest.approx(TRAIN_S, abs=0.01)
    assert found.nested(states["0/0 after(1, 1)"]).executing_s == pytest.approx(TEST_S)
    assert found.behind_nested(0, 0, 1).executing_s == pytest.approx(REST_S)
    assert found.before_nested(0, 0, 1).executing_s == pytest.approx(0.001)


def test_loading_takes_longer_the_more_there_is() -> None:
    small, large = (Costs(Story(size_bytes=size).facts) for size in (1, 10**9))
    state = large.facts.kept[0]

    assert large.loading(state).loading_s > small.loading(small.facts.kept[0]).loading_s + 0.9


def test_running_again_takes_at_least_as_long_as_the_run_took() -> None:
    found = Costs(Story().facts)

    start_s = costs.STARTUP_S + costs.PREPARING_S + PREFIX_S
    assert found.whole.total_s == pytest.approx(start_s + 4 * 9.5 + SUFFIX_S)


def test_a_process_starts_as_slowly_as_that_of_the_run_did() -> None:
    found = Costs(replace(Story().facts, startup_s=7.0))

    assert found.startup.startup_s == pytest.approx(7.0 + costs.PREPARING_S + PREFIX_S)


def test_of_a_run_without_any_state_or_record_something_is_assumed() -> None:
    story = Story(epochs=1, kept=())
    found = Costs(story.facts)

    assert found.iteration(0, 0, 0).executing_s > 0


def outcome(startup: float = 1.0, script: str = "train.py") -> Outcome:
    return Outcome(script, Parts(1.0, 0.1, 10.0), Parts(startup, 0.2, 10.0))


def test_nothing_learnt_corrects_nothing() -> None:
    assert correction([], "train.py") == Correction()


def test_what_a_replay_took_corrects_the_next_estimate_of_the_script() -> None:
    assert correction([outcome(startup=4.0)], "train.py") == Correction(4.0, 2.0, 1.0)


def test_another_script_teaches_only_how_fast_states_are_loaded() -> None:
    assert correction([outcome(startup=4.0)], "other.py") == Correction(1.0, 2.0, 1.0)


def test_newer_outcomes_count_for_more() -> None:
    learnt = correction([outcome(startup=1.0), outcome(startup=4.0)], "train.py")

    assert 2.5 < learnt.startup < 4.0


def test_nonsense_teaches_nothing() -> None:
    bad = Outcome("train.py", Parts(0.0, 0.0, 1.0), Parts(float("nan"), -1.0, float("inf")))

    assert correction([bad], "train.py") == Correction()


@pytest.mark.parametrize("probe", ["top", "bottom", "loss", "after"])
def test_after_one_replay_the_estimate_is_close(probe: str) -> None:
    """The script takes 7 seconds before it first calls FlorDB, which nothing recorded; loading is slow."""
    story, change = Story(epochs=20), Changes.of(probe)

    def took(parts: Parts) -> Parts:
        return Parts(0.3 + 7.0 + PREFIX_S, 3 * parts.loading_s, 1.1 * parts.executing_s)

    [first] = plan(story.facts, change, Question()).segments
    learnt = [Outcome("train.py", first.parts, took(first.parts))]
    second = plan(story.facts, change, Question(), correction(learnt, "train.py"))

    real_s = took(second.segments[0].parts).total_s
    assert abs(second.estimated_s - real_s) < 0.1 * real_s


def test_outcomes_are_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    layout = Layout(tmp_path)

    outcomes.add(layout, [outcome(2.0)])
    outcomes.add(layout, [outcome(3.0)])

    assert [one.actual.startup_s for one in outcomes.read(layout)] == [2.0, 3.0]


def test_a_line_that_is_torn_is_passed_over(tmp_path) -> None:  # type: ignore[no-untyped-def]
    layout = Layout(tmp_path)
    outcomes.add(layout, [outcome(2.0)])
    with outcomes.path_of(layout).open("ab") as file:
        file.write(b'{"script": "tra\n')
    outcomes.add(layout, [outcome(3.0)])

    assert len(outcomes.read(layout)) == 2


def test_nothing_kept_is_nothing_known(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert outcomes.read(Layout(tmp_path)) == []


def test_the_story_is_consistent() -> None:
    assert Story().facts.tstamp.timestamp() > 0
    assert Story().facts.kept[0].ts == BEGAN + round(PREFIX_S * 1e6)
