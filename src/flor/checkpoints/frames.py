"""The running functions of the project, as values: what their names are bound to."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from types import CellType, CodeType, FrameType
from typing import Any, Final

from flor.checkpoints.scope import Scope


class Unbound:
    """The type of UNBOUND, which stands for a name that has no value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNBOUND"


UNBOUND: Final = Unbound()


@dataclass(frozen=True, slots=True)
class FrameState:
    """One running function, or the body of a module."""

    filename: str  # from the root of the project
    qualname: str  # "<module>" for the body of a module
    module: str  # the name of the module it belongs to
    names: Mapping[str, Any]  # those that can still be read; UNBOUND where they have no value
    code: CodeType
    cells: Mapping[str, CellType] = field(default_factory=dict)  # the real ones, where they are known

    @property
    def is_module(self) -> bool:
        """Whether its names are the globals of a module."""
        return self.qualname == "<module>"


OURS = "_flor_"
"""Names that begin so were put into a program when it was rewritten; they are no state of it."""

CELLS = "_flor_cells"

Live = Callable[[FrameType], Collection[str]]
"""Which names of a frame can still be read where it stands."""


def frames_of(frame: FrameType | None, scope: Scope, live: Live) -> list[FrameState]:
    """The project's frames from the outermost to `frame`."""
    return [_state(each, scope, live(each)) for each in project_frames(frame, scope)]


def project_frames(frame: FrameType | None, scope: Scope) -> list[FrameType]:
    """The frames in which code of the project runs, outermost first."""
    found = []
    while frame is not None:
        if scope.has_file(frame.f_code.co_filename):
            found.append(frame)
        frame = frame.f_back
    return found[::-1]


def _state(frame: FrameType, scope: Scope, live: Collection[str]) -> FrameState:
    bound = names_bound_in(frame)
    return FrameState(
        filename=scope.relative(frame.f_code.co_filename),
        qualname=frame.f_code.co_qualname,
        module=str(frame.f_globals.get("__name__", "")),
        names={name: bound.get(name, UNBOUND) for name in sorted(live) if not name.startswith(OURS)},
        code=frame.f_code,
        cells=_cells(frame, bound),
    )


def _cells(frame: FrameType, bound: Mapping[str, Any]) -> Mapping[str, CellType]:
    """The cells of a rewritten function's variables: a local of ours holds a closure over all of them."""
    cells = bound.get(CELLS, ())
    code = frame.f_code
    names = sorted({*code.co_cellvars, *code.co_freevars} - {"__class__", "__classdict__"})
    return dict(zip(names, cells, strict=True)) if len(cells) == len(names) else {}


def names_bound_in(frame: FrameType) -> dict[str, Any]:
    """The names of the frame and their values.

    Before Python 3.13, `f_locals` of a function is a dict that the frame keeps: it would keep every local
    alive until it is read again, the iterator of a loop included.
    """
    kept = frame.f_locals
    if not frame.f_code.co_flags & CO_OPTIMIZED:
        return kept
    names = dict(kept)
    if type(kept) is dict:
        kept.clear()
    return names
