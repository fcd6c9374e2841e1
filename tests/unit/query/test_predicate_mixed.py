from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from flor.errors import QueryError
from flor.query.mixed import parts
from flor.query.predicate import MIXED, satisfied
from flor.query.text import records

VALUES = [
    1,
    True,
    "3",
    2.5,
    None,
    2**200,
    "abc",
    [1, 2],
    {"a": 1},
    datetime(2026, 1, 31),
    date(2026, 2, 1),
    b"a",
    -(2**200),
]
X = records(VALUES)


@pytest.fixture(params=["text", "dictionary"])
def table(request):
    if request.param == "text":
        return pa.table({"x": X, "i": list(range(len(VALUES)))})
    fields = [X.chunk(0).field(name) for name in ("kind", "vf", "vi", "vs")]
    fields[0] = fields[0].dictionary_encode()
    missing = pa.array([value is None for value in VALUES])
    column = pa.StructArray.from_arrays(fields, ["kind", "vf", "vi", "vs"], mask=missing)
    return pa.table(
        {"x": pa.chunked_array([column.slice(0, 3), column.slice(3)]), "i": list(range(len(VALUES)))}
    )


@pytest.mark.parametrize(
    ("predicate", "kept"),
    [
        ("x < 5", [1, 2.5, -(2**200)]),
        ("x = 1", [1]),
        ("x", [True]),
        ("x = true", [True]),
        ("x = '3'", ["3"]),
        ("x in ('abc', 1)", [1, "abc"]),
        ("x > 10", [2**200]),
        ("x is null", [None]),
        ("x is not null and x = 2.5", [2.5]),
        ("x like 'a%'", ["abc"]),
        ("lower(x) = 'abc'", ["abc"]),
        ("x = 1 or x = 'abc'", [1, "abc"]),
        ("x between 1 and 3", [1, 2.5]),
        ("not x < 2", [2.5, 2**200]),
        ("json_array_length(x) = 2", [[1, 2]]),
        ("x ->> 'a' = '1'", [{"a": 1}]),
        ("x = timestamp '2026-01-31'", [datetime(2026, 1, 31)]),
        ("x > '2026-01-31' and x < '2026-03-01'::date", [date(2026, 2, 1)]),
        ("x = 'a'::blob", [b"a"]),
        ("coalesce(x, 7) = 7", [None]),
        ("case when x = 1 then true when x = 'abc' then true end", [1, "abc"]),
        ("x = 1 and i = 0", [1]),
        ("x < 5 or i = 6", [1, 2.5, "abc", -(2**200)]),
    ],
)
def test_each_value_is_compared_as_what_it_is(table, predicate, kept):
    found = [VALUES[row] for row in np.flatnonzero(satisfied(predicate, table))]

    assert [(type(value), value) for value in found] == [(type(value), value) for value in kept]


def test_what_has_no_meaning_for_any_type_is_an_error(table):
    with pytest.raises(QueryError, match="has no meaning"):
        satisfied("x = 1 and list_sum(x) = i and list_sum(i) = 1", table)


def test_two_mixed_columns_are_compared_row_by_row():
    table = pa.table({"x": records([1, "a", True, 2.0, None]), "y": records([1, "a", 1, 2, None])})

    assert np.flatnonzero(satisfied("x = y", table)).tolist() == [0, 1, 3]


def test_every_row_is_in_one_part():
    table = pa.table({f"c{number}": records([1, "a", None, 2.5, True] * 20) for number in range(30)})

    found = [part.rows for part in parts(table)]

    assert sorted(np.concatenate(found).tolist()) == list(range(100))
    assert len(found) == 5


def test_a_mixed_column_without_rows_or_values():
    assert satisfied("x < 1", pa.table({"x": pa.array([], MIXED)})).tolist() == []
    assert satisfied("x < 1 or x is null", pa.table({"x": pa.array([None], MIXED)})).tolist() == [True]


def test_integers_too_long_for_any_number_are_infinite():
    table = pa.table({"x": records([2**20_000, -(2**20_000), 1])})

    assert np.flatnonzero(satisfied("x > 1e300", table)).tolist() == [0]
    assert np.flatnonzero(satisfied("x < -1e300", table)).tolist() == [1]
