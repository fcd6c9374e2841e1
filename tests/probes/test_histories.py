"""Random programs with random histories: a probe stays at the statement where it belongs."""

import ast
import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from flor.replay import probes
from flor.replay.propagation import Propagated, propagate
from probes import programs
from probes.programs import NAMES, OTHER_NAMES, PROBE, Layout, Line

SEEDS = st.integers(0, 2**32)
LAYOUTS = st.builds(
    Layout,
    indent=st.sampled_from(["    ", "  ", "\t"]),
    quote=st.sampled_from(['"', "'"]),
    is_spread=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    comments=st.booleans(),
)
RENAMINGS = st.lists(st.sampled_from(range(len(NAMES))), unique=True).map(
    lambda places: {NAMES[place]: OTHER_NAMES[place] for place in places}
)


@given(SEEDS, LAYOUTS, RENAMINGS)
@settings(max_examples=40, deadline=None)
def test_a_probe_keeps_its_place_whatever_is_renamed_reordered_and_reformatted(
    seed: int, layout: Layout, names: dict[str, str]
) -> None:
    now, old = _history(seed, names)

    found = _propagated(now, programs.written(programs.without_probe(old), layout))

    assert found.refusals == ()
    assert _meaning(found.files[0].text) == _meaning(programs.written(old, layout))


@given(SEEDS, LAYOUTS, RENAMINGS)
@settings(max_examples=40, deadline=None)
def test_a_probe_never_leaves_its_function_its_loop_or_its_order(
    seed: int, layout: Layout, names: dict[str, str]
) -> None:
    now, old = _history(seed, names)
    source = random.Random(seed + 1)
    old = programs.disturbed(old, source)

    found = _propagated(now, programs.written(programs.without_probe(old), layout))

    for file in found.files:
        expected = _surroundings(programs.written(old, layout))
        assert _surroundings(file.text).around == expected.around
        assert _surroundings(file.text).before & expected.after == set()
        assert _surroundings(file.text).after & expected.before == set()


@given(SEEDS, LAYOUTS, RENAMINGS)
@settings(max_examples=25, deadline=None)
def test_taking_out_what_was_put_in_gives_back_the_old_text_to_the_byte(
    seed: int, layout: Layout, names: dict[str, str]
) -> None:
    now, old = _history(seed, names)
    text = programs.written(programs.without_probe(programs.disturbed(old, random.Random(seed))), layout)

    for file in _propagated(now, text).files:
        kept = [line for number, line in _numbered(file.text) if file.old_line(number) is not None]
        assert "".join(kept) == text
        ast.parse(file.text)


@given(SEEDS, LAYOUTS)
@settings(max_examples=25, deadline=None)
def test_a_version_that_has_the_probe_stays_as_it_is(seed: int, layout: Layout) -> None:
    now = programs.with_probe(programs.program(random.Random(seed)), random.Random(seed))

    found = _propagated(now, programs.written(now, layout))

    assert (found.files, found.refusals, len(found.present)) == ((), (), 1)


def _history(seed: int, names: dict[str, str]) -> tuple[list[Line], list[Line]]:
    """A program of today, and what it was, both with the probe."""
    source = random.Random(seed)
    now = programs.with_probe(programs.program(source), source)
    return now, programs.reordered(programs.renamed(now, names), source)


def _propagated(now: list[Line], old: str) -> Propagated:
    today = {"train.py": programs.written(now, Layout())}
    return propagate(probes.find(today, [PROBE]), today, {"train.py": old})


def _numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(keepends=True), start=1))


def _meaning(text: str) -> str:
    return ast.dump(ast.parse(text))


class _Surroundings:
    """What is around a probe, and the statements before and after it in its block."""

    def __init__(self, around: Sequence[str], before: set[int], after: set[int]) -> None:
        self.around = around
        self.before = before
        self.after = after


def _surroundings(text: str) -> _Surroundings:
    return _found(ast.parse(text).body, []) or _Surroundings([], set(), set())


def _found(block: list[ast.stmt], around: list[str]) -> _Surroundings | None:
    for place, statement in enumerate(block):
        said = ast.unparse(statement)
        if said.startswith("flor.log("):
            return _Surroundings(around, _named(block[:place]), _named(block[place + 1 :]))
        if hasattr(statement, "body"):
            inner = _found(statement.body, [*around, said.partition(":\n")[0]])
            if inner is not None:
                return inner
    return None


def _named(statements: list[ast.stmt]) -> set[int]:
    """The statements by the functions that they call, those left out that only one version has."""
    called = (ast.unparse(statement).partition("lab.run_")[2].partition("(")[0] for statement in statements)
    return {int(number) for number in called if number and int(number) < programs.STRANGE}
