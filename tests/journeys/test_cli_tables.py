"""`flor dataframe` and `flor query`: piped, on a terminal, as JSON, CSV and Parquet."""

import csv
import json
import subprocess
import sys

import pandas as pd
import pytest

from journeys.cli_user import CliUser

ODD = """import flor

flor.log("bad", float("nan"))
flor.log("big", 2**200)
flor.log("text", 'two\\nlines\\tand a tab, "quoted"')
flor.log("list", [1, (2, None), {"a": float("-inf")}])
flor.log("a, b", 3)
flor.log("third", 1 / 3)
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """Someone with two runs. (Not to be changed.)"""
    user = CliUser.with_repository(tmp_path_factory.mktemp("journey") / "project")
    user.train()
    user.train("lr=0.01")
    return user


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Someone whose script logs odd names and values. (Not to be changed.)"""
    user = CliUser.with_repository(tmp_path_factory.mktemp("odd") / "project")
    user.train()
    user.write("odd.py", ODD)
    user.train(script="odd.py")
    return user


def test_a_piped_data_frame_is_complete_in_full_precision(user):
    rows = user.rows("dataframe", "lr,loss")

    assert len(rows) == 24
    assert list(rows[0]) == [
        "projid",
        "tstamp",
        "filename",
        "epoch",
        "epoch_value",
        "step",
        "step_value",
        "lr",
        "loss",
    ]
    assert float(rows[2]["loss"]) == 0.1 / 3
    assert (rows[5]["epoch"], rows[5]["epoch_value"], rows[5]["step"], rows[5]["step_value"]) == (
        "2",
        "1",
        "2",
        "1",
    )


def test_names_may_come_as_several_arguments_too(user):
    assert user.flor("dataframe", "lr", "loss").stdout == user.flor("dataframe", "lr,loss").stdout


def test_a_name_with_a_comma_is_found_as_it_was_logged(odd):
    [row] = odd.json("dataframe", "a, b", "--where", "filename = 'odd.py'")

    assert row["a, b"] == 3


def test_where_keeps_the_rows_that_satisfy_it(user):
    rows = user.json("dataframe", "loss", "--where", "lr < 0.05 AND epoch >= 3")

    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert {row["epoch"] for row in rows} == {3}


def test_json_is_one_object_a_row_with_its_types(odd):
    [row] = odd.json("dataframe", "bad", "big", "text", "list", "third")

    assert row["bad"] == "NaN"
    assert row["big"] == 2**200
    assert row["text"] == 'two\nlines\tand a tab, "quoted"'
    assert row["list"] == [1, [2, None], {"a": "-Infinity"}]
    assert row["third"] == 1 / 3


def test_a_gap_is_null_and_no_nan(odd):
    trained, strange = odd.json("dataframe", "lr", "bad")

    assert (trained["lr"], trained["bad"]) == (0.1, None)
    assert (strange["lr"], strange["bad"]) == (None, "NaN")
    assert [row["bad"] for row in odd.rows("dataframe", "lr", "bad")] == ["", "nan"]


def test_a_piped_row_is_one_line_whatever_it_holds(odd):
    [row] = odd.rows("dataframe", "text")

    assert row["text"] == 'two\\nlines\\tand a tab, "quoted"'


def test_csv_holds_all_rows_and_reads_back(odd, tmp_path):
    path = tmp_path / "all.csv"

    done = odd.flor("dataframe", "text,third", "--csv", str(path))

    assert (done.returncode, done.stdout) == (0, "")
    with path.open(newline="") as file:
        [row] = csv.DictReader(file)
    assert row["text"] == 'two\nlines\tand a tab, "quoted"'
    assert float(row["third"]) == 1 / 3
    assert (
        odd.flor("dataframe", "third", "--csv", "-").stdout.splitlines()[0] == "projid,tstamp,filename,third"
    )


def test_parquet_keeps_types_and_writes_what_it_has_no_type_for_as_text(odd, tmp_path):
    path = tmp_path / "all.parquet"

    assert odd.flor("dataframe", "lr", "loss", "list", "--parquet", str(path)).returncode == 0

    frame = pd.read_parquet(path)
    assert frame["loss"].dtype == "float64"
    assert frame["tstamp"].dtype == "datetime64[us]"
    assert frame["list"].iloc[-1] == '[1, [2, null], {"a": "-Infinity"}]'


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(user, tmp_path):
    done = user.flor("dataframe", "loss", "--csv", str(tmp_path / "nowhere" / "all.csv"))

    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_a_terminal_shows_the_newest_rows_aligned(user, tmp_path):
    own = user.copied(tmp_path)
    own.train("epochs=12")

    lines = own.terminal("dataframe", "loss", columns=140).splitlines()

    assert lines[-1] == "72 rows; all with --csv"
    assert len(lines) == 1 + 50 + 1
    assert len({len(line) for line in lines[:-1]}) == 1


def test_a_name_nobody_logged_is_a_hint_and_no_error(user):
    done = user.flor("dataframe", "los")

    assert done.returncode == 0
    assert done.stdout == "projid\ttstamp\tfilename\tlos\n"
    assert "loss" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_provenance_adds_where_a_value_came_from(user):
    [first, *_] = user.json("dataframe", "lr", "--provenance")

    assert (first["lr"], first["lr_source"]) == (0.1, "arg")


def test_a_query_sees_the_tables(user):
    rows = user.rows("query", "SELECT name, count(*) AS n FROM logs GROUP BY name ORDER BY name")

    assert rows == [
        {"name": "accuracy", "n": "6"},
        {"name": "epochs", "n": "2"},
        {"name": "loss", "n": "24"},
        {"name": "lr", "n": "2"},
    ]


def test_a_query_tells_null_from_nan_and_keeps_integers(user):
    sql = "SELECT sum(value_int) AS s, 'nan'::DOUBLE AS x, NULL::DOUBLE AS n, 1.5 AS d FROM logs"

    [row] = user.json("query", sql)

    assert row == {"s": 6, "x": "NaN", "n": None, "d": 1.5}


def test_two_columns_of_one_name_are_both_there(user):
    assert user.json("query", "SELECT 1 AS a, 2 AS a") == [{"a": 1, "a_1": 2}]


def test_a_query_reads_and_never_writes(user, tmp_path):
    target = tmp_path / "stolen.csv"

    done = user.flor("query", f"COPY (SELECT 1) TO '{target}'")

    assert done.returncode == 1
    assert not target.exists()


def test_sql_with_a_mistake_is_an_error_without_traceback(user):
    done = user.process("query", "SELEC 1")

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("dataframe", "loss"), ("runs",), ("query", "SELECT * FROM range(200000)")]
)
def test_a_reader_that_leaves_early_is_no_error(user, arguments):
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "_", sys.executable, "-m", "flor", *arguments],
        cwd=user.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_reading_makes_no_run_and_no_store(tmp_path):
    user = CliUser(tmp_path)

    assert user.json("dataframe") == []
    assert json.loads(user.flor("query", "SELECT count(*) AS n FROM runs", "--json").stdout) == [{"n": 0}]
    assert list(tmp_path.iterdir()) == []
