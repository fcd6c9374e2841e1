from decimal import Decimal

import pyarrow as pa

from flor.cli import arrow, render
from flor.query import plain


def test_whole_decimals_are_integers_and_others_floats():
    table = pa.table(
        {
            "sum": pa.array([Decimal(7), None], pa.decimal128(38, 0)),
            "half": pa.array([Decimal("0.5"), Decimal("2.0")], pa.decimal128(2, 1)),
        }
    )

    plain = arrow.with_plain_numbers(table)

    assert plain.schema.types == [pa.int64(), pa.float64()]
    assert arrow.table_of(plain).rows == [(7, 0.5), (None, 2.0)]


def test_a_sum_beyond_64_bits_keeps_every_digit():
    table = arrow.table_of(
        arrow.with_plain_numbers(pa.table({"sum": pa.array([Decimal(2**100)], pa.decimal128(38, 0))}))
    )

    assert render.text(table.rows[0][0]) == str(2**100)
    assert plain.jsonable(table.rows[0][0]) == 2**100


def test_columns_of_one_name_are_numbered():
    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_1"])

    assert arrow.with_plain_numbers(table).column_names == ["a", "a_1", "a_1_1"]
