"""Cutting an iteration short: programs are cut, compiled and executed."""

import ast
from collections.abc import Callable
from typing import Any

import pytest

from flor.replay.planning import slicing
from flor.replay.planning.places_of_probes import structure
from flor.replay.planning.reading import read
from unit.replay.rewriting import dedented

HEAD = "import flor\nwith flor.checkpointing():\n    for i in flor.loop('epoch', items):\n"


class Runtime:
    """Stands for the runtime of a replayed program."""

    def __init__(self, is_skipped: Callable[[int], bool]) -> None:
        self.rest_is_skipped = is_skipped


class Flor:
    """Stands for FlorDB: nothing is recorded."""

    def __init__(self) -> None:
        self.logged: list[Any] = []

    def checkpointing(self) -> "Flor":
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None

    def loop(self, name: str, items: Any) -> Any:
        return iter(items)

    def log(self, name: str, value: Any) -> Any:
        self.logged.append(value)
        return value


def cut(text: str, *probes: str) -> dict[int, int]:
    """The cuts of a script, by the texts of the lines of its probes."""
    lines = text.splitlines()
    found = structure(read({"train.py": text}, "train.py"))
    places = [
        found.place("train.py", at) for at, line in enumerate(lines, 1) if any(p in line for p in probes)
    ]
    return dict(slicing.cuts(places).of("train.py"))


def run(text: str, *probes: str, is_skipped: Callable[[int], bool] = lambda line: True) -> dict[str, Any]:
    """What the cut script leaves in its names; its `seen` holds what it did."""
    tree = ast.parse(text.replace("import flor", ""), "train.py")
    slicing.insert(tree, cut(text, *probes))
    names: dict[str, Any] = {"_flor_": Runtime(is_skipped), "flor": Flor(), "items": range(3), "seen": []}
    exec(compile(tree, "train.py", "exec"), names)
    return names


def body(text: str, behind: str = "") -> str:
    """A script with this body of the main loop."""
    inside = "".join(f"        {line}\n" for line in dedented(text).splitlines())
    return HEAD + inside + behind


def test_what_follows_the_probe_is_skipped() -> None:
    script = body("flor.log('probe', i)\nseen.append(i)")

    assert run(script, "probe")["seen"] == []


def test_what_follows_the_probe_is_executed_where_the_player_wants_it() -> None:
    script = body("flor.log('probe', i)\nseen.append(i)")

    assert run(script, "probe", is_skipped=lambda line: False)["seen"] == [0, 1, 2]


def test_the_player_is_asked_by_the_line_of_the_statement() -> None:
    script = body("x = 1\nflor.log('probe', i)\nseen.append(i)")
    asked: list[int] = []

    run(script, "probe", is_skipped=lambda line: asked.append(line) or True)  # type: ignore[func-returns-value]

    assert asked == [5, 5, 5]


def test_of_several_probes_the_last_one_counts() -> None:
    script = body("flor.log('probe a', i)\nseen.append(i)\nflor.log('probe b', i)\nseen.append('no')")

    assert run(script, "probe a", "probe b")["seen"] == [0, 1, 2]


def test_a_probe_at_the_end_of_the_body_needs_no_cut() -> None:
    script = body("seen.append(i)\nflor.log('probe', i)")
    tree = ast.parse(script)

    slicing.insert(tree, cut(script, "probe"))

    assert ast.dump(tree) == ast.dump(ast.parse(script))


def test_a_statement_on_the_same_line_as_the_probe_is_still_executed() -> None:
    script = body("seen.append('before'); flor.log('probe', i); seen.append('after')\nseen.append('no')")

    assert run(script, "probe")["seen"] == ["before", "after"] * 3


@pytest.mark.parametrize(
    "compound",
    [
        "with flor:\n    flor.log('probe', i)\n    seen.append(i)",
        "try:\n    flor.log('probe', i)\nfinally:\n    seen.append(i)",
        "try:\n    flor.log('probe', i)\n    1 / 0\nexcept ZeroDivisionError:\n    seen.append(i)",
        "if i >= 0:\n    flor.log('probe', i)\n    seen.append(i)",
        "while True:\n    flor.log('probe', i)\n    seen.append(i)\n    break",
        "for _ in 'a':\n    flor.log('probe', i)\nelse:\n    seen.append(i)",
        "for _ in flor.loop('step', 'a'):\n    flor.log('probe', i)\nelse:\n    seen.append(i)",
        "match i:\n    case _:\n        flor.log('probe', i)\n        seen.append(i)",
    ],
)
def test_a_compound_statement_around_the_probe_is_executed_whole(compound: str) -> None:
    script = body(f"{compound}\nseen.append('no')")

    assert run(script, "probe")["seen"] == [0, 1, 2]


def test_the_statement_that_calls_the_function_with_the_probe_is_executed_whole() -> None:
    function = "def evaluate(i):\n    flor.log('probe', i)\n    seen.append(i)\n"
    script = body("x = [evaluate(i), seen.append('x')]\nseen.append('no')")
    script = script.replace("import flor\n", f"import flor\n{function}")

    assert run(script, "probe")["seen"] == [0, "x", 1, "x", 2, "x"]


def test_a_cut_in_a_loop_with_an_else_lets_the_else_run() -> None:
    script = (
        HEAD
        + "        flor.log('probe', i)\n        seen.append(i)\n    else:\n        seen.append('else')\n"
    )

    assert run(script, "probe")["seen"] == ["else"]


def test_a_cut_leaves_a_try_around_the_loop_alone() -> None:
    script = dedented("""
        import flor
        try:
            with flor.checkpointing():
                for i in flor.loop('epoch', items):
                    flor.log('probe', i)
                    seen.append(i)
        finally:
            seen.append('finally')
    """)

    assert run(script, "probe")["seen"] == ["finally"]


def test_a_loop_on_one_line_inside_the_body_is_not_cut() -> None:
    script = body("for j in flor.loop('step', 'ab'): flor.log('probe', j); seen.append(j)\nseen.append('no')")

    assert run(script, "probe")["seen"] == ["a", "b"] * 3


def test_each_main_loop_is_cut_behind_its_own_probe() -> None:
    second = "    for j in flor.loop('tuning', 'xy'):\n        flor.log('probe', j)\n        seen.append(j)\n"
    script = body("seen.append(i)\nflor.log('probe', i)\nseen.append('no')", second)

    assert run(script, "probe")["seen"] == [0, 1, 2]


def test_a_main_loop_in_a_function_is_cut() -> None:
    script = dedented("""
        import flor
        class Trainer:
            def fit(self):
                with flor.checkpointing():
                    for i in flor.loop('epoch', items):
                        self.validate(i)
                        seen.append('no')
            def validate(self, i):
                flor.log('probe', i)
                seen.append(i)
        Trainer().fit()
    """)

    assert run(script, "probe")["seen"] == [0, 1, 2]


def test_a_probe_that_may_be_executed_anywhere_allows_no_cut() -> None:
    script = dedented("""
        import flor
        def hook(i):
            flor.log('probe', i)
        hooks = [hook]
        with flor.checkpointing():
            for i in flor.loop('epoch', items):
                flor.log('probe', i)
                hooks[0](i)
    """)

    assert cut(script, "probe") == {}


def test_a_traceback_still_points_to_the_line_of_the_user() -> None:
    script = body("flor.log('probe', i)\nseen.append(i)\n1 / 0")

    with pytest.raises(ZeroDivisionError) as raised:
        run(script, "probe", is_skipped=lambda line: False)

    assert raised.traceback[-1].lineno + 1 == 6
