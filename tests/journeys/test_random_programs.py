"""Random programs, executed as a user's script is, and what the model in plain Python makes of them."""

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from unit.query import model
from unit.query.program import INDEX, NONE, Execution, Iteration, Log, Loop, Statement
from unit.query.test_frame_model import compared
from workplace import Workplace

NAMES = ("a", "b", "c", "epoch", "tstamp", 'it\'s "c" %/#')
LOOPS = ("epoch", "step", "a/b#2%", "filename")
VALUES: list[Any] = [
    0, 1, -7, 2**63, 10**30, True, False, None, 0.5, -0.0, math.nan, -math.inf, 1e-320,
    "", "text", "long " * 40, "é\u2028\U0001f600", [1, "x", None], {"k": [0.5]}, b"\x00\xff",
]  # fmt: skip

SCRIPT = """
import pickle, flor

def execute(body):
    for kind, name, *rest in body:
        if kind == "log":
            flor.log(name, rest[0])
        elif kind == "loop":
            for _ in flor.loop(name, rest[0]):
                execute(rest[1])
        else:
            with flor.iteration(name, rest[0] - 1, rest[0] - 1):
                execute(rest[1])

for number, body in enumerate(pickle.load(open("programs", "rb"))):
    flor.log("number", number)
    execute(body)
    flor.commit()
"""

logs = st.builds(Log, st.sampled_from(NAMES), st.sampled_from(VALUES))
iterated = st.sampled_from([INDEX, INDEX, INDEX, NONE, 5, "red", 0.5, True])


def _nested(body: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    bodies = st.lists(body, max_size=4).map(tuple)
    loops = st.builds(Loop, st.sampled_from(LOOPS), st.lists(iterated, max_size=4).map(tuple), bodies)
    return st.one_of(loops, st.builds(Iteration, st.sampled_from(LOOPS), st.integers(1, 4), bodies))


statements: st.SearchStrategy[Statement] = st.recursive(logs, _nested, max_leaves=14)
programs = st.lists(st.lists(statements, max_size=6).map(tuple), min_size=4, max_size=8)


def _again_with_other_values(*body: Statement) -> list[tuple[Statement, ...]]:
    """An iteration that is entered twice: the loop inside stands for other values the second time."""
    given = ((INDEX, INDEX, True), (INDEX,) * 3)
    return [tuple(Iteration("epoch", 2, (Loop("step", values, body),)) for values in given)]


def _plain(body: Sequence[Statement]) -> list[Any]:
    """The statements as the script understands them."""
    result: list[Any] = []
    for statement in body:
        if isinstance(statement, Log):
            result.append(("log", statement.name, statement.value))
        elif isinstance(statement, Loop):
            values = [_iterated(value, i) for i, value in enumerate(statement.values)]
            result.append(("loop", statement.name, values, _plain(statement.body)))
        else:
            result.append(("iteration", statement.name, statement.iteration, _plain(statement.body)))
    return result


def _iterated(value: Any, index: int) -> Any:
    if value is INDEX:
        return index
    return {"not": "simple"} if value is NONE else value


def _modelled(place: Workplace, bodies: Sequence[tuple[Statement, ...]]) -> list[model.Recorded]:
    result = []
    for number, (run, body) in enumerate(zip(place.catalog().runs, bodies, strict=True)):
        execution = Execution(number)
        begin = (Log("number", number), *body)
        execution.execute(begin, model.Context(number, 0, 0, ()))
        result.append(model.Recorded(run.projid, run.tstamp, run.filename, tuple(execution.modelled)))
    return result


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(bodies=_again_with_other_values(Log("a", 0), Log("a", 0)), names=["a"])
@example(bodies=_again_with_other_values(Loop("a/b#2%", (INDEX,), (Log("a", 0),))), names=["a"])
@given(bodies=programs, names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
def test_a_script_of_any_shape_is_read_back_as_the_model_says(
    folders: Path, bodies: list[tuple[Statement, ...]], names: list[str]
) -> None:
    place = Workplace.make(folders / str(len(list(folders.iterdir()))), folders, with_git=False)
    (place.root / "programs").write_bytes(pickle.dumps([_plain(body) for body in bodies]))

    place.run(SCRIPT)

    runs = _modelled(place, bodies)
    known = {record.name for run in runs for record in run.records}
    asked = [name for name in names if name in known]
    compared(place.frame("number", *asked), model.frame(runs, ["number", *asked]))
    compared(place.frame(), model.frame(runs, []))
