"""Which rows a predicate keeps."""

import pytest

from flor.errors import QueryError
from flor.query.answer import Query
from flor.query.frame import build
from unit.query.program import Log, Loop, Process, cells, frame_of, repeated

TRAINING = [
    Log("lr", 0.1, "arg"),
    *(
        repeated("epoch", 1, *(repeated("step", 1, Log("loss", loss)) for loss in losses), Log("acc", acc))
        for losses, acc in [((3, 2), 0.5), ((2, 1), 0.7), ((1, 0), 0.9)]
    ),
]
KNOWN = ["lr", "loss", "acc", "status", "epoch", "tstamp", "other"]


def kept(*titles, where, program=TRAINING, **query):
    return cells(frame_of(program, names=titles, where=where, known=KNOWN, **query), *titles)


def test_a_predicate_over_a_name_that_is_asked_for():
    assert kept("loss", where="loss < 2") == [(1,), (1,), (0,)]


def test_a_predicate_over_a_name_that_is_not_asked_for():
    assert kept("loss", where="acc > 0.8") == [(1,), (0,)]
    assert kept("loss", where="lr > 1") == []


def test_a_predicate_is_asked_of_the_row_with_all_that_is_lent_to_it():
    assert kept("loss", where="acc > 0.6 AND loss > 1 AND lr = 0.1") == [(2,)]


def test_a_row_is_kept_if_a_row_further_inside_satisfies_the_predicate():
    assert kept("acc", where="loss = 2") == [(0.5,), (0.7,)]
    assert kept("lr", where="loss = 2") == [(0.1,)]
    assert kept("lr", where="loss = 7") == []


def test_rows_beside_the_one_that_satisfies_the_predicate_are_left_out():
    program = [
        repeated("epoch", 2, Log("a", 1), repeated("step", 1, Log("b", 1)), repeated("step", 1, Log("b", 2)))
    ]

    frame = frame_of(program, names=["b"], where="step = 1 AND b = 2", known=["a", "b"])

    assert cells(frame, "epoch", "b") == [(1, 2), (2, 2)]


def test_of_several_values_in_a_context_each_row_is_asked_for_itself():
    program = [Log("a", 1), Log("a", 2), Log("a", 3)]

    assert kept("a", where="a >= 2", program=program) == [(2,), (3,)]


def test_a_value_that_stands_on_one_row_is_kept_if_any_of_several_others_beside_it_satisfies():
    program = [Log("lr", 5), *(Log("other", value) for value in (1, 2, 3))]

    assert kept("lr", where="other = 3", program=program) == [(5,)]


def test_of_several_values_only_the_row_beside_the_satisfied_one_is_kept():
    program = [*(Log("lr", value) for value in (1, 2)), *(Log("other", value) for value in (1, 2, 3))]

    assert kept("lr", where="other = 2", program=program) == [(2,)]
    assert kept("lr", where="other = 3", program=program) == []


def test_a_value_of_another_type_does_not_match():
    program = [Log("a", value) for value in ("10", 10, 10.5, None, [10], True)]

    frame = frame_of(program, names=["a"], where="a >= 10", known=["a"])

    assert cells(frame, "a") == [(10,), (10.5,)]


def test_columns_of_loops_and_of_their_values():
    program = [Loop("doc", ("a.txt", "b.txt"), (repeated("page", 3, Log("n", 1)),))]

    frame = frame_of(program, names=["n"], where="doc_value = 'b.txt' AND page >= 2", known=["n"])

    assert cells(frame, "doc", "page") == [(2, 2), (2, 3)]


def test_loops_that_stand_around_no_row_are_known_and_without_value():
    assert kept("lr", where="epoch >= 1") == []
    assert kept("lr", where="epoch IS NULL") == [(0.1,)]


def test_facts_of_the_run():
    runs = [[Log("a", 1)], [Log("a", 2)]]

    def found(where):
        return cells(frame_of(*runs, names=["a"], where=where, known=["a"]), "a")

    assert found("tstamp >= '2026-01-31 13:00:00'") == [(2,)]
    assert found("run = '0000000000000000'") == [(1,)]
    assert found("status = 'finished' AND projid = 'digits' AND filename LIKE 'tr%'") == [(1,), (2,)]
    assert found("status = 'failed'") == []


