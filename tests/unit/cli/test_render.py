from datetime import date, datetime

import pytest

from flor.cli import render
from flor.query import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "True"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("nan"), "nan"),
        (2**200, str(2**200)),
        (datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02 03:04:05.000000"),
        (date(2026, 1, 2), "2026-01-02"),
        ([1, None, float("inf")], '[1, null, "Infinity"]'),
        ({"layers": (2, 3)}, '{"layers": [2, 3]}'),
        (b"\x00\xff", "AP8="),
    ],
)
def test_text_is_the_value_in_full_precision(value, expected):
    assert render.text(value) == expected


def test_an_integer_too_long_for_decimal_is_written_in_hexadecimal():
    assert render.text(1 << 20_000).startswith("0x1000")
    assert render.dumps([1 << 20_000]).startswith('["0x1000')


def test_json_writes_not_finite_floats_as_strings_and_times_in_iso_form():
    values = {"loss": [float("nan"), float("-inf")], "when": datetime.fromisoformat("2026-01-02"), 3: "three"}

    assert plain.jsonable(values) == {
        "loss": ["NaN", "-Infinity"],
        "when": "2026-01-02T00:00:00.000000",
        "3": "three",
    }


def test_a_cell_cannot_steer_the_terminal():
    assert render.short("\x1b[31mred\x07") == "\\x1b[31mred\\x07"


def test_text_is_cut_at_the_width_it_takes_on_a_terminal():
    assert render.shortened("損失関数", 5) == "損失…"
    assert render.shortened("loss", 4) == "loss"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, ""), (0.04, "40ms"), (12.34, "12.3s"), (59.96, "1m 00s"), (3_725, "1h 02m"), (200_000, "2d 07h")],
)
def test_durations_are_read_at_a_glance(seconds, expected):
    assert render.duration(seconds) == expected


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_960, "1.0 MB"), (2.5e15, "2500.0 TB")],
)
def test_sizes_are_read_at_a_glance(size_bytes, expected):
    assert render.size(size_bytes) == expected


def test_counted_nouns_agree_in_number():
    assert [render.counted(1, "run"), render.counted(2, "run"), render.counted(1200, "copy")] == [
        "1 run",
        "2 runs",
        "1,200 copies",
    ]
