"""Data frames over what real scripts recorded."""

import warnings

import pytest

from flor.errors import FlorWarning, QueryError
from flor.query import frame
from unit.query.program import cells
from workplace import Workplace

TRAIN = """
import flor, numpy

lr = flor.arg("lr", 0.5)
for epoch in flor.loop("epoch", range(2)):
    for doc in flor.loop("doc", ["a.txt", "b.txt"]):
        flor.log("loss", lr * epoch)
flor.log("weights", numpy.arange(2000.0))
flor.log("accuracy", 0.9)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A project with two runs, to look at."""
    folder = tmp_path_factory.mktemp("trained")
    place = Workplace.make(folder / "project", folder, with_git=False)
    place.run(TRAIN)
    place.run(TRAIN, "--kwargs", "lr=2.0")
    return place


def test_a_frame_of_arguments_losses_and_loops(trained):
    found = trained.frame("lr", "loss", "lr")

    assert list(found.columns) == [
        "projid", "tstamp", "filename", "epoch", "epoch_value", "doc", "doc_value", "lr", "loss",
    ]  # fmt: skip
    rows = [(epoch, doc, f"{'ab'[doc - 1]}.txt") for epoch in (1, 2) for doc in (1, 2)]
    expected = [(*row, lr, lr * (row[0] - 1)) for lr in (0.5, 2.0) for row in rows]
    assert cells(found, "epoch", "doc", "doc_value", "lr", "loss") == expected


def test_without_names_all_values_of_the_run_level_in_the_order_in_which_they_first_appear(trained):
    found = trained.frame()

    assert list(found.columns[3:]) == ["lr", "weights", "accuracy"]
    assert cells(found, "lr", "accuracy") == [(0.5, 0.9), (2.0, 0.9)]


def test_a_large_array_is_a_handle_that_loads_it(trained):
    found = trained.frame("weights")

    assert found["weights"][0].shape == (2000,)
    assert found["weights"][0].load().sum() == 1999 * 1000


def test_a_predicate_may_mention_names_that_are_not_asked_for(trained):
    assert cells(trained.frame("loss", where="lr > 1 and epoch = 2 and doc_value = 'b.txt'"), "loss") == [
        (2.0,)
    ]


def test_only_the_runs_of_one_project(trained):
    assert len(frame.dataframe(trained.catalog().of_project("project"), ["lr"])) == 2
    with pytest.warns(FlorWarning, match="Nobody logged 'lr'"):
        assert len(frame.dataframe(trained.catalog().of_project("another"), ["lr"])) == 0


def test_a_name_that_nobody_logged_leaves_an_empty_frame_and_a_hint(trained):
    with pytest.warns(FlorWarning, match=r"Nobody logged 'los'. Closest: loss"):
        found = trained.frame("los", provenance=True)

    assert list(found.columns) == ["projid", "tstamp", "filename", "los", "los_source"]
    assert len(found) == 0


def test_a_name_that_nobody_logged_is_an_empty_column_beside_one_that_has_values(trained):
    with pytest.warns(FlorWarning, match="Nobody logged 'acc'"):
        found = trained.frame("accuracy", "acc")

    assert cells(found, "accuracy", "acc") == [(0.9, None)] * 2


def test_nothing_is_warned_of_where_all_names_are_known(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained.frame("lr", "loss", where="accuracy > 0")


def test_an_empty_store(plain_place):
    with pytest.warns(FlorWarning):
        found = plain_place.frame("loss", where="lr < 1")

    assert list(found.columns) == ["projid", "tstamp", "filename", "loss"]
    assert list(plain_place.frame().columns) == ["projid", "tstamp", "filename"]
    assert [str(dtype) for dtype in found.dtypes[1:2]] == ["datetime64[us]"]


def test_ranks_are_all_or_left_out(plain_place):
    with pytest.raises(QueryError, match="all"):
        frame.dataframe(plain_place.catalog(), ["a"], ranks="some")


def test_a_run_that_goes_on_is_in_the_frame(plain_place):
    plain_place.write(
        "serve.py", "import flor, sys\nflor.log('a', 1)\nprint('ready', flush=True)\nsys.stdin.read()"
    )
    started = plain_place.start("serve.py")
    started.wait_for("ready")

    found = plain_place.frame("a")
    started.ended()

    assert cells(found, "a") == [(1,)]


def test_values_of_worker_processes_have_the_arguments_beside_them(plain_place):
    plain_place.run(
        """
        import multiprocessing
        import flor

        def work(number):
            flor.log("square", number * number)

        if __name__ == "__main__":
            flor.arg("lr", 0.5)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(work, range(4))
                pool.close()
                pool.join()
        """
    )

    found = plain_place.frame("lr", "square")

    assert found["process"].notna().all()
    assert sorted(cells(found, "lr", "square")) == [(0.5, 0), (0.5, 1), (0.5, 4), (0.5, 9)]
