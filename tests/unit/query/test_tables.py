import json
import subprocess
from datetime import date, datetime

import numpy as np
import pytest

from flor.entities import BlobReference, Source, Status
from flor.query.sql import query
from flor.snapshots.repository import Repository
from unit.query.given import Given, Logged, a_chunk, a_run

ODD = 'it\'s "odd"/\n é ' + "x" * 10_000


def loop(value, path, *it):
    return Logged(None, value, path, it, Source.LOOP)


def ask(catalog, sql, repository=None):
    return query(catalog, sql, repository)


def cells(catalog, sql):
    """The result as rows, a missing cell as None."""
    frame = ask(catalog, sql)
    return [
        tuple(row)
        for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    ]


def test_runs_are_listed_with_their_arguments_and_last_values_as_json():
    values = {
        "nan": float("nan"),
        "list": [1, float("-inf"), "é"],
        "time": datetime(2026, 1, 31),
        "bytes": b"a",
        "blob": BlobReference("ab", (2, 3), "float32", "npy", 24),
    }
    runs = (
        a_run(1, args={"lr": 0.1, ODD: None}, values=values, version="c0ffee", rank_count=2),
        a_run(2, status=Status.RUNNING, duration_s=None),
    )

    frame = ask(Given(runs), "SELECT * FROM runs")

    assert list(frame.columns) == [
        "run",
        "projid",
        "tstamp",
        "filename",
        "status",
        "rank_count",
        "duration_s",
        "args",
        "values",
        "version",
    ]
    assert frame["status"].tolist() == ["finished", "running"]
    assert frame["rank_count"].tolist() == [2, 1]
    assert json.loads(frame["args"][0]) == {"lr": 0.1, ODD: None}
    assert json.loads(frame["values"][0]) == {
        "nan": "NaN",
        "list": [1, "-Infinity", "é"],
        "time": "2026-01-31T00:00:00.000000",
        "bytes": "YQ==",
        "blob": {"hash": "ab", "shape": [2, 3], "dtype": "float32", "format": "npy", "size_bytes": 24},
    }
    assert cells(Given(runs), 'SELECT version, duration_s, "values" FROM runs')[1] == (None, None, "{}")
    assert cells(Given(runs), "SELECT args ->> 'lr' FROM runs WHERE run LIKE '%1'") == [("0.1",)]


def test_names_of_files_that_are_no_text_can_be_queried():
    run = a_run(1, filename="caf\udce9.py", args={"path": "\udce9"})

    assert cells(Given((run,)), "SELECT filename FROM runs") == [("caf\\udce9.py",)]
    assert len(cells(Given((run,)), "SELECT * FROM args")) == 1


def test_arguments_are_rows_with_their_values_as_text():
    args = {"lr": 1e-5, "n": 3, "big": 2**200, "flag": True, "none": None, "names": ["a", 1.0], ODD: "it's"}
    catalog = Given((a_run(1, args=args), a_run(2, args={"lr": float("inf")})))

    assert cells(catalog, "SELECT name, value FROM args WHERE run LIKE '%1'") == [
        ("lr", "1e-05"),
        ("n", "3"),
        ("big", str(2**200)),
        ("flag", "true"),
        ("none", None),
        ("names", '["a",1.0]'),
        (ODD, "it's"),
    ]
    assert cells(catalog, "SELECT value FROM args WHERE run LIKE '%2'") == [("inf",)]


VALUES = [
    (0.1, "0.1", 0.1, None, "float"),
    (5e-324, "5e-324", 5e-324, None, "float"),
    (1e22, "1e+22", 1e22, None, "float"),
    (-0.0, "-0.0", -0.0, None, "float"),
    (float("inf"), "inf", float("inf"), None, "float"),
    (3, "3", 3.0, 3, "int"),
    (2**200, str(2**200), float(2**200), None, "int"),
    (True, "true", None, 1, "bool"),
    (None, None, None, None, "null"),
    ("3", "3", None, None, "text"),
    (b"a", "YQ==", None, None, "bytes"),
    ([1, float("nan"), b"a"], '[1,"NaN","YQ=="]', None, None, "json"),
    ({"a": "é"}, '{"a":"é"}', None, None, "json"),
    ('{"__flor__": 1}', '{"__flor__": 1}', None, None, "text"),
    (datetime(2026, 1, 31, 12), "2026-01-31T12:00:00", None, None, "datetime"),
    (date(2026, 1, 31), "2026-01-31", None, None, "date"),
]


