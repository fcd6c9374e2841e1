"""Which columns a frame has, in which order, and what they are called."""

import pytest

from flor.query.naming import LoopColumn, columns_of, merged, titles
from unit.query.program import Log, Loop, Process, cells, frame_of, repeated


def test_loops_come_outermost_first_each_followed_by_its_value_then_the_names_as_asked():
    program = [Log("lr", 1), repeated("epoch", 1, repeated("step", 1, Log("loss", 2)))]

    frame = frame_of(program, names=["loss", "lr"])

    assert list(frame.columns) == [
        "projid", "tstamp", "filename", "epoch", "epoch_value", "step", "step_value", "loss", "lr",
    ]  # fmt: skip


def test_the_fixed_columns_tell_of_the_run():
    frame = frame_of([Log("a", 1)], [Log("a", 2)], names=["a"])

    assert frame["projid"].tolist() == ["digits"] * 2
    assert frame["filename"].tolist() == ["train.py"] * 2
    assert [str(stamp) for stamp in frame["tstamp"]] == [
        "2026-01-31 12:00:00.123456",
        "2026-01-31 13:00:00.123456",
    ]


def test_provenance_tells_behind_each_name_how_its_value_came_to_be():
    program = [
        Log("lr", 1, "arg"),
        repeated("epoch", 2, Log("loss", 2)),
        repeated("epoch", 1, Log("norm", 3, "replay", "verified")),
    ]

    frame = frame_of(program, names=["lr", "loss", "norm"], has_sources=True)

    titles = ["lr_source", "loss_source", "norm_source", "norm_verdict"]
    assert list(frame.columns[5:]) == ["lr", titles[0], "loss", titles[1], "norm", *titles[2:]]
    rows = cells(frame, *titles)
    assert rows == [("arg", "log", None, None)] * 2 + [("arg", None, "replay", "verified")]


def test_where_replays_have_answered_a_name_each_of_their_values_has_a_verdict():
    recorded = [repeated("epoch", 1, Log("norm", 1))]
    answered = [
        repeated("epoch", 1, Log("norm", 2, "replay", verdict))
        for verdict in ("verified", "unverified", "diverged")
    ]

    frame = frame_of(recorded, answered, names=["norm"], has_sources=True)

    assert cells(frame, "norm", "norm_source", "norm_verdict") == [
        (1, "log", None),
        (2, "replay", "verified"),
        (2, "replay", "unverified"),
        (2, "replay", "diverged"),
    ]


def test_whether_a_name_has_verdicts_does_not_depend_on_the_rows_that_are_kept():
    program = [repeated("epoch", 1, Log("norm", 1)), repeated("epoch", 1, Log("norm", 2, "replay"))]

    frame = frame_of(program, names=["norm"], has_sources=True, where="norm = 1")

    assert cells(frame, "norm", "norm_verdict") == [(1, None)]


def test_the_source_of_a_logged_none_is_known():
    frame = frame_of([Log("a", None)], names=["a"], has_sources=True)

    assert cells(frame, "a", "a_source") == [(None, "log")]


def test_a_loop_nested_in_one_of_its_own_name_has_a_column_of_its_own():
    frame = frame_of([repeated("epoch", 1, repeated("epoch", 2, Log("a", 1)))], names=["a"])

    assert list(frame.columns[3:-1]) == ["epoch", "epoch_value", "epoch_2", "epoch_2_value"]
    assert cells(frame, "epoch", "epoch_2") == [(1, 1), (1, 2)]


def test_only_loops_around_the_rows_have_columns():
    program = [Log("lr", 1), repeated("epoch", 2, Log("loss", 2))]

    assert list(frame_of(program, names=["lr"]).columns[3:]) == ["lr"]


def test_paths_are_merged_so_that_enclosing_loops_come_first():
    program = [
        repeated("epoch", 1, repeated("step", 1, Log("a", 1))),
        repeated("fold", 1, repeated("epoch", 1, repeated("batch", 1, repeated("step", 1, Log("a", 2))))),
    ]

    frame = frame_of(program, names=["a"])

    assert list(frame.columns[3:-1:2]) == ["fold", "epoch", "batch", "step"]


