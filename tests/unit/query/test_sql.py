import os
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from flor.entities import Source
from flor.errors import FlorWarning, QueryError
from flor.query.sql import query
from unit.query.given import START, Given, Logged, a_chunk, a_run

ODD = 'it\'s "quoted"; DROP TABLE logs; --\n é 学 ' + "x" * 10_000


@pytest.fixture
def catalog():
    """Two runs, each with two epochs of a loss; the second is told apart by a text."""
    runs = [a_run(1, args={"lr": 0.1}), a_run(2, args={"lr": 0.2})]
    records = [
        [
            Logged("lr", run.args["lr"], source=Source.ARG),
            Logged("loss", 1.0, "epoch", (1,)),
            Logged("loss", 0.5 if run is runs[0] else float("nan"), "epoch", (2,)),
            Logged(ODD, number, "epoch", (2,)),
            Logged("mixed", number if number == 1 else "a", "epoch", (2,)),
            Logged("numbers", number if number == 1 else 0.5, "epoch", (2,)),
        ]
        for number, run in enumerate(runs, 1)
    ]
    return Given(tuple(runs), (a_chunk(runs, records, [{"epoch": "index"}] * 2),))


def ask(catalog, sql):
    return query(catalog, sql, None)


def texts(sql):
    return "'" + sql.replace("'", "''") + "'"


def test_the_result_is_a_frame(catalog):
    frame = ask(catalog, "SELECT run, value_float FROM logs WHERE name = 'loss' ORDER BY run, seq")

    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["run", "value_float"]
    assert frame["value_float"].tolist()[:3] == [1.0, 0.5, 1.0]
    assert np.isnan(frame["value_float"].tolist()[3])


def test_integers_stay_integers_with_gaps_and_in_sums(catalog):
    frame = ask(catalog, "SELECT value_int, sum(value_int) OVER () AS total, count(*) OVER () AS n FROM logs")

    assert str(frame["value_int"].dtype) == "Int64"
    assert [str(frame[name].dtype) for name in ("total", "n")] == ["int64", "int64"]
    assert ask(catalog, "SELECT sum(value_int) FROM logs WHERE name = 'none'").iloc[0, 0] is pd.NA


def test_sums_beyond_64_bits_are_floats(catalog):
    assert ask(catalog, "SELECT 2::HUGEINT ** 0 + (9223372036854775807)::HUGEINT AS x").iloc[0, 0] == 2.0**63
    frame = ask(catalog, "SELECT 9223372036854775807::HUGEINT + 1 AS x, 1::HUGEINT AS x")
    assert frame.iloc[0].tolist() == [2.0**63, 1.0]


def test_one_statement_in_any_form_that_reads(catalog):
    for sql in (
        "SELECT 1;",
        "VALUES (1), (2)",
        "FROM runs",
        "TABLE args",
        "WITH a AS (SELECT * FROM args) SELECT * FROM a UNION ALL SELECT * FROM a",
        "SHOW TABLES",
        "DESCRIBE logs",
        "SUMMARIZE args",
        "SELECT * FROM (SELECT run FROM runs) JOIN args USING (run) -- and a remark",
    ):
        assert len(ask(catalog, sql)) > 0


