"""Random programs: what was kept is put back, in the same process and in a fresh copy of the program."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unit.checkpoints.alike import check
from unit.checkpoints.programs import Program, put_back
from unit.checkpoints.project.objects import Box, build, change

NAN = float("nan")
VALUES = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([None, True, 1.0, -0.0, 0.0, NAN, "a", "b", b"a", 2**70, (1, (2.0, "x")), float("inf")]),
)
STEPS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 15), VALUES), max_size=12)
MAKERS = st.lists(st.integers(0, 15), min_size=1, max_size=8)


@settings(max_examples=120, deadline=None)
@given(makers=MAKERS, prefix=STEPS, body=STEPS, later=STEPS)
def test_a_kept_state_is_put_back_over_any_other(makers: Any, prefix: Any, body: Any, later: Any) -> None:
    twin = build(makers)
    Box.shared = None
    change(twin, prefix)
    change(twin, body)
    expected = {**twin, "class": Box.shared}
    program = started(makers, prefix)
    change(program.names, body)
    kept = program.keep()
    change(program.names, later)

    put_back(program, kept, any_set_order=True)

    check({**program.names, "class": Box.shared}, expected)


@settings(max_examples=120, deadline=None)
@given(makers=MAKERS, prefix=STEPS, body=STEPS)
def test_a_kept_state_is_put_into_a_fresh_copy_of_the_program(makers: Any, prefix: Any, body: Any) -> None:
    program = started(makers, prefix)
    change(program.names, body)
    kept = program.keep()
    expected = {**program.names, "class": Box.shared}

    fresh = started(makers, prefix)
    put_back(fresh, kept, any_set_order=True)

    check({**fresh.names, "class": Box.shared}, expected)


@settings(max_examples=100, deadline=None)
@given(makers=MAKERS, prefix=STEPS, body=STEPS)
def test_two_copies_of_a_program_have_one_fingerprint(makers: Any, prefix: Any, body: Any) -> None:
    program, fresh = started(makers, prefix), started(makers, prefix)
    Box.shared = None
    change(program.names, body)
    first = program.keep()
    Box.shared = None
    change(fresh.names, body)

    assert fresh.differences(first) == []
    assert fresh.fingerprint() == first.fingerprint


def started(makers: list[int], steps: Any) -> Program:
    """The program at `top(0)`."""
    Box.shared = None
    names = build(makers)
    change(names, steps)
    return Program(names)
