"""Names of running functions: bound anew from outside as far as that can be done, else by the program."""

import ctypes
import dis
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import CO_OPTIMIZED
from types import CellType, CodeType, FrameType
from typing import Any

from flor.checkpoints.atoms import dump, is_atom
from flor.checkpoints.frames import OURS, UNBOUND, FrameState, names_bound_in
from flor.checkpoints.liveness import accesses
from flor.errors import ReentryRefused
from flor.replay.rewrite import binds_anew


@dataclass(frozen=True, slots=True)
class Names:
    """What the function that goes on binds its names to."""

    frame: int  # its id
    names: Mapping[str, Any]
    since: int  # a name that is assigned from this instruction on may have had another value
    done: frozenset[str] = frozenset()  # variables that closures share are bound already

    def values(self, frame: FrameType, names: Sequence[str]) -> list[Any]:
        """A value for each name; those that a probe brought, and that nothing assigns later, stay."""
        bound = names_bound_in(frame)
        lost = assigned_from(frame.f_code, self.since)
        stay = {name: value for name, value in bound.items() if name not in lost or name in self.done}
        wanted = {**stay, **{name: value for name, value in self.names.items() if name not in self.done}}
        return [wanted.get(name, UNBOUND) for name in names]

    def unbound_in(self, frame: FrameType) -> list[str]:
        """The names that are not bound as they must be."""
        bound = names_bound_in(frame)
        wanted = ((name, value) for name, value in self.names.items() if name not in self.done)
        return [name for name, value in wanted if bound.get(name, UNBOUND) is not value]


def bind(
    wanted: Sequence[Mapping[str, Any]],
    frames: Sequence[FrameType],
    states: Sequence[FrameState],
    since: int,
) -> Names | None:
    """Bind the names of the frames, outermost first; what is left to the innermost to bind itself.

    Args:
        since: see `Names`; of the innermost frame.
    """
    left = None
    for place, (names, frame, state) in enumerate(zip(wanted, frames, states, strict=False)):
        is_last = place == len(wanted) - 1
        for name, cell in state.cells.items():
            if name in names:
                _fill(cell, names[name])
        if not frame.f_code.co_flags & CO_OPTIMIZED:
            _bind_namespace(frame, names, since if is_last else None)
        else:
            free = {name: value for name, value in names.items() if name not in state.cells}
            if is_last:
                left = Names(id(frame), names, since, frozenset(state.cells))
                free = {name: value for name, value in free.items() if value is not UNBOUND}
            _bind_locals(frame, free)
    return left


def assigned_from(code: CodeType, offset: int) -> frozenset[str]:
    """The names that the code assigns at this instruction or behind it."""
    return frozenset(name for name, last in _last_stores(code).items() if last >= offset)


def user_frame() -> FrameType:
    """The innermost frame that is not FlorDB's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("flor."):
        frame = frame.f_back
    if frame is None:
        raise ReentryRefused("No frame of the program asks.")
    return frame


def _fill(cell: CellType, value: Any) -> None:
    if value is not UNBOUND:
        cell.cell_contents = value
    else:
        try:
            del cell.cell_contents
        except ValueError:
            return  # it is empty already


def _bind_namespace(frame: FrameType, names: Mapping[str, Any], since: int | None) -> None:
    """Bind the names of the body of a module or class: they lie in a dict."""
    bound = frame.f_locals
    lost = assigned_from(frame.f_code, since) if since is not None else frozenset()
    for name in [each for each in lost if each not in names and each in bound]:
        if not name.startswith(("__", OURS)):
            del bound[name]
    for name, value in names.items():
        if value is UNBOUND:
            bound.pop(name, None)
        elif bound.get(name, UNBOUND) is not value:
            bound[name] = value


def _bind_locals(frame: FrameType, names: Mapping[str, Any]) -> None:
    """Bind names of a function that waits for a call to return, where they have other values."""
    bound = names_bound_in(frame)
    for name, value in names.items():
        now = bound.get(name, UNBOUND)
        if now is value or (is_atom(now) and is_atom(value) and dump(now) == dump(value)):
            continue
        if value is UNBOUND:
            raise ReentryRefused(f"{name} has a value in {frame.f_code.co_qualname}() that it had not then.")
        _set_local(frame, name, value)


def _set_local(frame: FrameType, name: str, value: Any) -> None:
    """Give a variable of a waiting function a value, as debuggers do."""
    kept = frame.f_locals
    kept[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
        kept.clear()  # it would keep every local alive


@lru_cache(maxsize=256)
def _last_stores(code: CodeType) -> Mapping[str, int]:
    """Where in the code each name is assigned last."""
    found: dict[str, int] = {}
    for each in dis.get_instructions(code):
        if binds_anew(each):
            continue
        _, assigned = accesses(each)
        found.update((name, each.offset) for name in assigned)
    return found