@pytest.mark.parametrize(("value", "text", "number", "integer", "kind"), VALUES)
def test_a_logged_value_as_text_and_number(value, text, number, integer, kind):
    run = a_run(1)
    catalog = Given((run,), (a_chunk([run], [[Logged("x", value), Logged("y", 1.5), Logged("z", "t")]]),))

    [row] = cells(catalog, "SELECT value, value_float, value_int, kind FROM logs WHERE name = 'x'")

    assert repr(row) == repr((text, number, integer, kind))


def test_nan_is_kept_as_a_number():
    run = a_run(1)
    catalog = Given((run,), (a_chunk([run], [[Logged("x", float("nan")), Logged("x", "a")]]),))

    frame = ask(catalog, "SELECT value, value_float IS NULL AS gap, isnan(value_float) AS nan FROM logs")

    assert frame["value"].tolist() == ["nan", "a"]
    assert frame["gap"].tolist() == [False, True]
    assert frame["nan"].fillna(False).tolist() == [True, False]


def test_records_have_their_run_place_and_time():
    runs = [a_run(1, projid="a"), a_run(2, projid="b", filename="eval.py")]
    records = [
        [Logged("lr", 0.1, source=Source.ARG), Logged("x", 1, "epoch", (2,), Source.REPLAY)],
        [Logged("x", 2, rank=1, process=7), loop("a", "epoch", 1)],
    ]
    catalog = Given(tuple(runs), (a_chunk(runs, records),))

    frame = ask(catalog, "SELECT * EXCLUDE (ctx_id, value_float, value_int, wall_time) FROM logs")

    tstamps = [runs[0].tstamp, runs[0].tstamp, runs[1].tstamp]
    assert [time.to_pydatetime() for time in frame.pop("tstamp")] == tstamps
    assert frame.to_numpy().tolist() == [
        ["a", "train.py", runs[0].run, 0, 0, "", "lr", "0.1", "float", "arg", 1],
        ["a", "train.py", runs[0].run, 0, 0, "epoch", "x", "1", "int", "replay", 2],
        ["b", "eval.py", runs[1].run, 1, 7, "", "x", "2", "int", "log", 1],
    ]
    assert ask(catalog, "SELECT wall_time FROM logs")["wall_time"][0].to_pydatetime() == datetime(
        2025, 6, 15, 15, 6, 40, 1000
    )


def test_the_columns_of_logs():
    assert ask(Given(()), "DESCRIBE logs")[["column_name", "column_type"]].to_numpy().tolist() == [
        ["projid", "VARCHAR"],
        ["tstamp", "TIMESTAMP"],
        ["filename", "VARCHAR"],
        ["run", "VARCHAR"],
        ["rank", "INTEGER"],
        ["process", "BIGINT"],
        ["ctx_id", "BIGINT"],
        ["path", "VARCHAR"],
        ["name", "VARCHAR"],
        ["value", "VARCHAR"],
        ["value_float", "DOUBLE"],
        ["value_int", "BIGINT"],
        ["kind", "VARCHAR"],
        ["source", "VARCHAR"],
        ["seq", "BIGINT"],
        ["wall_time", "TIMESTAMP"],
    ]


