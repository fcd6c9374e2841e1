"""Plans of a run: what is entered, executed and left out, and that each wanted iteration is executed once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flor.replay.planning.plans import Plan
from unit.replay.planning.story import EVERYTHING, Followed, Story


def told(plan: Plan) -> list[str]:
    """The segments: `*3` restored, `3!` cut short, `3(01)` these nested loops replaced, `-3-` not wanted."""
    return [_segment(segment) for segment in plan.segments]


def _segment(segment) -> str:  # type: ignore[no-untyped-def]
    words = ["outside"] * segment.records_outside + ["whole"] * segment.is_whole
    for visit in segment.visits:
        replaced = "".join(str(entry.nested) for entry in visit.replaced)
        text = f"{'*' if visit.entry else ''}{visit.iteration}{'!' if visit.is_cut else ''}"
        text += f"({replaced})" if replaced else ""
        words.append(text if visit.is_wanted else f"-{text}-")
    words += [str(jump) for jump in segment.jumps] + ["end"] * segment.goes_to_end
    return " ".join(words)


def test_a_probe_before_the_main_loop_executes_the_prefix() -> None:
    plan = Story().plan("before")

    assert told(plan) == ["outside"]
    assert plan.level_text == "prefix"


def test_a_probe_at_the_top_enters_each_iteration_and_leaves_it_at_once() -> None:
    plan = Story().plan("top")

    assert told(plan) == ["0! *1! *2! *3!"]
    assert plan.level_text == "outer loop without suffix"


def test_a_probe_between_nested_loops_restores_the_first_one() -> None:
    assert told(Story().plan("middle")) == ["0!(0) *1!(0) *2!(0) *3!(0)"]


def test_a_probe_behind_the_nested_loops_restores_both() -> None:
    assert told(Story().plan("bottom")) == ["0!(01) *1!(01) *2!(01) *3!(01)"]


def test_probes_at_several_places_are_answered_on_one_way() -> None:
    assert told(Story().plan("top", "middle")) == ["0!(0) *1!(0) *2!(0) *3!(0)"]


def test_a_probe_in_a_nested_loop_executes_it_and_nothing_behind_it() -> None:
    plan = Story().plan("loss")

    assert told(plan) == ["0! *1! *2! *3!"]
    assert plan.level_text == "nested loop without suffix"


def test_a_probe_in_the_second_nested_loop_does_not_execute_the_first() -> None:
    assert told(Story().plan("hit")) == ["0!(0) *1!(0) *2!(0) *3!(0)"]


def test_a_probe_behind_the_block_jumps_over_it() -> None:
    plan = Story().plan("after")

    assert told(plan) == ["outside 0 end end"]
    assert plan.level_text == "suffix"


def test_a_probe_in_the_block_behind_the_loop_jumps_over_the_loop() -> None:
    assert told(Story().plan("behind")) == ["outside 0/0 done end"]


def test_an_epoch_that_is_shorter_than_loading_is_executed() -> None:
    assert told(Story(epoch_s=0.001).plan("bottom")) == ["0 1 2 3!"]


def test_without_any_state_the_script_is_executed_up_to_what_is_needed() -> None:
    assert told(Story(kept=()).plan("bottom")) == ["0 1 2 3!"]


def test_where_a_state_is_not_kept_the_nearest_before_is_used() -> None:
    kept = ["0/0 top(0)", "0/0 after(0, 0)", "0/0 after(0, 1)", "0/0 top(2)"]

    assert told(Story(kept=kept).plan("top", iterations={(0, 0): [3]})) == ["-*2- 3!"]


def test_only_what_is_asked_for_is_executed() -> None:
    assert told(Story(epochs=9).plan("bottom", iterations={(0, 0): [7, 2]})) == ["*2!(01) *7!(01)"]


def test_nothing_asked_for_is_nothing_to_do() -> None:
    plan = Story().plan("bottom", iterations={})

    assert plan.segments == ()
    assert plan.reason


def test_a_probe_before_and_one_in_the_loop_are_answered_by_one_process() -> None:
    assert told(Story().plan("before", "top")) == ["outside 0! *1! *2! *3!"]


def test_a_probe_in_and_one_behind_the_loop_are_answered_by_one_process() -> None:
    plan = Story().plan("top", "after")

    assert told(plan) == ["outside 0! *1! *2! *3! 0 end end"]
    assert plan.level_text == "outer loop with suffix"


def test_without_slicing_iterations_are_executed_whole() -> None:
    assert told(Story().plan("middle", is_sliced=False)) == ["0 1 2 3"]


def test_workers_share_the_iterations() -> None:
    assert told(Story().plan("loss", workers=2)) == ["0! *1!", "*2! *3!"]


def test_workers_begin_where_a_state_is_kept() -> None:
    kept = ["0/0 top(0)", "0/0 top(3)"]

    assert told(Story(kept=kept).plan("loss", workers=4)) == ["0 1 2!", "*3!"]


def test_more_workers_than_pay_off_are_not_used() -> None:
    assert len(Story().plan("top", workers=4).segments) == 1


def test_processes_that_mostly_repeat_the_prefix_are_not_started() -> None:
    assert len(Story(epoch_s=0.2).plan("loss", workers=4).segments) == 1


def test_one_worker_goes_to_the_end_while_others_execute_iterations() -> None:
    plan = Story().plan("loss", "after", workers=2)

    assert told(plan) == ["0! *1!", "outside *2! *3! 0 end end"]


def test_what_the_needed_part_does_not_see_may_be_opaque() -> None:
    opaque = {f"0/0 top({i})": ["iteration", "rest"] for i in range(5)}

    assert told(Story(opaque=opaque).plan("bottom")) == ["0!(01) *1!(01) *2!(01) *3!(01)"]


def test_what_iterations_see_must_not_be_opaque_where_they_are_executed() -> None:
    opaque = {f"0/0 top({i})": ["iteration", "rest"] for i in range(5)}
    plan = Story(opaque=opaque).plan("loss")

    assert told(plan) == ["0(1) 1(1) 2(1) 3!"]
    assert plan.opaque == ("loader: it is a generator",)
    assert "loader could not be kept" in plan.reason


def test_what_only_the_end_sees_stops_nobody_before() -> None:
    opaque = {f"0/0 top({i})": ["rest"] for i in range(5)} | {"0 end": ["outside"], "0/0 done": ["outside"]}
    story = Story(opaque=opaque)

    assert told(story.plan("loss")) == ["0! *1! *2! *3!"]
    assert told(story.plan("after")) == ["outside -0(01)- -1(01)- -2(01)- -3(01)- end"]


def test_a_run_that_reads_back_what_it_wrote_is_executed_whole() -> None:
    plan = Story(reads_back=("best.pt",)).plan("after")

    assert told(plan) == ["outside whole end"]
    assert "best.pt" in plan.reason


def test_a_run_that_was_killed_has_only_what_it_completed() -> None:
    story = Story(epochs=2, begun=3, status="interrupted")

    assert told(story.plan("bottom")) == ["0!(01) *1!(01)"]
    assert told(story.plan("loss")) == ["0! *1!"]
    assert not any(segment.goes_to_end for segment in story.plan("after").segments)


def test_of_an_iteration_that_was_killed_only_the_top_can_be_answered() -> None:
    story = Story(epochs=2, begun=3, status="interrupted")

    assert told(story.plan("top")) == ["0! *1(01) 2!"]


def test_a_run_that_failed_is_executed_into_the_iteration_that_failed() -> None:
    story = Story(epochs=2, begun=3, status="failed", has_more=False)

    assert [visit.iteration for segment in story.plan("loss").segments for visit in segment.visits] == [
        0,
        1,
        2,
    ]


def test_a_last_iteration_that_perhaps_was_none_is_executed_behind_the_one_before() -> None:
    kept = [
        entry for entry in Story().every if "done" not in entry and "end" not in entry and "(4" not in entry
    ]

    assert told(Story(kept=kept, has_more=True).plan("top")) == ["0! *1! *2! *3(01) 4!"]
    followed = Followed(Story(kept=kept, has_more=True).plan("top"), Story(kept=kept)).follow()
    assert followed.problems == []
    assert followed.wanted == [0, 1, 2, 3, 4]


def test_states_that_were_refused_are_left_out() -> None:
    from flor.checkpoints.entry import parse
    from flor.replay.planning.planner import plan
    from unit.replay.planning.story import Changes

    found = plan(Story().facts, Changes.of("top"), refused=[parse("0/0 top(2)")])

    assert told(found) == ["0! *1(01) 2! *3!"]


def test_it_is_said_from_where_whole_iterations_can_be_executed() -> None:
    plan = Story(opaque={"0/0 top(2)": ["iteration", "rest"]}).plan("top")

    assert [entry.iteration for entry in plan.enterable] == [0, 1, 3, 4]


def test_what_is_skipped_is_said() -> None:
    said = Story(epochs=9).plan("bottom", iterations={(0, 0): [2, 7]}).skipped

    assert any("nested loops of epoch (4)" in line for line in said)
    assert any("behind line 12" in line for line in said)
    assert any("epoch 1 to 2, 4 to 7:" in line for line in said)


def test_a_plan_can_be_written_as_json() -> None:
    import json

    found = json.loads(json.dumps(Story().plan("top", "after").to_json()))

    assert found["segments"][0]["visits"][1]["iteration"] == 2
    assert found["segments"][0]["visits"][1]["entry"] == "0/0 top(1)"


@pytest.mark.parametrize("probe", EVERYTHING)
def test_no_plan_takes_longer_than_running_the_script_again(probe: str) -> None:
    plan = Story().plan(probe)

    assert plan.estimated_s <= plan.whole_s * 1.02


def test_a_probe_at_the_top_is_answered_in_the_time_of_the_prefix_and_of_loading() -> None:
    plan = Story(epochs=20).plan("top")

    assert plan.estimated_s < plan.prefix_s + 1
    assert plan.whole_s > 20 * 9


@st.composite
def stories(draw: st.DrawFn) -> Story:
    epochs = draw(st.integers(1, 5))
    every = Story(epochs=epochs).every
    kept = draw(st.lists(st.sampled_from(every), unique=True))
    keys = st.sampled_from(
        [(), ("rest",), ("iteration", "rest"), ("needed", "iteration", "rest"), ("outside",)]
    )
    opaque = {entry: draw(keys) for entry in kept}
    return Story(
        epochs=epochs,
        kept=kept,
        opaque=opaque,
        size_bytes=draw(st.sampled_from([1, 10**9, 10**10])),
        epoch_s=draw(st.sampled_from([0.01, 1.0, 60.0])),
    )


@given(
    stories(),
    st.lists(st.sampled_from(EVERYTHING), min_size=1, max_size=3, unique=True),
    st.one_of(st.none(), st.sets(st.integers(0, 5))),
    st.integers(1, 4),
    st.booleans(),
)
def test_each_wanted_iteration_is_executed_once_from_a_state_that_is_kept(
    story: Story, probes: Sequence[str], only: set[int] | None, workers: int, is_sliced: bool
) -> None:
    iterations = None if only is None else {(0, 0): only}
    plan = story.plan(*probes, iterations=iterations, workers=workers, is_sliced=is_sliced)
    followed = Followed(plan, story).follow()

    assert followed.problems == []
    in_loop = {"top", "loss", "middle", "hit", "bottom"}.intersection(probes)
    asked = set(range(story.epochs)) & (set(range(story.epochs)) if only is None else only)
    assert sorted(followed.wanted) == (sorted(asked) if in_loop else [])
    outside = {"before", "behind", "after"}.intersection(probes)
    assert sum(segment.records_outside for segment in plan.segments) == (1 if outside or plan.is_whole else 0)
    assert len(plan.segments) <= workers
    assert any(segment.goes_to_end for segment in plan.segments) >= bool({"behind", "after"} & outside)


@given(stories(), st.sampled_from(EVERYTHING), st.integers(1, 4))
def test_what_is_not_good_enough_is_never_entered(story: Story, probe: str, workers: int) -> None:
    plan = story.plan(probe, workers=workers)

    for segment in plan.segments:
        for visit in segment.visits:
            for entry in (visit.entry, *visit.replaced):
                hidden = story.opaque.get(str(entry), ())
                assert "needed" not in hidden
                assert visit.is_cut or "iteration" not in hidden
        for jump in segment.jumps:
            assert "outside" not in story.opaque.get(str(jump), ())
