"""The project's frames: which there are, what their names are bound to, and that nothing is kept alive."""

import gc
import sys
import weakref
from types import FrameType
from typing import Any

from flor.checkpoints.frames import UNBOUND, frames_of
from flor.checkpoints.walk import walk
from unit.checkpoints.programs import PROJECT
from unit.checkpoints.project import stack


def all_names(frame: FrameType) -> tuple[str, ...]:
    code = frame.f_code
    return code.co_varnames + code.co_cellvars + code.co_freevars


def seen_by(call: Any) -> list[Any]:
    """The frames when the program calls `probe`."""
    found: list[Any] = []
    call(lambda: found.extend(frames_of(sys._getframe(1), PROJECT, all_names)))
    return found


def test_frames_of_the_project_are_found_outermost_first_through_those_of_libraries() -> None:
    frames = seen_by(stack.outer)

    assert [(frame.filename, frame.qualname) for frame in frames] == [
        ("stack.py", "outer"),
        ("stack.py", "Inner.run"),
    ]
    assert frames[0].names["value"] == 1
    assert frames[1].names["later"] is UNBOUND


def test_names_shared_with_closures_have_their_values() -> None:
    frames = seen_by(stack.sharing)

    assert frames[-1].names["shared"] == [1]


def test_no_local_is_kept_alive() -> None:
    class Item:
        pass

    def program(probe: Any) -> Any:
        item = Item()
        frames = frames_of(sys._getframe(), type(PROJECT)(PROJECT.root.parent), all_names)
        walk(frames, {}, PROJECT)
        del frames
        dead = weakref.ref(item)
        del item
        gc.collect()
        return dead()

    assert program(None) is None


def test_names_of_other_functions_stand_after_the_function() -> None:
    found: list[str] = []

    def probe() -> None:
        frames = frames_of(sys._getframe(1), PROJECT, all_names)
        found.extend(each.path for each in walk(frames, {}, PROJECT).opaque)

    stack.outer(probe, (each for each in ()))

    assert found == ["outer().source", "own"]
