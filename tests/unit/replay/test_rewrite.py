"""A rewritten program does what the user wrote, until somebody enters it elsewhere."""

import traceback

import pytest

from flor.replay import runtime
from unit.replay.rewriting import Block, Script, dedented, run

PROGRAMS = {
    "nested loops with enumerate, zip and starred targets": """
        import flor
        out = []
        for i, (a, *b) in enumerate(flor.loop("outer", ["abc", "def"])):
            for x, y in zip(flor.loop("inner", b), range(9)):
                out.append((i, a, x, y))
        """,
    "break, continue, else and a while around": """
        import flor
        out, n = [], 0
        while n < 3:
            for x in flor.loop("x", range(5)):
                if x == 1:
                    continue
                if x > n:
                    break
                out.append((n, x))
            else:
                out.append("else")
            n += 1
        for x in flor.loop("none", ()):
            pass
        else:
            out.append("empty")
        """,
    "functions with cells, private names, del, global and nonlocal": """
        import flordb as flor
        out, total = [], 0
        class Trainer:
            def __init__(self):
                self.__steps = []
            def fit(self, data, __seed=7):
                count, scale = 0, 2
                def add(v):
                    nonlocal count
                    count += v * scale
                    return lambda: count
                for __item in flor.loop("epoch", data):
                    peek = add(__item)
                    self.__steps.append((peek(), __seed))
                    temporary = 1
                    del temporary
                return self.__steps
        def run():
            global total
            for v in flor.loop("v", [1, 2]):
                total += v
        out.extend(Trainer().fit([1, 2, 3])); run(); out.append(total)
        """,
    "a block left by return, break, an exception, and not at all": """
        from flor import checkpointing as keep, loop as each
        out = []
        class Box:
            value = 3
        def by_return(box):
            with keep(box=box):
                for x in each("x", range(3)):
                    if x == 1:
                        return box.value
        def by_break():
            for k in range(3):
                with keep():
                    for x in each("x", range(3)):
                        pass
                    if k == 1:
                        break
                out.append(k)
            return k
        def by_exception():
            with keep():
                for x in each("x", range(3)):
                    raise ValueError(x)
        out.append(by_return(Box())); out.append(by_break())
        try:
            by_exception()
        except ValueError as error:
            out.append(str(error))
        """,
    "decorators, defaults, try/finally, generators and match": """
        import functools
        import flor
        out = []
        def keep(f):
            @functools.wraps(f)
            def inner(*a, **k):
                return f(*a, **k)
            return inner
        @keep
        @keep
        def work(n, *, extra=(1, 2)):
            def numbers():
                for x in flor.loop("gen", range(n)):
                    try:
                        yield x
                    finally:
                        out.append(("closed", x))
            for x in flor.loop("outer", numbers()):
                match x:
                    case 0:
                        out.append("zero")
                    case other if other in extra:
                        out.append([y for y in range(other)])
                        break
        work(3)
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_a_player_a_program_does_what_was_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(PROGRAMS[name])

    assert run(source, monkeypatch, None)["out"] == run(source, monkeypatch, None, rewritten=False)["out"]


def test_skipped_iterations_pass_through_the_header_and_are_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = dedented(
        """
        import flor
        out = []
        for i, (a, b) in enumerate(flor.loop("x", [None, None, (1, 2)])):
            out.append((i, a, b))
        """
    )

    assert run(source, monkeypatch, Script(skipped={3: 2}))["out"] == [(2, 1, 2)]


def test_after_a_restore_names_of_a_function_are_bound_and_unbound(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        import flor
        out = []
        def work(data):
            best, stale = 0, "stale"
            def peek():
                return best
            out.append(peek)
            for x in flor.loop("x", data):
                out.append((best, out[0](), x))
                try:
                    stale
                except NameError:
                    out.append("unbound")
        work([1, 2])
        """
    )
    player = Script(bound={"best": 5, "data": [1, 2]})

    assert run(source, monkeypatch, player)["out"][1:3] == [(5, 5, 1), "unbound"]


def test_after_a_restore_names_of_a_module_are_bound_in_its_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        import flor
        best = 0
        for x in flor.loop("x", [1]):
            out = (best, x)
        """
    )

    assert run(source, monkeypatch, Script(bound={"best": 7}))["out"] == (7, 1)


@pytest.mark.parametrize(("normally", "expected"), [(True, ["else"]), (False, [])])
def test_a_replaced_loop_evaluates_nothing_and_ends_as_it_was_recorded_to_end(
    monkeypatch: pytest.MonkeyPatch, normally: bool, expected: list[str]
) -> None:
    source = dedented(
        """
        import flor
        out = []
        for x in flor.loop("x", 1 / 0):
            out.append(x)
        else:
            out.append("else")
        """
    )

    assert run(source, monkeypatch, Script(replaced={3: normally}))["out"] == expected


@pytest.mark.parametrize(("normally", "expected"), [(True, ["else", 2]), (False, [2])])
def test_a_loop_whose_end_was_restored_ends_as_it_was_recorded_to_end(
    monkeypatch: pytest.MonkeyPatch, normally: bool, expected: list[object]
) -> None:
    source = dedented(
        """
        import flor
        out = []
        for (a, b) in flor.loop("x", [None]):
            out.append((a, b))
        else:
            out.append("else")
        out.append(2)
        """
    )

    assert run(source, monkeypatch, Script(over={3: normally}))["out"] == expected


def test_a_block_that_is_over_is_jumped_and_its_return_executed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = dedented(
        """
        import flor
        class Over(flor.checkpointing):
            def __enter__(self):
                raise OVER
        def fit(best):
            with flor.checkpointing():
                raise OVER
                if best:
                    return best, 1
                return print("side effect")
            return "behind"
        """
    )
    names = run(source.replace("OVER", "KeyError"), monkeypatch, None)
    assert names["fit"].__code__.co_filename == "train.py"
    jumping = source.replace("raise OVER", "__import__('flor').over()")
    monkeypatch.setattr(Block, "__enter__", _over)
    player = Script(left_by=0)
    names = run(jumping, monkeypatch, player)
    monkeypatch.setattr(runtime, "_player", lambda: player)

    assert names["fit"]("kept") == ("kept", 1)
    player.left_by = -1
    assert names["fit"]("kept") == "behind"


def _over(self: object) -> None:
    raise runtime.BlockIsOver


def test_a_traceback_points_to_the_line_the_user_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        from __future__ import annotations
        import flor
        def work():
            k = 1
            f = lambda: k
            with flor.checkpointing():
                for x in flor.loop("x", [1]):
                    for y in flor.loop("y", [1]):
                        raise RuntimeError
        """
    )
    names = run(source, monkeypatch, None)

    with pytest.raises(RuntimeError) as caught:
        names["work"]()

    lines = [
        line
        for frame, line in traceback.walk_tb(caught.value.__traceback__)
        if frame.f_code.co_filename == "train.py"
    ]
    assert lines == [9]


def test_the_real_cells_of_a_frame_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    source = dedented(
        """
        import sys
        import flor
        def work():
            shared = 1
            def inner():
                return shared
            cells = sys._getframe().f_locals["_flor_cells"]
            cells[0].cell_contents = 2
            return shared, inner()
        out = work()
        """
    )

    assert run(source, monkeypatch, None)["out"] == (2, 2)
