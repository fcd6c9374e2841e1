"""SQL over what real scripts recorded: sealed runs, a run that goes on, and their code."""

import subprocess
import sys

import pytest

import flor
from flor.errors import QueryError

TRAIN = """
import flor

lr = flor.arg("lr", 0.1)
for epoch in flor.loop("epoch", range(3)):
    for batch in flor.loop("step", ["a", "b"]):
        flor.log("loss", lr / (epoch + 1))
    flor.log("a \\"name\\" it's", epoch)
"""

SERVE = """
import sys, flor

with flor.iteration("request", None, "/index"):
    flor.log("status", 200)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two finished runs of a training script, the second with another version of it."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "train.py").write_text(TRAIN)
    run(tmp_path, "train.py")
    (tmp_path / "train.py").write_text(TRAIN + "# tuned\n")
    run(tmp_path, "train.py", "--kwargs", "lr=0.2")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, *arguments):
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)


def test_records_contexts_and_arguments_are_joined(project):
    frame = flor.query(
        """
        SELECT args.value AS lr, step.value AS batch, epoch.iteration, sum(value_float) AS loss
        FROM logs JOIN args USING (run) JOIN loops step USING (run, ctx_id)
        JOIN loops epoch ON epoch.ctx_id = step.parent_ctx_id
        WHERE logs.name = 'loss' AND args.name = 'lr' AND batch = 'b' GROUP BY ALL ORDER BY ALL
        """
    )

    assert frame["lr"].tolist() == ["0.1"] * 3 + ["0.2"] * 3
    assert frame["iteration"].tolist() == [1, 2, 3] * 2
    assert frame["loss"].tolist() == [0.1, 0.1 / 2, 0.1 / 3, 0.2, 0.2 / 2, 0.2 / 3]


def test_a_data_frame_in_sql_is_the_data_frame(project):
    expected = flor.dataframe("loss", "lr", where="lr > 0.1 and epoch >= 2")

    frame = flor.query("SELECT * FROM dataframe('loss', 'lr') WHERE lr > 0.1 AND epoch >= 2")

    assert frame.astype(object).values.tolist() == expected.astype(object).values.tolist()
    assert list(frame.columns) == list(expected.columns)
    assert len(frame) == 4


def test_names_with_quotes(project):
    frame = flor.query("""SELECT max("a ""name"" it's") AS last FROM dataframe('a "name" it''s')""")

    assert frame["last"].tolist() == [2]


def test_the_code_of_each_run(project):
    frame = flor.query(
        """
        SELECT contents FROM runs JOIN git ON vid = version AND git.filename = runs.filename
        ORDER BY runs.tstamp
        """
    )

    assert frame["contents"].tolist() == [TRAIN, TRAIN + "# tuned\n"]


def test_a_run_that_goes_on_is_among_the_others(project, monkeypatch):
    monkeypatch.setenv("FLOR_ECHO", "off")
    (project / "serve.py").write_text(SERVE)
    arguments = [sys.executable, "serve.py"]
    with subprocess.Popen(arguments, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        assert server.stdout.readline() == b"ready\n"

        frame = flor.query("SELECT DISTINCT filename, status FROM runs JOIN logs USING (run, filename)")
        live = flor.query("SELECT loop_name, iteration, value FROM loops WHERE loop_name = 'request'")

        server.communicate(b"")
    found = {(row.filename, row.status) for row in frame.itertuples()}
    assert found == {("train.py", "finished"), ("serve.py", "running")}
    assert live.to_numpy().tolist() == [["request", 1, "/index"]]


def test_sql_reads_nothing_else_and_writes_nothing(project):
    before = sorted(path for path in project.rglob("*") if ".flor" not in path.parts)

    with pytest.raises(QueryError, match="no file"):
        flor.query("SELECT * FROM read_text('train.py')")
    with pytest.raises(QueryError, match="Only SELECT"):
        flor.query("COPY runs TO 'runs.csv'")

    assert sorted(path for path in project.rglob("*") if ".flor" not in path.parts) == before


def test_the_function_stays_a_function_when_its_package_is_imported(project):
    for _ in range(2):
        assert len(flor.query("SELECT * FROM runs")) == 2
        assert len(flor.dataframe("lr")) == 2