def test_sealed_and_live_records_stand_together():
    """A run may have a sealed part and a journal, with dictionaries of their own."""
    runs = [a_run(1), a_run(2, status=Status.RUNNING)]
    sealed = a_chunk(runs, [[Logged("a", 1, "epoch", (1,))], [Logged("b", 2, "epoch", (1,))]])
    live = a_chunk([runs[1]], [[Logged("c", 3, "step", (1,)), Logged("b", 4, "epoch", (1,))]])
    table = live.table
    for name in ("name", "path", "kind", "source"):
        column = (
            table[name]
            .cast("string")
            .combine_chunks()
            .dictionary_encode()
            .cast(table.schema.field(name).type)
        )
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    catalog = Given(tuple(runs), (sealed, type(live)(live.runs, table, live.loops)))

    assert cells(catalog, "SELECT run[16:], name, path, value_int FROM logs ORDER BY value_int") == [
        ("1", "a", "epoch", 1),
        ("2", "b", "epoch", 2),
        ("2", "c", "step", 3),
        ("2", "b", "epoch", 4),
    ]
    assert cells(catalog, "SELECT run[16:], loop_name FROM loops ORDER BY ALL") == [
        ("1", "epoch"),
        ("2", "epoch"),
        ("2", "step"),
    ]


@pytest.fixture
def nested():
    """Two documents, each with training and test steps, of which step 2 is the first with a value."""
    run = a_run(1)
    records = [
        one
        for doc in (1, 2)
        for one in (
            loop(f"doc {doc}", "document", doc),
            Logged("loss", 0.5, "document/step", (doc, 2)),
            Logged("loss", 0.4, "document/step", (doc, 3)),
            loop(None, "document/step#2", doc, 1),
            Logged("acc", 0.9, "document/step#2", (doc, 1)),
        )
    ]
    loops = {"document": "none", "document/step": "index", "document/step#2": "index"}
    return Given((run,), (a_chunk([run], [[Logged("lr", 0.1), *records]], [loops]),))


def test_loops_are_the_contexts_that_hold_a_value_and_all_around(nested):
    assert cells(nested, "SELECT loop_name, iteration, value FROM loops") == [
        ("document", 1, "doc 1"),
        ("step", 2, "1"),
        ("step", 3, "2"),
        ("step", 1, None),
        ("document", 2, "doc 2"),
        ("step", 2, "1"),
        ("step", 3, "2"),
        ("step", 1, None),
    ]


def test_contexts_lead_from_a_record_outwards(nested):
    assert cells(
        nested,
        """
        SELECT logs.value_float, step.iteration, document.value, document.parent_ctx_id
        FROM logs JOIN loops step USING (run, ctx_id)
        JOIN loops document ON document.ctx_id = step.parent_ctx_id
        WHERE name = 'loss' ORDER BY seq
        """,
    ) == [
        (0.5, 2, "doc 1", None),
        (0.4, 3, "doc 1", None),
        (0.5, 2, "doc 2", None),
        (0.4, 3, "doc 2", None),
    ]


def test_an_iterated_value_of_any_kind_is_text():
    run = a_run(1)
    records = [
        [
            one
            for at, (value, *_) in enumerate(VALUES, 1)
            for one in (loop(value, "v", at), Logged("x", 1, "v", (at,)))
        ]
    ]
    catalog = Given((run,), (a_chunk([run], records, [{"v": "none"}]),))

    assert [value for (value,) in cells(catalog, "SELECT value FROM loops")] == [
        text for _, text, *_ in VALUES
    ]


def test_names_of_loops_are_any_text():
    run = a_run(1)
    escaped = ODD.replace("%", "%25").replace("/", "%2F").replace("#", "%23")
    catalog = Given((run,), (a_chunk([run], [[Logged("x", 1, f"{escaped}#3", (1,))]]),))

    assert cells(catalog, "SELECT loop_name, value FROM loops") == [(ODD, None)]


def test_contexts_of_runs_ranks_and_processes_differ():
    runs = [a_run(1), a_run(2)]
    places = [
        Logged("x", 1, path, it, rank=rank, process=process)
        for path, it in (
            ("", ()),
            ("e", (1,)),
            ("e", (2,)),
            ("e#2", (1,)),
            ("e/e", (1, 1)),
            ("e/e", (2, 1)),
            ("e/e", (1, 2)),
        )
        for rank in (0, 1)
        for process in (0, 1)
    ]
    catalog = Given(tuple(runs), (a_chunk(runs, [places, places + places]),))

    frame = ask(catalog, "SELECT run, ctx_id FROM logs")

    assert frame["ctx_id"].nunique() == 2 * len(places)
    assert len(ask(catalog, "FROM loops")) == ask(catalog, "SELECT DISTINCT ctx_id FROM loops").shape[0]
    assert frame["ctx_id"].dtype == np.int64


