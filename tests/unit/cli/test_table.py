from flor.cli.table import Table


def test_piped_rows_stay_one_a_line_whatever_their_cells_hold():
    table = Table(("name", "value"), [("a\tb", "one\ntwo"), ("c", None)])

    assert list(table.tab_separated()) == ["name\tvalue", "a\\tb\tone\\ntwo", "c\t"]


def test_numbers_stand_right_and_text_left():
    table = Table(("script", "loss"), [("train.py", 0.51118373), ("a.py", 12)])

    assert table.aligned(80) == [
        "script        loss",
        "train.py  0.511184",
        "a.py            12",
    ]


def test_the_widest_text_is_cut_before_any_number():
    table = Table(("arguments", "loss"), [("hidden=500 lr=0.001 seed=7 device=cpu", 0.125)])

    lines = table.aligned(30)

    assert lines[1] == "hidden=500 lr=0.001 se…  0.125"


def test_columns_are_left_out_of_the_middle_where_a_terminal_is_too_narrow():
    names = tuple(f"metric_{n}" for n in range(12))
    table = Table(names, [tuple(n + 0.5 for n in range(12))])

    header, row = table.aligned(60)

    assert len(header) <= 60
    assert header.startswith("metric_0")
    assert header.endswith("metric_11")
    assert "  …  " in row


def test_a_column_that_matters_less_is_left_out_before_the_middle():
    table = Table(("a", "b", "status", "took", "c"), [("left " * 9, "b" * 40, "finished", 12.5, 1.25)])
    kept = Table(table.columns, table.rows, spare="took")

    assert "finished" not in table.aligned(38)[1]
    assert kept.aligned(38)[1] == "left le…  bbbbbbbb…  finished  …  1.25"


def test_wide_characters_keep_columns_aligned():
    table = Table(("name", "n"), [("損失", 1), ("loss", 2)])

    assert table.aligned(80) == ["name  n", "損失  1", "loss  2"]