def test_a_name_that_is_asked_for_goes_before_a_fact_of_the_run():
    program = [Log("status", "warm"), Log("a", 1)]

    assert kept("status", where="status = 'warm'", program=program) == [("warm",)]
    assert kept("a", where="status = 'finished' AND status_logged = 'warm'", program=program) == [(1,)]


def test_names_that_stand_aside_are_written_as_the_frame_shows_them():
    program = [repeated("epoch", 3, Log("epoch", 10), Log("tstamp", 5))]

    frame = frame_of(
        program, names=["epoch"], where="epoch = 2 AND epoch_logged = 10 AND tstamp_logged = 5", known=KNOWN
    )

    assert cells(frame, "epoch", "epoch_logged") == [(2, 10)]


def test_how_a_value_came_to_be():
    program = [repeated("epoch", 1, Log("loss", 1)), repeated("epoch", 1, Log("loss", 2, "replay"))]

    assert kept("loss", where="loss_source = 'replay'", program=program) == [(2,)]


def test_how_sure_a_value_is_that_was_logged_in_hindsight():
    program = [
        repeated("epoch", 1, Log("loss", 1)),
        repeated("epoch", 1, Log("loss", 2, "replay", "verified")),
        repeated("epoch", 1, Log("loss", 3, "replay", "diverged")),
    ]

    assert kept("loss", where="loss_verdict = 'verified'", program=program) == [(2,)]
    assert kept("loss", where="loss_verdict <> 'verified'", program=program) == [(3,)]
    assert kept("loss", where="loss_verdict IS NULL", program=program) == [(1,)]
    assert kept("lr", where="lr_verdict = 'verified'", program=[Log("lr", 1)]) == []


def test_ranks_and_children():
    processes = [
        Process((Log("lr", 1, "arg"),)),
        Process((Log("loss", 2),), process=7),
        Process((Log("loss", 3),), 1),
    ]

    assert kept("lr", where="loss = 2", program=processes) == [(1,)]
    assert kept("loss", where="process = 7", program=processes) == [(2,)]
    assert kept("loss", where="rank = 1", program=processes, has_ranks=True) == [(3,)]


def test_without_names_the_predicate_may_speak_of_what_stands_further_inside():
    runs = [[Log("lr", lr), repeated("epoch", 2, Log("acc", acc))] for lr, acc in [(1, 0.5), (2, 0.9)]]

    frame = frame_of(*runs, where="acc > 0.8", known=KNOWN)

    assert list(frame.columns[3:]) == ["lr"]
    assert cells(frame, "lr") == [(2,)]


def test_a_predicate_without_columns():
    assert len(kept("loss", where="true")) == 6
    assert kept("loss", where="false") == []


def test_columns_that_are_left_empty_stay():
    frame = frame_of(TRAINING, names=["loss", "acc"], where="loss > 100", known=KNOWN)

    assert list(frame.columns) == ["projid", "tstamp", "filename", "loss", "acc"]


def test_the_predicate_means_the_same_however_the_records_are_cut():
    runs = [[Log("epoch", 9)], [repeated("epoch", 3, Log("a", 1))], [Log("epoch", 2), Log("a", "x")]]

    for size in (1, 1000):
        frame = frame_of(
            *runs, names=["a", "epoch"], where="epoch = 2", known=["a", "epoch"], batch_records=size
        )
        assert cells(frame, "epoch", "a", "epoch_logged") == [(2, 1, None)]


@pytest.mark.parametrize("where", ["los < 1", "lr = 'a", "lr = 1; DROP TABLE x", "lr IN (SELECT 1)", ""])
def test_a_predicate_that_cannot_be_understood_is_refused(where):
    with pytest.raises(QueryError):
        kept("loss", where=where)


def test_there_is_nothing_to_ask_where_there_are_no_records():
    assert len(build([], Query(("loss",), "lr < 1 AND epoch > 2"))) == 0
