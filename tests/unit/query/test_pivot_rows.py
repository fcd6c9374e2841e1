"""Which rows a frame has, and what is lent to them."""

import pytest

from flor.errors import Unreadable
from flor.query.answer import Query
from flor.query.frame import build
from unit.query.given import Logged, a_chunk, a_run
from unit.query.program import INDEX, Iteration, Log, Loop, Process, cells, executed, frame_of, repeated


def test_run_level_arguments_repeat_on_every_row():
    frame = frame_of([Log("lr", 0.1, "arg"), repeated("epoch", 2, Log("loss", 1.0))], names=["lr", "loss"])

    assert cells(frame, "epoch", "lr", "loss") == [(1, 0.1, 1.0), (2, 0.1, 1.0)]


def test_a_cell_is_lent_the_value_of_the_nearest_context_around_it():
    program = [
        Log("lr", "run"),
        repeated("epoch", 2, Log("lr", "epoch"), repeated("step", 2, Log("loss", 1))),
    ]

    frame = frame_of(program, names=["lr", "loss"])

    assert cells(frame, "lr", "loss") == [("run", None)] + [("epoch", 1)] * 4


def test_a_value_logged_after_the_loop_is_lent_to_its_rows_too():
    frame = frame_of([repeated("epoch", 2, Log("loss", 1)), Log("accuracy", 0.9)], names=["loss", "accuracy"])

    assert cells(frame, "epoch", "loss", "accuracy") == [(1, 1, 0.9), (2, 1, 0.9)]


def test_a_context_all_of_whose_values_appear_on_deeper_rows_has_no_row():
    frame = frame_of([Log("lr", 1), repeated("epoch", 1, Log("loss", 2))], names=["lr", "loss"])

    assert cells(frame, "epoch", "lr", "loss") == [(1, 1, 2)]


def test_a_context_keeps_its_row_where_only_one_of_its_values_appears_on_a_deeper_row():
    program = [Log("lr", 1), Log("loss", 0), repeated("epoch", 1, Log("loss", 2))]

    frame = frame_of(program, names=["lr", "loss"])

    assert cells(frame, "epoch", "lr", "loss") == [(None, 1, 0), (1, 1, 2)]


def test_a_value_that_would_appear_only_on_the_row_of_a_context_without_rows_keeps_its_own():
    program = [Log("n", 1), repeated("epoch", 1, Log("m", 2), repeated("step", 1, Log("n", 3)))]

    frame = frame_of(program, names=["n", "m"])

    assert cells(frame, "epoch", "step", "n", "m") == [(None, None, 1, None), (1, 1, 3, 2)]


def test_sibling_loops_stand_one_below_another():
    program = [repeated("epoch", 2, repeated("train", 2, Log("loss", 1)), repeated("test", 1, Log("acc", 2)))]

    frame = frame_of(program, names=["loss", "acc"])

    assert list(frame.columns[3:]) == [
        "epoch",
        "epoch_value",
        "train",
        "train_value",
        "test",
        "test_value",
        "loss",
        "acc",
    ]
    once = [(1, None, 1, None), (2, None, 1, None), (None, 1, None, 2)]
    assert cells(frame, "train", "test", "loss", "acc") == once * 2


def test_sibling_loops_of_one_name_share_a_column_and_never_pair():
    program = [repeated("epoch", 2, repeated("step", 2, Log("loss", 1)), repeated("step", 2, Log("acc", 2)))]

    frame = frame_of(program, names=["loss", "acc"])

    assert cells(frame, "epoch", "step", "loss", "acc") == [
        (epoch, step, *values) for epoch in (1, 2) for values in ((1, None), (None, 2)) for step in (1, 2)
    ]