def test_all_tables_are_shown(catalog):
    tables = ask(catalog, "SHOW TABLES")["name"].tolist()

    assert tables == ["args", "checkpoints", "files", "git", "logs", "loops", "replays", "runs", "versions"]
    assert ask(catalog, "DESCRIBE git")["column_name"].tolist() == ["vid", "filename", "contents"]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{tmp}/out.csv'",
        "COPY runs FROM '{tmp}/secret.csv'",
        "EXPORT DATABASE '{tmp}/out'",
        "ATTACH '{tmp}/out.db'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE OR REPLACE VIEW runs AS SELECT 1",
        "INSERT INTO runs SELECT * FROM runs",
        "DROP VIEW runs",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 1",
        "RESET threads",
        "SET enable_external_access = true",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{tmp}/out.csv'",
        "BEGIN",
        "PREPARE a AS SELECT 1",
        "USE temp",
    ],
)
def test_a_statement_that_does_not_read_is_refused(catalog, tmp_path, sql):
    (tmp_path / "secret.csv").write_text("a\n1\n")

    with pytest.raises(QueryError, match="Only SELECT"):
        ask(catalog, sql.format(tmp=tmp_path))

    assert os.listdir(tmp_path) == ["secret.csv"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{tmp}/secret.csv'",
        "SELECT * FROM read_csv('{tmp}/secret.csv')",
        "SELECT * FROM read_text('{tmp}/secret.csv')",
        "SELECT * FROM read_blob('{tmp}/*')",
        "SELECT * FROM read_json('{tmp}/secret.csv')",
        "SELECT * FROM read_parquet('{tmp}/secret.csv')",
        "SELECT * FROM sniff_csv('{tmp}/secret.csv')",
        "SELECT * FROM glob('{tmp}/*')",
        "SELECT * FROM read_csv('https://example.org/a.csv')",
        "SELECT * FROM query('SELECT * FROM git')",
        "SELECT * FROM query_table('git')",
        "SELECT * FROM json_execute_serialized_sql('{{}}')",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM pandas_scan(1)",
        "SELECT * FROM catalog",
        "SELECT getenv('HOME')",
    ],
)
def test_nothing_but_the_tables_is_read(catalog, tmp_path, sql):
    (tmp_path / "secret.csv").write_text("secret\n1\n")

    with pytest.raises(QueryError) as caught:
        ask(catalog, sql.format(tmp=tmp_path))

    assert "secret\n1" not in str(caught.value)


@pytest.mark.parametrize(
    "sql", ["", ";", "-- nothing", "SELECT 1; SELECT 2", "SELECT ?", "SELECT $name", "SELEC 1"]
)
def test_anything_but_one_whole_statement_is_refused(catalog, sql):
    with pytest.raises(QueryError):
        ask(catalog, sql)


def test_an_error_says_what_there_is_instead(catalog):
    with pytest.raises(QueryError, match=r"no table 'log'\.\nClosest: logs"):
        ask(catalog, "SELECT * FROM log")
    with pytest.raises(QueryError, match=r"no table 'x'\.\nThere are: runs, args, logs, loops"):
        ask(catalog, "SELECT * FROM x")
    with pytest.raises(QueryError, match=r"no column 'valu_float'\.\nClosest: value_float"):
        ask(catalog, "SELECT valu_float FROM logs")
    with pytest.raises(QueryError, match=r"no column 'nam'\.\nClosest: name"):
        ask(catalog, "SELECT l.nam FROM logs l")
    with pytest.raises(QueryError, match=r"single quotes: 'adam'"):
        ask(catalog, 'SELECT * FROM logs WHERE name = "loss"')
    with pytest.raises(QueryError, match="Function with name flor does not exist"):
        ask(catalog, "SELECT flor(1)")
    with pytest.raises(QueryError, match="Could not convert string 'a' to INT"):
        ask(catalog, "SELECT CAST('a' AS INT)")


def test_a_local_variable_is_no_table(catalog):
    frame = pd.DataFrame({"a": [1]})

    with pytest.raises(QueryError, match="no table 'frame'"):
        ask(catalog, "SELECT * FROM frame")
    assert len(frame) == 1