def test_a_context_has_the_same_number_in_every_query():
    run, other = a_run(1), a_run(2)
    few = Given((run,), (a_chunk([run], [[Logged("x", 1, "a/b", (1, 2))]]),))
    many = Given(
        (other, run),
        (
            a_chunk(
                [other, run], [[Logged("y", 1, "c", (1,))], [Logged("z", 0), Logged("x", 1, "a/b", (1, 2))]]
            ),
        ),
    )
    sql = f"SELECT ctx_id FROM logs WHERE name = 'x' AND run = '{run.run}'"

    assert cells(few, sql) == cells(many, sql)


def test_files_that_a_run_read_and_wrote():
    read = {"data/a.csv": {"size": 1, "mtime_ns": 2, "sha256": "abc"}, "rw": {"size": 1, "mtime_ns": 2}}
    written = {"model é.pt": {"size": 3}, "rw": {"size": None}, "state": {"size": 4, "is_read": True}}
    catalog = Given((a_run(1, files={"inputs": read, "outputs": written}), a_run(2)))

    assert cells(catalog, "SELECT path, mode, sha256 FROM files") == [
        ("data/a.csv", "r", "abc"),
        ("model é.pt", "w", None),
        ("rw", "r", None),
        ("rw", "w", None),
        ("state", "wr", None),
    ]


@pytest.fixture
def repository(tmp_path):
    """A shadow branch with two versions of three files, one of which is no text."""

    def git(*arguments):
        command = ["git", "-c", "user.name=ada", "-c", "user.email=ada@localhost", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("lr = 1\n")
    (tmp_path / "same é.txt").write_text("the same")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0")
    git("add", "-A")
    git("commit", "-q", "-m", "FLOR::Snapshot")
    (tmp_path / "train.py").write_text("lr = 2\n")
    git("commit", "-q", "-a", "-m", "FLOR::Auto-commit::2026-01-31 13:00:00.123456\n\nFlor-Run: 1")
    git("branch", "flor.shadow")
    return Repository(tmp_path, tmp_path, tmp_path / ".git", tmp_path / ".git")


def test_versions_and_their_files_come_from_git(repository):
    versions = ask(Given(()), "SELECT * FROM versions", repository)
    contents = ask(Given(()), "SELECT vid, filename, contents FROM git ORDER BY ALL", repository)

    first, second = versions["vid"].tolist()
    assert list(versions.columns) == ["tstamp", "vid", "parent"]
    assert versions["parent"].isna().tolist() == [True, False]
    assert versions["parent"][1] == first
    assert versions["tstamp"][1].to_pydatetime() == datetime(2026, 1, 31, 13, 0, 0, 123456)
    found = {(row.vid, row.filename): row.contents for row in contents.itertuples()}
    assert found[first, "train.py"] == "lr = 1\n"
    assert found[second, "train.py"] == "lr = 2\n"
    assert found[first, "same é.txt"] == found[second, "same é.txt"] == "the same"
    assert contents[contents["filename"] == "logo.png"]["contents"].isna().all()
    assert len(contents) == 6


def test_code_is_joined_with_runs(repository):
    versions = ask(Given(()), "SELECT vid FROM versions", repository)["vid"].tolist()
    catalog = Given((a_run(1, version=versions[1]),))

    frame = ask(
        catalog,
        "SELECT contents FROM runs JOIN git ON git.vid = runs.version AND git.filename = runs.filename",
        repository,
    )

    assert frame["contents"].tolist() == ["lr = 2\n"]


def test_git_is_read_only_where_the_statement_names_it(tmp_path):
    nowhere = Repository(tmp_path, tmp_path, tmp_path / ".git", tmp_path / ".git")

    assert len(ask(Given((a_run(1),)), "SELECT * FROM runs", nowhere)) == 1
    assert len(ask(Given(()), "DESCRIBE git", nowhere)) == 3