def test_a_thousand_training_and_a_hundred_test_steps_are_rows_and_no_product():
    epoch = [
        repeated("step", 1000, Log("loss", 1.0)),
        Log("accuracy", 0.5),
        repeated("step", 100, Log("correct", 1)),
    ]

    frame = frame_of(
        [Log("lr", 0.1), repeated("epoch", 10, *epoch)], names=["lr", "loss", "correct", "accuracy"]
    )

    assert len(frame) == 11_000
    assert frame["loss"].count() == 10_000
    assert frame["correct"].count() == 1_000
    assert frame[["lr", "accuracy"]].notna().all().all()


def test_a_loop_started_anew_in_every_pass_of_a_plain_loop_keeps_its_rows_apart():
    frame = frame_of([repeated("step", 2, Log("loss", n)) for n in range(1500)], names=["loss"])

    assert cells(frame, "step", "loss") == [(step, n) for n in range(1500) for step in (1, 2)]


def test_ten_levels_deep():
    body = Log("inner", 0)
    for level in range(9, -1, -1):
        body = repeated(f"level{level}", 2, Log(f"name{level}", level), body)

    frame = frame_of([body], names=["name0", "name9", "inner"])

    assert len(frame) == 2**10
    assert list(frame.columns[3:23:2]) == [f"level{level}" for level in range(10)]
    assert set(cells(frame, "name0", "name9", "inner")) == {(0, 9, 0)}
    assert cells(frame, *(f"level{level}" for level in range(10)))[-2:] == [(2,) * 9 + (1,), (2,) * 10]


def test_values_logged_several_times_in_a_context_are_several_rows():
    program = [
        Log("lr", 0.1),
        repeated("epoch", 1, Log("a", 1), Log("b", 10), Log("a", 2), Log("b", 20), Log("c", 5), Log("a", 3)),
    ]

    frame = frame_of(program, names=["lr", "a", "b", "c"])

    assert cells(frame, "lr", "a", "b", "c") == [(0.1, 1, 10, 5), (0.1, 2, 20, 5), (0.1, 3, None, 5)]


def test_deeper_rows_are_lent_only_the_last_of_several_values():
    program = [Log("lr", 1), Log("lr", 2), repeated("epoch", 2, Log("loss", 0))]

    frame = frame_of(program, names=["lr", "loss"])

    assert cells(frame, "epoch", "lr", "loss") == [(None, 1, None), (None, 2, None), (1, 2, 0), (2, 2, 0)]


def test_rows_come_by_time_stamp_whatever_the_order_of_the_runs():
    from flor.query.answer import Query
    from flor.query.frame import build
    from unit.query.given import a_run

    done = executed([a_run(2), a_run(1)], [[Process((Log("a", "late"),))], [Process((Log("a", "early"),))]])

    for size in (1, 1000):
        frame = build(done.chunks, Query(("a",), batch_records=size))
        assert frame["a"].tolist() == ["early", "late"]


def test_rows_of_a_run_come_in_the_order_in_which_their_values_were_logged():
    program = [
        Log("a", 1),
        repeated("epoch", 1, Log("a", 2), Log("b", 0), Log("a", 4)),
        Log("a", 5),
    ]

    frame = frame_of(program, names=["a", "b"])

    assert cells(frame, "epoch", "a", "b") == [(None, 1, None), (1, 2, 0), (1, 4, 0), (None, 5, None)]


def test_an_iteration_that_is_entered_again_is_one_context():
    program = [
        Iteration("page", 2, (Log("label", "x"),)),
        Iteration("page", 1, (Log("label", "y"),)),
        Iteration("page", 2, (Log("score", 5),)),
    ]

    frame = frame_of(program, names=["label", "score"])

    assert cells(frame, "page", "label", "score") == [(2, "x", 5), (1, "y", None)]


def test_iterations_may_be_numbered_by_any_integer():
    numbers = [2**62, -(2**62), 2**63 - 1, 0]
    pages = [Iteration("page", number, (repeated("step", 1, Log("a", number)),)) for number in numbers]

    frame = frame_of(pages, names=["a"])

    assert cells(frame, "page", "a") == [(number, number) for number in numbers]


