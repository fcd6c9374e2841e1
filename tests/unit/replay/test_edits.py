"""What a replay adds to a module: it computes the same, and tells where probes begin and end."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flor.replay.edits import Edits

TEXT = """\
def f(n):
    total = 0
    for i in range(n):
        total += i
        square = total * total
        log(square)
    try:
        log(
            total
        )
    finally:
        total += 1
    return log(total)
print(f(3))
"""


class Runtime:
    """Notes the probes."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    @contextmanager
    def probe(self, line: int) -> Iterator[None]:
        self.seen.append(line)
        yield


def executed(lines: list[int]) -> tuple[list[Any], list[int]]:
    """What the text logs, and where probes were guarded."""
    tree = ast.parse(TEXT)
    Edits(probes={"a.py": lines}).apply(tree, "a.py")
    runtime, logged = Runtime(), []

    def log(value: object) -> object:
        logged.append(value)
        return value

    exec(compile(tree, "a.py", "exec"), {"_flor_": runtime, "log": log, "print": log})
    return logged, runtime.seen


@pytest.mark.parametrize(
    ("lines", "guarded"),
    [
        ([5, 6], [5, 5, 5]),  # one guard for both
        ([6], [6, 6, 6]),
        ([8, 9, 10], [8]),
        ([9], []),  # a part of a statement
        ([13], []),  # a statement that leaves the function
        ([], []),
    ],
)
def test_statements_that_came_with_a_probe_are_guarded(lines: list[int], guarded: list[int]) -> None:
    logged, seen = executed(lines)

    assert logged == [0, 1, 9, 3, 4, 4]
    assert seen == guarded


def test_edits_survive_json() -> None:
    brought = {("b.py", "<module>"): ["hist", "norm"]}
    edits = Edits({"a.py": {3: 7}}, {"b.py": frozenset({1, 2})}, brought)

    assert Edits.of(edits.to_json()) == edits


def test_each_probe_is_guarded_with_the_lines_before_it() -> None:
    text = "import flor\na = 1\nflor.log('a', a)\nb = 2\nflor.log('b', b)\nc = 3\n"
    tree = ast.parse(text)

    Edits(probes={"a.py": [2, 3, 4, 5, 6]}).apply(tree, "a.py")

    guards = [each for each in tree.body if isinstance(each, ast.With)]
    assert [[part.lineno for part in each.body] for each in guards] == [[2, 3], [4, 5], [6]]