def test_where_paths_disagree_the_first_decides():
    shapes = [("a", "b"), ("b", "a")]

    assert [str(column) for column in merged(shapes)] == ["a", "b"]


def test_loops_of_one_level_come_as_they_are_first_seen():
    program = [repeated("train", 1, Log("a", 1)), repeated("test", 1, Log("a", 2))]

    assert list(frame_of(program, names=["a"]).columns[3:-1:2]) == ["train", "test"]


@pytest.mark.parametrize("name", ["projid", "tstamp", "filename"])
def test_a_loop_and_a_value_named_like_a_fixed_column_stand_aside(name):
    frame = frame_of([repeated(name, 1, Log(name, 5))], names=[name])

    assert list(frame.columns[3:]) == [f"{name}_loop", f"{name}_loop_value", f"{name}_logged"]
    assert frame[f"{name}_logged"].tolist() == [5]


def test_a_value_named_like_a_loop_or_its_values_stands_aside():
    frame = frame_of(
        [repeated("epoch", 1, Log("epoch", 5), Log("epoch_value", 6))], names=["epoch", "epoch_value"]
    )

    assert cells(frame, "epoch", "epoch_value", "epoch_logged", "epoch_value_logged") == [(1, 0, 5, 6)]


def test_a_value_named_like_a_column_that_is_not_there_keeps_its_name():
    frame = frame_of([Log("rank", 1), Log("process", 2), Log("epoch", 3)], names=["rank", "process", "epoch"])

    assert list(frame.columns[3:]) == ["rank", "process", "epoch"]


def test_a_value_named_like_the_column_of_ranks_or_of_children_stands_aside():
    processes = [Process((Log("rank", 1), Log("process", 2))), Process((Log("rank", 3),), process=5)]

    frame = frame_of(processes, names=["rank", "process"], has_ranks=True)

    assert list(frame.columns[3:]) == ["rank", "process", "rank_logged", "process_logged"]


def test_no_two_columns_are_called_alike():
    loops = [LoopColumn("epoch"), LoopColumn("epoch", 2), LoopColumn("epoch_2"), LoopColumn("epoch_value")]
    names = ["epoch", "epoch_logged", "epoch_source", "epoch_logged_source", "x", "x_source", "tstamp"]

    title = titles(["projid", "tstamp", "filename"], loops, names)

    all_titles = [
        *title.loops.values(),
        *title.loop_values.values(),
        *title.names.values(),
        *title.sources.values(),
    ]
    assert len(set(all_titles)) == len(all_titles) == 22
    assert title.names["epoch_logged"] == "epoch_logged"
    assert title.loops[LoopColumn("epoch_2")] == "epoch_2"


def test_the_loops_of_a_shape_know_how_deep_they_nest_in_themselves():
    assert [str(column) for column in columns_of(("a", "b", "a", "a"))] == ["a", "b", "a_2", "a_3"]


def test_loop_names_may_hold_any_character():
    names = ["a/b", "50 %", "%", "", "nr #1", "%2F", "ü 'x' \"y\"", "DROP TABLE logs; --"]
    program = [Log("v", 0)]
    for name in names:
        program = [repeated(name, 1, *program)]

    frame = frame_of(program, names=["v"])

    assert list(frame.columns[3:-1:2]) == names[::-1]


def test_logged_names_may_hold_any_character():
    names = ["a/b#2", "", " ", "ü 'x' \"y\"", "x" * 10_000]

    frame = frame_of([Log(name, 1) for name in names], names=names)

    assert list(frame.columns[3:]) == names


def test_two_loops_of_one_name_may_iterate_over_values_of_different_types():
    program = [Loop("item", ("a",), (Log("v", 1),)), Loop("item", (0.5,), (Log("v", 2),))]

    frame = frame_of(program, names=["v"])

    assert frame["item_value"].tolist() == ["a", 0.5]
    assert frame["item_value"].dtype == object
