"""Which type a column has, and that its cells are what was logged, bit for bit."""

import datetime as dt
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flor.entities import BlobReference
from flor.query.answer import Query
from flor.query.frame import build
from unit.query.given import Logged, a_chunk, a_run
from unit.query.model import TEXT
from unit.query.program import NONE, Log, Loop, frame_of, repeated

DAY = dt.date(2026, 1, 31)
TIME = dt.datetime(2026, 1, 31, 12, 30, 15, 999)


def column_of(*values: Any, gap: bool = False) -> pd.Series:
    """The column of these values; with a gap, on one row more."""
    body = [repeated("epoch", 1, Log("a", value), Log("b", 0)) for value in values]
    return frame_of([*body, repeated("epoch", 1, Log("b", 0))] if gap else body, names=["a", "b"])["a"]


@pytest.mark.parametrize(
    ("values", "dtype", "dtype_with_gap"),
    [
        ((1, -5), "int64", "Int64"),
        ((2**63 - 1, -(2**63)), "int64", "Int64"),
        ((True, False), "bool", "boolean"),
        ((0.5, 2.0), "float64", "float64"),
        (("a", ""), TEXT, TEXT),
        ((1, 0.5), "object", "object"),
        ((True, 1), "object", "object"),
        (("a", 1), "object", "object"),
        ((2**63, 1), "object", "object"),
        ((10**400, -(2**63) - 1), "object", "object"),
        (([1, [2]], ["x"]), "object", "object"),
        (({"k": None},), "object", "object"),
        ((b"\x00\xff",), "object", "object"),
        ((DAY,), "object", "object"),
        ((TIME, TIME), "object", "object"),
        ((DAY, TIME, "a", 1, 0.5, True, b"", [1], 2**70), "object", "object"),
    ],
)  # fmt: skip
def test_a_column_has_the_type_of_its_values(values, dtype, dtype_with_gap):
    column, with_gap = column_of(*values), column_of(*values, gap=True)

    assert (str(column.dtype), str(with_gap.dtype)) == (dtype, dtype_with_gap)
    for found in (column.tolist(), with_gap.tolist()[:-1]):
        assert [(type(cell), cell) for cell in found] == [(type(value), value) for value in values]
    assert pd.isna(with_gap.iloc[-1])


def test_a_gap_among_objects_is_none():
    assert column_of(1, 0.5, gap=True).tolist()[-1] is None


@pytest.mark.parametrize(
    ("value", "dtype"), [(1, "Int64"), (True, "boolean"), (0.5, "float64"), ("a", TEXT), ([1], "object")]
)
def test_a_logged_none_is_a_gap_in_a_column_of_one_type(value, dtype):
    column = column_of(value, None)

    assert str(column.dtype) == dtype
    assert column.isna().tolist() == [False, True]


def test_a_column_of_nothing_but_none_holds_none():
    column = column_of(None, None)

    assert column.dtype == object
    assert column.tolist() == [None, None]


def test_floats_keep_their_bits():
    values = [math.inf, -math.inf, -0.0, 5e-324, math.nan, 0.1]

    column = column_of(*values, gap=True)

    bits = [struct.pack("<d", value) for value in column.tolist()[:-1]]
    assert bits == [struct.pack("<d", value) for value in values]


def test_nan_in_a_mixed_column_is_a_value_and_no_gap():
    cells = column_of(math.nan, "a", gap=True).tolist()

    assert math.isnan(cells[0])
    assert cells[1:] == ["a", None]


def test_the_type_follows_from_the_rows_that_are_returned():
    program = [
        repeated("epoch", 1, Log("a", value), Log("b", kept)) for value, kept in [(1, 1), ("x", 0), (2, 1)]
    ]

    frame = frame_of(program, names=["a"], where="b = 1", known=["a", "b"])

    assert frame["a"].tolist() == [1, 2]
    assert frame["a"].dtype == "int64"


def test_the_type_holds_the_values_of_all_runs():
    runs = [[Log("a", 1)], [Log("b", 1)], [Log("a", "x")]]

    for size in (1, 1000):
        column = frame_of(*runs, names=["a", "b"], batch_records=size)["a"]
        assert column.tolist() == [1, None, "x"]


@pytest.mark.parametrize("second", [1, None])
def test_runs_without_a_name_leave_gaps_in_it(second):
    runs = [[Log("a", 1)], [Log("b", 1), Log("a", second)], [Log("b", 1)]]

    for size in (1, 1000):
        column = frame_of(*runs, names=["a", "b"], batch_records=size)["a"]
        assert column.dtype == "Int64"
        assert column.isna().tolist() == [False, second is None, True]


def test_loop_columns_are_integers_with_gaps_where_rows_stand_outside():
    frame = frame_of([Log("a", 0), repeated("epoch", 2, Log("a", 1))], names=["a"])

    assert [str(frame[title].dtype) for title in ("epoch", "epoch_value", "a")] == ["Int64", "Int64", "int64"]
    assert frame_of([repeated("epoch", 2, Log("a", 1))], names=["a"])["epoch"].dtype == "int64"


def test_the_values_of_a_loop_have_a_column_also_where_none_of_them_is_simple():
    frame = frame_of([Loop("batch", (NONE, NONE), (Log("a", 1),))], names=["a"])

    assert frame["batch_value"].tolist() == [None, None]
    assert frame["batch"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [((7, 5), "int64"), ((0.1, 0.2), "float64"), (("x", "y"), TEXT), ((True, False), "bool")],
)
def test_the_values_of_a_loop_have_their_type(values, dtype):
    frame = frame_of([Loop("item", values, (Log("a", 1),))], names=["a"])

    assert str(frame["item_value"].dtype) == dtype
    assert frame["item_value"].tolist() == list(values)


def test_time_stamps_are_naive_and_of_microseconds():
    assert str(frame_of([Log("a", 1)], names=["a"])["tstamp"].dtype) == "datetime64[us]"


@dataclass(frozen=True)
class Opened:
    reference: BlobReference


def test_a_blob_is_what_the_caller_makes_of_its_reference():
    reference = BlobReference("0" * 32, (3, 4), "float32", "npy", 176)
    chunk = a_chunk([a_run(1)], [[Logged("weights", reference)]])

    frame = build([chunk], Query(("weights",)), Opened)

    assert frame["weights"].tolist() == [Opened(reference)]


def test_a_value_that_is_lent_to_many_rows_is_decoded_once():
    frame = frame_of(
        [Log("config", {"a": [1]}), repeated("epoch", 3, Log("loss", 1))], names=["config", "loss"]
    )

    first, *others = frame["config"]
    assert first == {"a": [1]}
    assert all(other is first for other in others)


def test_a_frame_can_be_written_to():
    values = [1, 0.5, True, "a", None, [1]]
    program = [Log(f"n{number}", value) for number, value in enumerate(values)]
    with_gaps = [repeated("epoch", 1, Log("n0", 5)), repeated("epoch", 1, Log("n2", False))]
    frame = frame_of([*program, *with_gaps], names=[f"n{number}" for number in range(len(values))])

    for title in frame.columns:
        frame.loc[0, title] = frame.loc[1, title]

    assert frame.loc[0].equals(frame.loc[1])


def test_a_frame_of_many_names_takes_another_column_without_complaint():
    names = [f"n{number}" for number in range(150)]
    frame = frame_of([Log(name, 0.5) for name in names], names=names)

    frame["another"] = np.arange(len(frame))

    assert len(frame.columns) == 154
