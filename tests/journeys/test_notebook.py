"""Notebooks: a run is what one pass through the cells has logged, with the cells as its code."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from flor.entities import Status
from flor.snapshots import history
from flor.snapshots.repository import locate
from journeys.notebook_user import NotebookUser, eventually

LOOP = "for epoch in flor.loop('epoch', range(2)):\n    flor.log('loss', 1 / (epoch + 1))"


@pytest.fixture
def user(tmp_path: Path) -> NotebookUser:
    return NotebookUser.with_repository(tmp_path / "project")


def test_the_cells_of_a_notebook_make_one_run_until_one_that_logged_is_executed_again(user) -> None:
    with user.kernel() as kernel:
        first = kernel.execute("import flor\nlr = flor.arg('lr', 0.1)", "a")
        kernel.execute(LOOP, "b")
        kernel.execute("x = lr * 2", "c")
        kernel.execute("x = lr * 3", "c")
        assert [run.status for run in user.runs()] == [Status.RUNNING]
        again = kernel.execute(LOOP.replace("1 /", "2 /"), "b")
        kernel.execute("flor.log('x', x)", "d")

    assert "Created branch flor.shadow" in first.text
    assert "Changes committed successfully." in again.text
    assert [run.status for run in user.runs()] == [Status.FINISHED] * 2
    assert [run.filename for run in user.runs()] == ["train.ipynb"] * 2
    assert user.frame("lr", "loss")["loss"].tolist() == [1.0, 0.5, 2.0, 1.0]
    assert user.values() == [{"loss": 0.5}, {"loss": 1.0, "x": pytest.approx(0.3)}]


def test_an_equal_cell_without_an_id_counts_as_the_same(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor")
        kernel.execute("flor.log('a', 1)")
        kernel.execute("flor.log('b', 1)")
        kernel.execute("flor.log('a', 1)")

    assert user.values() == [{"a": 1, "b": 1}, {"a": 1}]


def test_each_cells_end_adds_a_version_of_the_code_and_touches_nothing_of_the_users(user) -> None:
    status = user.git("status", "--porcelain", "--ignored")
    with user.kernel() as kernel:
        kernel.execute("import flor", "a")
        kernel.execute("flor.log('a', 1)", "b")
        assert user.cells() == ["import flor", "flor.log('a', 1)"]
        (user.folder / "helper.py").write_text("RATE = 0.7\n")
        kernel.execute("%time import helper", "c")
        assert user.cells() == ["import flor", "flor.log('a', 1)", "%time import helper"]
        assert user.git("show", "flor.shadow:helper.py") == "RATE = 0.7"
        kernel.execute("1 / 0", "d")
        kernel.execute("flor.log('b', 2)", "e")
        user.git("checkout", "--", "helper.py")

    assert user.git("status", "--porcelain", "--ignored") == f"{status}!! .flor/"
    assert not (user.folder / "train.cells.py").exists()
    [run] = user.runs()
    assert user.cells(run.version)[-2:] == ["1 / 0", "flor.log('b', 2)"]
    repository = locate(user.folder, {})
    subjects = [row.subject.rpartition("::")[0] for row in history.versions(repository)]
    assert subjects == ["FLOR"] * 4 + ["FLOR::Auto-commit"]
    assert [row.run for row in history.versions(repository)] == [None, *[run.run] * 4]
    assert history.closed_runs(repository) == {run.run}
    assert history.versions(repository)[-1].tree == run.tree


def test_a_commit_ends_the_run(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor\nflor.log('a', 1)\nflor.commit()\nflor.log('a', 2)", "a")
        kernel.execute("flor.commit()", "b")
        kernel.execute("flor.log('a', 3)", "c")

    assert user.values() == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_a_cell_that_raised_can_be_mended_and_the_run_ends_well(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor\nflor.log('a', 1)", "a")
        failed = kernel.execute("lr = flor.arg('lr', 0.1)\nfor i in flor.loop('i', range(3)): oops", "b")
        kernel.execute("lr = flor.arg('lr', 0.2)\nflor.log('b', lr)", "b")
        kernel.execute("syntax error", "c")

    assert failed.error == "NameError"
    [run] = user.runs()
    assert (run.status, run.values, run.args) == (Status.FINISHED, {"a": 1, "b": 0.2}, {"lr": 0.2})
    assert "i" not in user.frame("b")  # the loop that was left does not reach into the next cell


def test_after_an_interrupt_the_cell_begins_a_new_run(user) -> None:
    code = "import time\nfor i in flor.loop('i', range({})): flor.log('n', i); print('up'); time.sleep({})"
    with user.kernel() as kernel:
        kernel.execute("import flor", "a")
        request = kernel.start(code.format(100, 60), "b")
        kernel.wait_for("up")
        kernel.interrupt()
        assert kernel.result(request).error == "KeyboardInterrupt"
        kernel.execute(code.format(2, 0), "b")

    assert user.values() == [{"n": 0}, {"n": 1}]


def test_a_killed_kernel_loses_nothing_and_the_next_run_commits_for_it(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor", "a")
        kernel.execute("flor.log('a', 1)", "b")
        kernel.execute(LOOP, "c")
        kernel.kill()

    [run] = user.runs()
    assert (run.status, run.values) == (Status.INTERRUPTED, {"a": 1, "loss": 0.5})
    assert user.cells(run.version) == ["import flor", "flor.log('a', 1)", LOOP]
    with user.kernel() as kernel:
        kernel.execute("import flor; flor.log('a', 2)")
    repository = locate(user.folder, {})
    assert len(history.closed_runs(repository)) == 2
    assert user.cells(history.find(repository, run.run)) == ["import flor", "flor.log('a', 1)", LOOP]


def test_a_notebook_reads_its_own_records_while_it_runs(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor")
        kernel.execute(LOOP)
        shown = kernel.execute("print(flor.dataframe('loss')['loss'].tolist())")

    assert shown.text == "[1.0, 0.5]\n"


@pytest.mark.parametrize(
    ("notebook", "first", "filename", "file"),
    [
        ("deep/nb.ipynb", "", "deep/nb.ipynb", "deep/nb.cells.py"),
        (None, "", "<ipython>", "ipython.cells.py"),
        (None, "__vsc_ipynb_file__ = r'{folder}/code.ipynb'", "code.ipynb", "code.cells.py"),
        (None, "__session__ = 'elsewhere/lab.ipynb'", "lab.ipynb", "lab.cells.py"),
    ],
)
def test_the_file_is_the_notebook_where_its_name_is_known(user, notebook, first, filename, file) -> None:
    with user.kernel(notebook) as kernel:
        kernel.execute(first.format(folder=user.folder))
        kernel.execute("import flor; flor.log('a', 1)")

    [run] = user.runs()
    assert run.filename == filename
    assert user.cells(run.version, file)[-1] == "import flor; flor.log('a', 1)"


def test_a_file_with_the_name_of_the_cells_is_left_as_it_is(user) -> None:
    (user.folder / "train.cells.py").write_text("mine\n")
    with user.kernel() as kernel:
        kernel.execute("import flor; flor.log('a', 1)")

    assert user.git("show", "flor.shadow:train.cells.py") == "mine"
    assert user.cells(file="train.1.cells.py") == ["import flor; flor.log('a', 1)"]


def test_cells_with_await_and_children_record_too(user) -> None:
    with user.kernel() as kernel:
        kernel.execute("import flor, asyncio, multiprocessing")
        kernel.execute("async def f(i):\n    flor.log('task', i)\nawait asyncio.gather(f(1), f(2))", "a")
        kernel.execute("def g(i):\n    flor.log('child', i)", "b")
        kernel.execute(
            "p = multiprocessing.get_context('fork').Process(target=g, args=(3,)); p.start(); p.join()", "c"
        )

    assert sorted(user.frame("task")["task"]) == [1, 2]
    assert user.frame("child")["child"].tolist() == [3]
    assert len(user.runs()) == 1


def test_outside_of_a_repository_a_notebook_records_without_code(tmp_path) -> None:
    user = NotebookUser(tmp_path / "plain")
    user.folder.mkdir()
    with user.kernel() as kernel:
        kernel.execute("import flor")
        kernel.execute("flor.log('a', 1)")
        kernel.execute("flor.log('b', 1)")

    [run] = user.runs()
    assert (run.status, run.values, run.version) == (Status.FINISHED, {"a": 1, "b": 1}, None)


def test_switched_off_nothing_is_written(user) -> None:
    with user.kernel(FLOR_MODE="off") as kernel:
        shown = kernel.execute("import flor\nfor i in flor.loop('i', range(2)): flor.log('a', i)")

    assert shown.error == ""
    assert not (user.folder / ".flor").exists()


def test_a_whole_notebook_executed_by_nbclient_is_one_run(user, monkeypatch) -> None:
    sources = ["import flor\nlr = flor.arg('lr', 0.1)", LOOP, "%timeit -n1 -r1 pass", "flor.log('end', lr)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(user.folder)}})

    client.execute(env=user.environ())

    eventually(lambda: user.runs()[0].status is Status.FINISHED, "the kernel ends after the client")
    [run] = user.runs()
    assert (run.filename, run.values, run.args) == ("<ipython>", {"loss": 0.5, "end": 0.1}, {"lr": 0.1})
    assert user.cells(run.version, "ipython.cells.py") == sources


def test_what_cells_print_is_kept_and_printing_is_not_logging(user) -> None:
    with user.kernel(FLOR_CAPTURE="1") as kernel:
        kernel.execute("import flor\nflor.log('a', 1)\nprint('first')", "a")
        kernel.execute("print('second')", "b")
        shown = kernel.execute("print('second')", "b")
        kernel.execute("import sys; sys.stderr.write('third')", "c")

    assert shown.text == "second\n"
    assert len(user.runs()) == 1
    assert user.printed() == ["first", "second", "second", "third"]


def test_ipython_keeps_what_is_typed_in(user) -> None:
    typed = "import flor\nflor.log('a', 1)\n%time flor.log('b', 2)\n1/0\nflor.log('c', 3)\n"

    user.python("-m", "IPython", "--simple-prompt", typed=typed)

    [run] = user.runs()
    assert (run.filename, run.status) == ("<ipython>", Status.FINISHED)
    assert run.values == {"a": 1, "b": 2, "c": 3}
    assert user.cells(run.version, "ipython.cells.py") == typed.splitlines()


@pytest.mark.parametrize(
    ("last", "status"),
    [("", Status.FINISHED), ("sys.exit(3)", Status.FINISHED), ("1 / 0", Status.FAILED)],
)
def test_a_script_executed_by_ipython_is_a_script(user, last, status) -> None:
    (user.folder / "train.py").write_text(f"import flor, sys\nflor.log('a', 1)\n{last}\n")

    user.python("-m", "IPython", "train.py")

    [run] = user.runs()
    assert (run.filename, run.status, run.values) == ("train.py", status, {"a": 1})
    assert "ipython.cells.py" not in user.git("ls-tree", "--name-only", run.version)


@pytest.mark.parametrize("load", ["", "import IPython"])
def test_a_plain_script_has_nothing_of_this(user, load) -> None:
    script = f"import flor, sys\n{load}\nflor.log('a', 1)\nprint('loaded', *sys.modules)\n1 / 0\n"
    (user.folder / "train.py").write_text(script)

    done = user.python("train.py")

    [loaded] = [line.split() for line in done.stdout.splitlines() if line.startswith("loaded")]
    assert ("IPython" in loaded) == ("flor.record.notebook" in loaded) == bool(load)
    assert "flor.record.console" not in loaded
    [run] = user.runs()
    assert (run.filename, run.status) == ("train.py", Status.FAILED)
