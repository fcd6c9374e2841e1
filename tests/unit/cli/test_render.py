from datetime import date, datetime

import pytest

from flor.cli import render
from flor.cli.render import Table


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

    assert render.jsonable(values) == {
        "loss": ["NaN", "-Infinity"],
        "when": "2026-01-02T00:00:00.000000",
        "3": "three",
    }


def test_piped_rows_stay_one_a_line_whatever_their_cells_hold():
    table = Table(("name", "value"), [("a\tb", "one\ntwo"), ("c", None)])

    assert list(render.tab_separated(table)) == ["name\tvalue", "a\\tb\tone\\ntwo", "c\t"]


def test_numbers_stand_right_and_text_left():
    table = Table(("script", "loss"), [("train.py", 0.51118373), ("a.py", 12)])

    assert render.aligned(table, 80) == [
        "script        loss",
        "train.py  0.511184",
        "a.py            12",
    ]


def test_the_widest_text_is_cut_before_any_number():
    table = Table(("arguments", "loss"), [("hidden=500 lr=0.001 seed=7 device=cpu", 0.125)])

    lines = render.aligned(table, 30)

    assert lines[1] == "hidden=500 lr=0.001 se…  0.125"


def test_columns_are_left_out_of_the_middle_where_a_terminal_is_too_narrow():
    names = tuple(f"metric_{n}" for n in range(12))
    table = Table(names, [tuple(n + 0.5 for n in range(12))])

    header, row = render.aligned(table, 60)

    assert len(header) <= 60
    assert header.startswith("metric_0")
    assert header.endswith("metric_11")
    assert "  …  " in row


def test_wide_characters_keep_columns_aligned():
    table = Table(("name", "n"), [("損失", 1), ("loss", 2)])

    assert render.aligned(table, 80) == ["name  n", "損失  1", "loss  2"]


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