def test_nothing_is_written_where_the_user_works(catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    ask(catalog, "SELECT * FROM range(1000000) ORDER BY hash(range)")

    assert os.listdir(tmp_path) == []


def test_a_data_frame_as_a_table(catalog):
    frame = ask(catalog, "SELECT * FROM dataframe('loss', 'lr')")

    assert list(frame.columns) == ["projid", "tstamp", "filename", "epoch", "epoch_value", "loss", "lr"]
    assert frame["epoch"].tolist() == [1, 2, 1, 2]
    assert frame["lr"].tolist() == [0.1, 0.1, 0.2, 0.2]
    assert frame["tstamp"].tolist()[0] == pd.Timestamp(START.replace(hour=13))


def test_several_data_frames_in_one_statement(catalog):
    frame = ask(
        catalog,
        """
        WITH rates AS (SELECT tstamp, lr FROM dataframe('lr'))
        SELECT rates.lr, min(dataframe.loss) AS best, (SELECT count(*) FROM DATAFRAME('loss') AS d(p, t)) AS n
        FROM dataframe('loss') JOIN rates USING (tstamp) GROUP BY rates.lr ORDER BY rates.lr
        """,
    )

    assert frame.to_dict("list") == {"lr": [0.1, 0.2], "best": [0.5, 1.0], "n": [4, 4]}


def test_a_data_frame_of_everything_at_run_level(catalog):
    assert ask(catalog, "SELECT lr FROM dataframe() ORDER BY lr")["lr"].tolist() == [0.1, 0.2]


def test_any_name_can_be_asked_for(catalog):
    frame = ask(catalog, f"SELECT * FROM dataframe({texts(ODD)})")
    assert frame[ODD].tolist() == [1, 2]

    quoted = ODD.replace('"', '""')
    frame = ask(catalog, f'SELECT d."{quoted}" AS x FROM dataframe("{quoted}") d WHERE "{quoted}" > 1')
    assert frame["x"].tolist() == [2]

    frame = ask(catalog, f"SELECT value_int FROM logs WHERE name = {texts(ODD)} ORDER BY ALL")
    assert frame["value_int"].tolist() == [1, 2]


def test_gaps_and_nan_are_told_apart(catalog):
    frame = ask(
        catalog, "SELECT loss IS NULL AS gap, isnan(loss) AS nan FROM dataframe('loss', 'mixed') ORDER BY ALL"
    )

    assert frame["gap"].tolist() == [False] * 4
    assert frame["nan"].tolist() == [False, False, False, True]


def test_mixed_columns_are_text_and_numbers_are_floats(catalog):
    frame = ask(catalog, "SELECT mixed, numbers FROM dataframe('mixed', 'numbers')")

    assert frame["mixed"].tolist() == ["1", "a"]
    assert frame["numbers"].tolist() == [1.0, 0.5]


def test_names_that_differ_in_case_only_get_a_number():
    run = a_run(1)
    catalog = Given((run,), (a_chunk([run], [[Logged("Loss", 1), Logged("loss", 2)]]),))

    frame = ask(catalog, "SELECT * FROM dataframe('Loss', 'loss')")

    assert frame[["Loss", "loss_1"]].to_numpy().tolist() == [[1, 2]]


def test_a_name_that_nobody_logged_gives_no_rows_and_a_warning(catalog):
    with pytest.warns(FlorWarning, match=r"Nobody logged 'los'\. Closest: loss"):
        frame = ask(catalog, "SELECT * FROM dataframe('los')")

    assert len(frame) == 0
    assert "los" in frame.columns


@pytest.mark.parametrize("arguments", ["1", "'loss', NULL", "'lo' || 'ss'", "names := 'loss'", "['loss']"])
def test_a_data_frame_takes_names_only(catalog, arguments):
    with pytest.raises(QueryError):
        ask(catalog, f"SELECT * FROM dataframe({arguments})")


def test_a_store_without_runs_has_all_tables():
    empty = Given(())

    for table in ("runs", "args", "logs", "loops", "versions", "git", "files", "dataframe()"):
        assert len(ask(empty, f"SELECT * FROM {table}")) == 0


def test_times_are_without_a_zone(catalog):
    frame = ask(
        catalog, "SELECT max(tstamp) AS t, max(wall_time) AS w FROM logs WHERE tstamp < '2026-01-31 14:00'"
    )

    assert [str(kind) for kind in frame.dtypes] == ["datetime64[us]", "datetime64[us]"]
    assert frame["t"][0].to_pydatetime() == datetime(2026, 1, 31, 13, 0, 0, 123456)
