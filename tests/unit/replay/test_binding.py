"""Names of functions that wait for a call are bound from outside."""

import dis
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

import pytest

from flor.checkpoints.frames import UNBOUND, FrameState
from flor.errors import ReentryRefused
from flor.replay.binding import Names, assigned_from, bind
from flor.replay.rewrite import rewrite


def _states(*frames: FrameType) -> list[FrameState]:
    return [FrameState("f.py", each.f_code.co_qualname, "m", {}, each.f_code) for each in frames]


def _callers(wanted: Mapping[str, Any]) -> tuple[int, list[int], Any]:
    number, items, late = 1, [1], None
    _bind_both(wanted)
    return number, items, late


def _bind_both(wanted: Mapping[str, Any]) -> Names | None:
    here, caller = sys._getframe(), sys._getframe(1)
    return bind([wanted, {}], [caller, here], _states(caller, here), since=0)


def test_a_caller_goes_on_with_other_values() -> None:
    items = [2]

    assert _callers({"number": 5, "items": items, "late": "now"}) == (5, [2], "now")
    assert _callers({"number": 5, "items": items, "late": "now"})[1] is items


def test_a_name_of_a_caller_that_had_no_value_then_is_refused() -> None:
    with pytest.raises(ReentryRefused, match=r"number has a value in _callers\(\) that it had not then"):
        _callers({"number": UNBOUND})


def test_what_a_probe_brought_stays_and_what_may_have_changed_goes() -> None:
    frame = sys._getframe()
    probed = 7
    names = Names(id(frame), {"kept": 1}, since=frame.f_lasti)

    assert names.values(frame, ["kept", "probed", "later", "nobody"]) == [1, 7, UNBOUND, UNBOUND]
    later = probed
    assert later == 7


def test_the_names_of_a_module_are_bound_at_once() -> None:
    names: dict[str, Any] = {"sys": sys, "bind": bind, "_states": _states, "UNBOUND": UNBOUND}
    program = """
gone, changed = 1, 2
frame = sys._getframe()
left = bind([{"gone": UNBOUND, "changed": 3, "made": 4}], [frame], _states(frame), frame.f_lasti)
after = 5
"""
    exec(program, names)

    assert names["left"] is None
    assert "gone" not in names
    assert (names["changed"], names["made"], names["after"]) == (3, 4, 5)


FUNCTION = """
import flor
def train(epochs):
    model = 1
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(epochs)):
            later = model
    return later
"""


def test_what_a_rewritten_function_binds_anew_is_not_what_it_assigns() -> None:
    module = compile(rewrite(FUNCTION, "f.py"), "f.py", "exec")
    code = next(each for each in module.co_consts if isinstance(each, CodeType))
    stored = next(each for each in dis.get_instructions(code) if each.argval == "model")

    names = assigned_from(code, stored.offset + 2)

    assert {"epoch", "later"} <= names
    assert not {"model", "epochs"} & names
