"""The cells of a notebook or of IPython: what was executed, in which order, and when a run ends. Pure."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePath

_NOTEBOOK = ".ipynb"
_SUFFIX = ".cells.py"


@dataclass(frozen=True, slots=True)
class Cell:
    """One execution of a cell."""

    number: int  # as shown beside it: In [3]
    source: str  # as it was typed, magics included
    id: str | None = None  # the front end's, where it gives one; the same when the cell was edited

    @property
    def key(self) -> tuple[str, str]:
        """What is equal for two executions of one cell."""
        return ("id", self.id) if self.id else ("source", self.source)


@dataclass(slots=True)
class Cells:
    """The cells executed so far, and which of them have logged to the current run.

    Cells can nest: `%run other.ipynb` executes the other notebook's cells within its own.
    """

    executed: list[Cell] = field(default_factory=list)
    _running: list[Cell] = field(default_factory=list)
    _logged: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, cell: Cell) -> bool:
        """Note that a cell is executed; whether it has logged to the current run before, which ends there."""
        self.executed.append(cell)
        self._running.append(cell)
        return cell.key in self._logged

    def note_record(self) -> None:
        """Note that the cells being executed have logged."""
        self._logged.update(cell.key for cell in self._running)

    def end(self, has_raised: bool) -> None:
        """Note that the innermost cell has ended; one that has raised may be mended and tried again."""
        if self._running:
            cell = self._running.pop()
            if has_raised:
                self._logged.discard(cell.key)

    def start_run(self) -> None:
        """Note that the next record belongs to a new run."""
        self._logged.clear()


def text(cells: Sequence[Cell]) -> str:
    """The cells as one file, each below a line `# %% [n]`."""
    return "".join(f"# %% [{cell.number}]\n{_ended(cell.source)}" for cell in cells)


def notebook_of(*names: object) -> PurePath | None:
    """The path of the first of these names that is a notebook's."""
    for name in names:
        if isinstance(name, str) and name.lower().endswith(_NOTEBOOK):
            return PurePath(name)
    return None


def file_for(stem: str, taken: Container[str]) -> str:
    """The name of the file that keeps the cells of a notebook: one that is not taken."""
    names = (f"{stem}.{number}{_SUFFIX}" if number else f"{stem}{_SUFFIX}" for number in count())
    return next(name for name in names if name not in taken)


def _ended(source: str) -> str:
    return source if source.endswith("\n") else source + "\n"