def test_runs_that_have_only_some_of_the_names_keep_their_rows():
    frame = frame_of(
        [Log("lr", 0.1)],
        [Log("lr", 0.2), Log("acc", 1)],
        [Log("acc", 2)],
        [Log("other", 3)],
        names=["lr", "acc"],
    )

    assert cells(frame, "lr", "acc") == [(0.1, None), (0.2, 1), (None, 2)]


def test_a_logged_none_has_a_row():
    frame = frame_of([repeated("epoch", 2, Log("a", None))], names=["a"])

    assert cells(frame, "epoch", "a") == [(1, None), (2, None)]


def test_only_rank_zero_counts_unless_all_are_asked_for():
    processes = [Process((Log("a", 1),), 0), Process((Log("a", 2), Log("only", 3)), 1)]

    assert cells(frame_of(processes, names=["a"]), "a") == [(1,)]
    assert len(frame_of(processes, names=["only"])) == 0
    frame = frame_of(processes, names=["a", "only"], has_ranks=True)
    assert list(frame.columns[:4]) == ["projid", "tstamp", "filename", "rank"]
    assert cells(frame, "rank", "a", "only") == [(0, 1, None), (1, 2, 3)]


def test_children_are_lent_arguments_and_nothing_else():
    main = Process((Log("lr", 0.1, "arg"), Log("seed", 7), repeated("epoch", 1, Log("loss", 1))))
    child = Process((repeated("batch", 1, Log("time", 5)),), process=4711)

    frame = frame_of([main, child], names=["lr", "seed", "loss", "time"])

    assert list(frame.columns[:4]) == ["projid", "tstamp", "filename", "process"]
    assert cells(frame, "process", "epoch", "batch", "lr", "seed", "loss", "time") == [
        (None, 1, None, 0.1, 7, 1, None),
        (4711, None, 1, 0.1, None, None, 5),
    ]


def test_an_argument_that_appears_on_rows_of_children_has_no_row_of_its_own():
    frame = frame_of([Process((Log("lr", 1, "arg"),)), Process((Log("a", 2),), process=8)], names=["lr", "a"])

    assert cells(frame, "process", "lr", "a") == [(8, 1, 2)]


def test_a_value_that_children_are_not_lent_keeps_its_row():
    frame = frame_of([Process((Log("lr", 1),)), Process((Log("a", 2),), process=8)], names=["lr", "a"])

    assert cells(frame, "process", "lr", "a") == [(None, 1, None), (8, None, 2)]


def test_children_are_lent_the_arguments_of_their_own_rank():
    processes = [
        Process((Log("lr", 1, "arg"),), 0, 0),
        Process((Log("lr", 2, "arg"),), 1, 0),
        Process((Log("a", 5),), 1, 9),
    ]

    frame = frame_of(processes, names=["lr", "a"], has_ranks=True)

    assert list(frame.columns[3:5]) == ["rank", "process"]
    assert cells(frame, "rank", "process", "lr", "a") == [(0, None, 1, None), (1, 9, 2, 5)]


def test_loop_values_are_told_by_the_record_else_by_the_default_of_the_loop():
    program = [Loop("doc", ("a.txt", INDEX, "c.txt"), (Log("n", 1),)), repeated("epoch", 2, Log("n", 2))]

    frame = frame_of(program, names=["n"])

    assert cells(frame, "doc_value", "epoch_value") == [
        ("a.txt", None),
        (1, None),
        ("c.txt", None),
        (None, 0),
        (None, 1),
    ]


def test_records_whose_iterations_do_not_fit_their_loops_are_refused():
    chunk = a_chunk([a_run(1)], [[Logged("a", 1, "epoch/step", (1, 2)), Logged("a", 1, "epoch/step", (1,))]])

    with pytest.raises(Unreadable, match="damaged"):
        build([chunk], Query(("a",)))
