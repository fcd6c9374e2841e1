"""Closures, cells of running functions, defaults, attributes of functions and classes, methods."""

import sys
from typing import Any

from flor.checkpoints.compare import differences
from flor.checkpoints.frames import FrameState, frames_of
from flor.checkpoints.reference import Reference
from flor.checkpoints.restore import restore
from flor.checkpoints.walk import walk
from unit.checkpoints.programs import PROJECT, Kept, Program, came_back, hashes_of
from unit.checkpoints.project import closures
from unit.checkpoints.project.closures import Callbacks, adders, counted, make_adder, train, train_late


class Recorded(Exception):
    """The probe has what it came for."""


def record(function: Any, at: int) -> tuple[Kept, Any]:
    """The state of the function at one header, and what it returned when it was left alone."""
    kept: list[Kept] = []
    references: list[Reference] = []

    def probe(i: int, cells: dict[str, Any]) -> None:
        frames = frames_of(sys._getframe(1), PROJECT, locals_of)
        walked = walk(frames, {}, PROJECT, references[0] if references else None)
        references.append(Reference.of(walked))
        if i == at:
            kept.append(Kept(walked))

    result = function(probe)
    return kept[0], result


def replay(function: Any, kept: Kept, rounds: int) -> Any:
    """The function entered again at its first header: cells given, the rest of the loop executed."""

    def probe(i: int, cells: dict[str, Any]) -> None:
        if i:
            return
        frame = frames_of(sys._getframe(1), PROJECT, locals_of)[-1]
        state = FrameState(frame.filename, frame.qualname, frame.module, frame.names, frame.code, cells)
        live = walk([state], {}, PROJECT)
        restored = restore(kept.graph, kept.hashes, kept.content, live, Reference.of(live), hashes_of(live))
        assert restored.refused == []
        frame.names["hooks"][:] = restored.names[0]["hooks"]
        assert restored.names[0]["hooks"] is frame.names["hooks"]
        after = walk(
            [FrameState(frame.filename, frame.qualname, frame.module, restored.names[0], frame.code, cells)],
            {},
            PROJECT,
        )
        assert differences(kept.graph, kept.hashes, after.graph, hashes_of(after)) == []

    return function(probe, rounds)


def locals_of(frame: Any) -> list[str]:
    code = frame.f_code
    names = code.co_varnames + code.co_cellvars + code.co_freevars
    return [name for name in names if name not in ("probe", "i", "rounds")]


def test_a_closure_made_in_the_loop_shares_the_variable_of_the_running_function_again() -> None:
    kept, result = record(train, at=2)

    assert result == [3.0, 3.0, 3.0, 3.0]
    assert replay(train, kept, rounds=1) == [
        0.0,
        0.0,
        0.0,
        0.0,
    ]  # all see what the executed iteration assigned


def test_so_does_one_whose_variable_has_no_other_closure() -> None:
    kept, result = record(train_late, at=2)

    assert result == [5.0, 5.0, 5.0]
    assert replay(train_late, kept, rounds=1) == [0.0, 0.0, 0.0]


def test_a_closure_of_an_earlier_call_keeps_its_own_variable() -> None:
    earlier: list[Any] = []

    def first(i: int, cells: dict[str, Any]) -> None:
        """Let a hook of this call live on."""
        earlier.append(cells)

    train_late(first, rounds=1)
    names = {"old": earlier}
    program = Program(names)

    found = {node.meta for node in program.walk().graph.nodes if node.kind == "cell"}

    assert found == {None}


def test_functions_of_one_name_are_told_apart() -> None:
    def build() -> dict[str, Any]:
        return {"adders": adders(2), "chosen": None}

    def change(names: dict[str, Any]) -> None:
        names["chosen"] = [names["adders"][3], names["adders"][0]]
        names["adders"].append(adders(3)[2])

    for program in came_back(build, change):
        functions = program.names["adders"]
        assert [each(1) for each in functions] == [1, 2, 10, -9, 3]
        assert program.names["chosen"] == [functions[3], functions[0]]


def test_defaults_and_attributes_of_functions_are_state() -> None:
    def build() -> dict[str, Any]:
        counted.calls = 0  # type: ignore[attr-defined]
        return {"add": make_adder(1)}

    def change(names: dict[str, Any]) -> None:
        counted(1)
        names["add"].__kwdefaults__["extra"] = 100
        names["add"].note = names["add"]
        names["other"] = make_adder([1])

    for program in came_back(build, change):
        add = program.names["add"]
        assert (counted.calls, add(1), add.note is add) == (1, 102, True)  # type: ignore[attr-defined]
        assert program.names["other"].__closure__[0].cell_contents == [1]


def test_attributes_of_classes_and_bound_methods_are_state() -> None:
    def build() -> dict[str, Any]:
        Callbacks.registered, Callbacks.count = [], 0
        return {"callbacks": Callbacks()}

    def change(names: dict[str, Any]) -> None:
        callbacks = names["callbacks"]
        callbacks.bound()
        callbacks.partial()
        Callbacks.registered.append(callbacks.bound)
        Callbacks.extra = callbacks  # type: ignore[attr-defined]

    for program in came_back(build, change):
        callbacks = program.names["callbacks"]
        assert (Callbacks.count, callbacks.double, Callbacks.total()) == (3, 6, 3)
        assert Callbacks.registered[0].__self__ is callbacks
        assert callbacks.append.__self__ is Callbacks.registered
        assert Callbacks.extra is callbacks  # type: ignore[attr-defined]
        assert callbacks.partial() == 5
    del Callbacks.extra  # type: ignore[attr-defined]


def test_globals_of_project_modules_are_state() -> None:
    def build() -> dict[str, Any]:
        closures.TOTAL[:] = [0]
        closures.set_global(1)
        return {"total": closures.TOTAL}

    def change(names: dict[str, Any]) -> None:
        closures.set_global(names)
        closures.TOTAL.append(5)

    for program in came_back(build, change):
        assert closures.TOTAL == [0, 5]
        assert program.names["total"] is closures.TOTAL
        assert closures.setting["total"] is closures.TOTAL  # type: ignore[index]
    closures.set_global(1)


def test_a_closure_of_an_earlier_call_of_the_running_function_is_told_from_its_own() -> None:
    """Both variables hold None; only one of them is the running function's."""
    hooks: list[Any] = []
    found: list[list[Any]] = []

    def first(i: int, cells: dict[str, Any]) -> None:
        hooks.append(sys._getframe(1).f_locals["on_end"])

    def second(i: int, cells: dict[str, Any]) -> None:
        frames = frames_of(sys._getframe(1), PROJECT, locals_of)
        cells.clear()
        walked = walk(frames, {"earlier": hooks}, PROJECT)
        nodes = zip(walked.graph.nodes, walked.objects, strict=True)
        earlier = hooks[0].__closure__[0]
        found.append([node.meta for node, thing in nodes if thing is earlier])

    train(first, rounds=0 + 1)
    hooks[:] = hooks[:1]
    hooks[0].__closure__[0].cell_contents = None
    train(second, rounds=1)

    assert found == [[None]]
