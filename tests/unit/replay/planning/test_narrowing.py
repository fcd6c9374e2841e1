"""WHERE: which runs and iterations a predicate leaves, asked of runs that were really recorded."""

import pytest

from flor.errors import QueryError
from flor.replay.planning import narrowing
from flor.replay.planning.facts import Narrowed
from unit.replay.planning.recorded import Recorded

TRAIN = """
import flor

lr = flor.arg("lr", 0.1)
weights = [0.0]
with flor.checkpointing(weights=weights):
    for epoch in flor.loop("epoch", range(4)):
        for step in flor.loop("step", range(3)):
            weights[0] += lr
            if epoch > 0:
                flor.log("loss", 10 * epoch + step)
        if epoch != 1:
            flor.log("val_acc", 70 + 10 * epoch)
flor.log("accuracy", 100 * lr)
"""
FOLDS = """
import flor

for fold in flor.loop("fold", ["a", "b"]):
    weights = [0.0]
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(2)):
            weights[0] += 1
            flor.log("score", 10 * epoch + (fold == "b"))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Two runs of one script."""
    found = Recorded.make(tmp_path_factory.mktemp("narrowing"))
    found.run(TRAIN)
    found.run(TRAIN, "--kwargs", "lr=0.5")
    return found


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run with a block for each of two folds."""
    found = Recorded.make(tmp_path_factory.mktemp("folds"))
    found.run(FOLDS)
    return found


def narrowed(recorded: Recorded, where: str, *probed: str) -> list[list[int]]:
    """Of each run that is chosen the iterations, counting from 1 as the predicate does."""
    found = narrowing.narrow(recorded.catalog, recorded.loops(), where, probed)
    return [[at + 1 for at in one.iterations.get((0, 0), ())] for one in found]


ALL = [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("true", [ALL, ALL]),
        ("false", []),
        ("lr = 0.5", [ALL]),
        ("lr < 0.2 and epoch >= 3", [[3, 4]]),
        ("epoch = 2", [[2], [2]]),
        ("epoch_value = 2", [[3], [3]]),
        ("val_acc < 95", [[1, 3], [1, 3]]),
        ("val_acc is null", [[2], [2]]),
        ("accuracy > 20", [ALL]),
        ("loss >= 21", [[3, 4], [3, 4]]),
        ("loss = 12 and epoch = 2", [[2], [2]]),
        ("loss = 12 and epoch = 3", []),
        ("step = 3", [[2, 3, 4], [2, 3, 4]]),
        ("step > 3", []),
        ("filename = 'train.py'", [ALL, ALL]),
        ("tstamp < '2020-01-01'", []),
        ("status = 'finished' and tstamp > '2020-01-01'", [ALL, ALL]),
        ("EPOCH >= 4 OR Lr = 7", [[4], [4]]),
    ],
)
def test_a_predicate_leaves_the_iterations_that_satisfy_it(
    recorded: Recorded, where: str, expected: list[list[int]]
) -> None:
    assert narrowed(recorded, where) == expected


def test_without_a_predicate_all_iterations_are_asked(recorded: Recorded) -> None:
    found = [Narrowed.not_at_all(run, loops) for run, loops in recorded.loops().items()]

    assert found == narrowing.narrow(recorded.catalog, recorded.loops(), "true")


def test_a_name_that_nobody_logged_yet_is_null(recorded: Recorded) -> None:
    assert narrowed(recorded, "gradient_norm is null", "gradient_norm") == [ALL, ALL]


def test_a_name_that_nobody_logged_yet_is_not_above_anything(recorded: Recorded) -> None:
    assert narrowed(recorded, "gradient_norm > 0", "gradient_norm") == []


def test_a_value_of_the_run_level_chooses_runs(recorded: Recorded) -> None:
    [chosen] = narrowing.narrow(recorded.catalog, recorded.loops(), "accuracy = 10")

    assert chosen.run == recorded.catalog.runs[0].run


def test_iterations_of_a_loop_around_narrow_those_of_the_main_loops(folds: Recorded) -> None:
    [chosen] = narrowing.narrow(folds.catalog, folds.loops(), "fold_value = 'b' and epoch = 2")

    assert chosen.iterations == {(1, 0): (1,)}


def test_a_value_in_the_main_loop_of_one_fold_leaves_that_fold(folds: Recorded) -> None:
    [chosen] = narrowing.narrow(folds.catalog, folds.loops(), "score = 10")

    assert chosen.iterations == {(0, 0): (1,)}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("val_ac < 80", "Closest: val_acc"),
        ("gradient_nrm is null", "Closest: gradient_norm"),
        ("epohc > 2", "Closest: epoch"),
    ],
)
def test_a_column_that_there_is_not_is_explained_with_the_closest(
    recorded: Recorded, where: str, said: str
) -> None:
    with pytest.raises(QueryError) as raised:
        narrowing.check(recorded.catalog, where, ["gradient_norm"])

    assert said in raised.value.hint


@pytest.mark.parametrize("where", ["epoch >", "lr = 1; drop table t", "", "select 1", "(epoch = 1"])
def test_what_is_no_predicate_is_explained(recorded: Recorded, where: str) -> None:
    with pytest.raises(QueryError):
        narrowing.check(recorded.catalog, where)


def test_what_stands_for_the_rows_is_not_shown(recorded: Recorded) -> None:
    with pytest.raises(QueryError) as raised:
        narrowing.check(recorded.catalog, "zzzzzz = 1")

    assert "place" not in raised.value.hint
