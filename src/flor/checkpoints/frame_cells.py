"""Which cells are the variables of running functions.

A closure made in the loop shares the cell of the frame, and must share it again after a restore. Python shows
a frame's values, not its cells: they are told by code, name and content, and by a holder that no closure
accounts for.
"""

import sys
from collections.abc import Iterator, Sequence
from types import CellType, CodeType

from flor.checkpoints.frames import UNBOUND, FrameState

_OUR_HOLDS = 3  # the candidate's entry, the local variable, the argument of getrefcount
AMBIGUOUS = "one of several closures over a variable of a running function"


class FrameCells:
    """The cells met in one walk, and the frames they may belong to."""

    def __init__(self, frames: Sequence[FrameState]) -> None:
        self._frames = frames
        self._exact = {
            id(cell): f"{place}:{name}"
            for place, frame in enumerate(frames)
            for name, cell in frame.cells.items()
        }
        self._makers: dict[
            int, list[int]
        ] = {}  # id of a code object to the frames that can have made its functions
        for place, frame in enumerate(frames):
            if not frame.cells and (frame.code.co_cellvars or frame.code.co_freevars):
                for code in nested_code(frame.code):
                    self._makers.setdefault(id(code), []).append(place)
        self._closures: dict[int, int] = {}
        self._candidates: dict[str, dict[int, CellType]] = {}

    def note(self, code: CodeType, name: str, cell: CellType) -> None:
        """A function of this code has the cell in its closure."""
        self._closures[id(cell)] = self._closures.get(id(cell), 0) + 1
        for place in self._makers.get(id(code), ()):
            if self._holds(self._frames[place], name, cell):
                self._candidates.setdefault(f"{place}:{name}", {})[id(cell)] = cell

    def _holds(self, frame: FrameState, name: str, cell: CellType) -> bool:
        if name not in frame.names:
            return False
        try:
            return cell.cell_contents is frame.names[name]
        except ValueError:
            return frame.names[name] is UNBOUND

    def found(self) -> Iterator[tuple[int, str]]:
        """The id of each cell that is a variable of a frame, and of which: "place:name".

        Several candidates for one variable: AMBIGUOUS for each.
        """
        yield from self._exact.items()
        for variable, cells in self._candidates.items():
            held = [cell for cell in cells.values() if self._is_held_elsewhere(cell)]
            for cell in held:
                yield id(cell), variable if len(held) == 1 else AMBIGUOUS

    def _is_held_elsewhere(self, cell: CellType) -> bool:
        # Beside the closures and us (the walk's queue and its table of candidates) only a frame holds a cell.
        return sys.getrefcount(cell) > self._closures[id(cell)] + _OUR_HOLDS + 2


def nested_code(code: CodeType) -> Iterator[CodeType]:
    """The code objects of everything that is defined in the code, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from nested_code(constant)
