from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from flor.errors import QueryError
from flor.query.predicate import referenced, satisfied

ODD = 'it\'s "quoted"; DROP TABLE logs; --\n é 学 ' + "x" * 10_000


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def rows(predicate, **columns):
    return np.flatnonzero(satisfied(predicate, pa.table(columns))).tolist()


@pytest.mark.parametrize(
    ("predicate", "columns"),
    [
        ("lr < 0.01 and epoch >= 3", ("lr", "epoch")),
        ("epoch >= 3 and lr < 0.01 or epoch = 1", ("epoch", "lr")),
        ("LR < 1", ("lr",)),
        ("true", ()),
        ("lower(optimizer) in ('sgd', 'adam')", ("optimizer",)),
        ("lr between epoch and val.acc", ("lr", "epoch", "val.acc")),
        ("'lr' = 'epoch' -- lr", ()),
        ("case when lr > 1 then epoch = 1 else optimizer is null end", ("lr", "epoch", "optimizer")),
        ("list_contains(list_transform([1, 2], lambda lr: lr + epoch), 4)", ("epoch",)),
        (f"{quoted(ODD)} = 1", (ODD,)),
        ("epoch < current_date", ("epoch",)),
    ],
)
def test_the_columns_that_a_predicate_mentions(predicate, columns):
    assert referenced(predicate, ["epoch", "lr", "optimizer", "val.acc", ODD]) == columns


def test_names_that_differ_in_case_only_are_told_apart_as_written():
    columns = {"Loss": [1.0, 2.0], "loss": [2.0, 1.0]}

    assert rows("Loss = 1", **columns) == [0]
    assert rows("loss = 1", **columns) == [1]
    with pytest.raises(QueryError, match="may be any of Loss, loss"):
        referenced("LOSS = 1", ["Loss", "loss"])


def test_a_known_name_wins_over_a_word_of_sql():
    assert referenced("current_date = 1", ["current_date"]) == ("current_date",)


@pytest.mark.parametrize(
    ("predicate", "said"),
    [
        ("learning_rat < 1", "There is no column 'learning_rat'.\nClosest: learning_rate."),
        ("foo = 1", "There are: learning_rate, epoch."),
        ('epoch = "adam"', "text in single ones"),
        ("t.epoch = 1", "There is no column 't.epoch'"),
        ("rowid = 1", "There is no column 'rowid'"),
    ],
)
def test_an_unknown_column_is_named_with_what_there_is(predicate, said):
    with pytest.raises(QueryError) as caught:
        referenced(predicate, ["learning_rate", "epoch"])

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "predicate",
    [
        "",
        "  -- nothing",
        "epoch <",
        "epoch = 'a",
        "epoch epoch",
        "epoch = 1;",
        "epoch = 1; DROP TABLE t",
        "epoch = 1) group by (epoch",
        "true) union select * from t where (true",
        "epoch = 1 limit 3",
        "epoch in (select 1)",
        "exists (select 1)",
        "epoch = ?",
        "epoch = $a",
        "count(*) over () > 1",
        "#1 = 1",
        "*",
        "columns('e.*') = 1",
        "(" * 20_000 + "true" + ")" * 20_000,
        "epoch" + " + 1" * 700 + " > 1",
    ],
)
def test_only_a_predicate_is_taken(predicate):
    with pytest.raises(QueryError):
        referenced(predicate, ["epoch"])
    with pytest.raises(QueryError):
        satisfied(predicate, pa.table({"epoch": [1]}))


@pytest.mark.parametrize("predicate", ["epoch like 'a%'", "max(epoch) > 1", "no_such_function(epoch) = 1"])
def test_what_has_no_meaning_for_any_row_is_an_error(predicate):
    with pytest.raises(QueryError):
        satisfied(predicate, pa.table({"epoch": [1]}))


def test_null_is_not_satisfied():
    lr = [0.1, None, 0.3]

    assert rows("lr < 0.2", lr=lr) == [0]
    assert rows("not lr < 0.2", lr=lr) == [2]
    assert rows("lr is null", lr=lr) == [1]
    assert rows("lr < 0.2 or lr is null", lr=lr) == [0, 1]
    assert rows("lr = null", lr=lr) == []


def test_a_predicate_without_columns_is_asked_of_every_row():
    assert rows("1 < 2", lr=[1, 2]) == [0, 1]
    assert rows("1 > 2", lr=[1, 2]) == []


@pytest.mark.parametrize(
    "predicate", ["s < 5", "s = 3", "s in (3, 4)", "s between 1 and 5", "3 = s", "not s = 4"]
)
def test_text_that_looks_like_a_number_is_none(predicate):
    assert rows(predicate, s=["3", "abc", None]) == []


def test_numbers_truth_and_text_are_told_apart():
    assert rows("i = '1'", i=[1, 2]) == []
    assert rows("i = 'abc'", i=[1, 2]) == []
    assert rows("b = 1", b=[True, False]) == []
    assert rows("b", b=[True, False, None]) == [0]
    assert rows("b = true", b=[True, False]) == [0]
    assert rows("i", i=[0, 1]) == []
    assert rows("i = true", i=[0, 1]) == []
    assert rows("s = true", s=["true", "t"]) == []
    assert rows("s in ('a', 1)", s=["a", "1"]) == [0]
    assert rows("s not in ('a', 1)", s=["a", "b"]) == []
    assert rows("i = 1.0", i=[1, 2]) == [0]


def test_a_comparison_of_other_types_leaves_the_rest_of_the_predicate_alone():
    assert rows("s < 5 or i = 2", s=["3", "4"], i=[1, 2]) == [1]
    assert rows("(s < 5) is null", s=["3", "4"]) == [0, 1]


def test_what_fails_in_one_row_does_not_fail_in_the_others():
    assert rows("s::int < 5", s=["3", "abc", "7"]) == [0]
    assert rows("s::int < 5 or s = 'abc'", s=["3", "abc", "7"]) == [0, 1]


def test_what_may_not_be_guarded_is_evaluated_all_the_same():
    assert rows("random() < 2 and i > 1", i=[1, 2]) == [1]


def test_a_text_constant_stands_for_a_time():
    tstamp = pa.array([datetime(2026, 1, 31, 12, 0, 0, 123456), datetime(2026, 2, 1)], pa.timestamp("us"))

    assert rows("tstamp < '2026-02-01'", tstamp=tstamp) == [0]
    assert rows("tstamp = '2026-01-31 12:00:00.123456'", tstamp=tstamp) == [0]
    assert rows("tstamp < date '2026-02-01'", tstamp=tstamp) == [0]
    assert rows("tstamp = 'not a time'", tstamp=tstamp) == []
    assert rows("tstamp > 5", tstamp=tstamp) == []


def test_dictionaries_that_differ_from_chunk_to_chunk():
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "a", None]).dictionary_encode()]

    assert rows("s = 'a'", s=pa.chunked_array(chunks)) == [0, 3]
    assert rows("s is null", s=pa.chunked_array(chunks)) == [4]


def test_no_rows_are_satisfied_where_there_are_none():
    assert rows("lr < 1", lr=pa.array([], pa.float64())) == []
    assert rows("x < 1", x=pa.nulls(0)) == []


def test_a_predicate_reads_no_file(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")

    with pytest.raises(QueryError):
        satisfied(f"(from '{secret}') = 1", pa.table({"i": [1]}))
    with pytest.raises(QueryError):
        satisfied(f"read_text('{secret}') = 'a'", pa.table({"i": [1]}))
