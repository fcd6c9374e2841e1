"""Random programs, and what the model in plain Python makes of them."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flor.entities import Verdict
from flor.query.answer import Query
from flor.query.frame import build
from unit.query import model
from unit.query.given import a_run
from unit.query.program import INDEX, NONE, Executed, Iteration, Log, Loop, Process, Statement, executed

NAMES = ("a", "b", "c", "epoch", "epoch_value", "tstamp")
LOOPS = ("epoch", "step", "page", "filename")

simple_values = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -0.0, math.nan, math.inf, 2.0]))
odd_values = st.sampled_from(
    [
        None,
        True,
        False,
        "text",
        "",
        2**63,
        -(2**63),
        10**30,
        [1, "x"],
        {"k": [None]},
        b"\x00",
        dt.datetime(2026, 1, 1),
    ]
)
values = st.one_of(simple_values, simple_values, odd_values)
loop_values = st.one_of(
    st.just(INDEX), st.just(INDEX), st.just(NONE), st.integers(5, 7), st.sampled_from(["red", 0.5, True])
)
logs = st.builds(
    Log,
    st.sampled_from(NAMES),
    values,
    st.sampled_from(["log", "log", "arg", "replay"]),
    st.sampled_from([verdict.value for verdict in Verdict]),
)


def programs_of(logs: st.SearchStrategy[Log]) -> st.SearchStrategy[list[tuple[Process, ...]]]:
    """Up to three runs whose processes nest loops around these statements."""
    statements: st.SearchStrategy[Statement] = st.recursive(logs, _nested, max_leaves=12)
    bodies = st.lists(statements, max_size=5).map(tuple)
    return st.lists(_processes(bodies), min_size=1, max_size=3)


def _nested(body: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    bodies = st.lists(body, max_size=4).map(tuple)
    loops = st.builds(Loop, st.sampled_from(LOOPS), st.lists(loop_values, max_size=3).map(tuple), bodies)
    return st.one_of(loops, st.builds(Iteration, st.sampled_from(LOOPS), st.integers(1, 4), bodies))


@st.composite
def _processes(draw: st.DrawFn, bodies: st.SearchStrategy[tuple[Statement, ...]]) -> tuple[Process, ...]:
    """A main process, at times with children and a second rank."""
    found = [Process(draw(bodies))]
    if draw(st.booleans()):
        found += [Process(draw(bodies), 0, number) for number in (7, 9)]
    if draw(st.booleans()):
        found += [Process(draw(bodies), 1, 0), Process(draw(bodies), 1, 8)]
    return tuple(found)


def run(programs: list[tuple[Process, ...]]) -> Executed:
    """Records of the programs; the later ones are older runs."""
    return executed([a_run(5 - number) for number in range(len(programs))], programs)


def compared(frame: pd.DataFrame, expected: dict[str, model.Column]) -> None:
    """Fail where the frame differs from the model in a column, a type or a cell."""
    assert list(frame.columns) == list(expected)
    for title, column in expected.items():
        assert str(frame[title].dtype) == column.dtype, title
        cells = [_plain(cell, column.dtype) for cell in frame[title].astype(object)]
        assert cells == [_plain(cell, column.dtype) for cell in column.cells], title


def _plain(cell: Any, dtype: str) -> Any:
    """The cell as something that is equal only to an equal cell of the same type and bits; a gap is None."""
    is_nan = isinstance(cell, float) and math.isnan(cell)
    if cell is model.NOTHING or cell is None or cell is pd.NA or (is_nan and dtype != "object"):
        return None
    if dtype == "datetime64[us]":
        return pd.Timestamp(cell)
    return (type(cell).__name__, cell.hex() if isinstance(cell, float) else cell)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    programs_of(logs),
    st.lists(st.sampled_from(NAMES), max_size=4, unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 1000]),
)
def test_a_frame_is_what_the_model_says(
    programs: list[tuple[Process, ...]], names: tuple[str, ...], has_sources: bool, has_ranks: bool, cut: int
) -> None:
    done = run(programs)

    frame = build(done.chunks, Query(names, None, has_sources, has_ranks, batch_records=cut))

    compared(frame, model.frame(done.runs, names, has_sources=has_sources, has_ranks=has_ranks))


@dataclass(frozen=True)
class Predicate:
    """A predicate in SQL and in Python, and the names that it mentions, logged or of loops."""

    sql: str
    holds: Callable[[dict[str, Any]], bool]
    mentioned: tuple[str, ...]

    def __repr__(self) -> str:
        return self.sql


def is_number(cell: Any) -> bool:
    return type(cell) in (int, float)


predicates = st.sampled_from(
    [
        Predicate("a > 0", lambda row: is_number(row["a"]) and row["a"] > 0, ("a",)),
        Predicate("b = 'text'", lambda row: row["b"] == "text", ("b",)),
        Predicate(
            "a >= 0 AND c < 2",
            lambda row: is_number(row["a"]) and is_number(row["c"]) and row["a"] >= 0 and row["c"] < 2,
            ("a", "c"),
        ),
        Predicate(
            "b IS NOT NULL", lambda row: row["b"] is not model.NOTHING and row["b"] is not None, ("b",)
        ),
        Predicate("a_source = 'arg'", lambda row: row["a_source"] == "arg", ("a",)),
        Predicate("a_verdict = 'verified'", lambda row: row.get("a_verdict") == "verified", ("a",)),
        Predicate(
            "b IS NULL OR b_verdict IS NULL",
            lambda row: row["b"] in (model.NOTHING, None) or not row.get("b_verdict"),
            ("b",),
        ),
        Predicate("epoch >= 2", lambda row: is_number(row.get("epoch")) and row["epoch"] >= 2, ("epoch",)),
        Predicate("epoch_value = 'red'", lambda row: row.get("epoch_value") == "red", ("epoch_value",)),
        Predicate("page = 2 OR a = 1", lambda row: row.get("page") == 2 or row["a"] == 1, ("a", "page")),
        Predicate("tstamp > '2026-01-31 16:30:00'", lambda row: row["tstamp"].hour >= 17, ()),
        Predicate(
            "run = '0000000000000004' AND status = 'finished'", lambda row: row["run"].endswith("4"), ()
        ),
    ]
)
plain_values = st.sampled_from([-1, 0, 1, 2, 0.5, 1.5, "text", "other", None])
plain_logs = st.builds(
    Log,
    st.sampled_from(NAMES),
    plain_values,
    st.sampled_from(["log", "log", "arg", "replay"]),
    st.sampled_from([verdict.value for verdict in Verdict]),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    programs_of(plain_logs),
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True).map(tuple),
    predicates,
    st.sampled_from([1, 1000]),
)
def test_a_predicate_keeps_the_rows_that_the_model_keeps(
    programs: list[tuple[Process, ...]], names: tuple[str, ...], predicate: Predicate, cut: int
) -> None:
    done = run(programs)
    loops = {path.partition("#")[0] for chunk in done.chunks for of_run in chunk.loops for path in of_run}
    assume("page" not in predicate.mentioned or "page" in loops)

    frame = build(done.chunks, Query(names, predicate.sql, known=NAMES, batch_records=cut))

    mentioned = [name for name in predicate.mentioned if name in NAMES]
    compared(frame, model.frame(done.runs, names, where=predicate.holds, mentioned=mentioned))
