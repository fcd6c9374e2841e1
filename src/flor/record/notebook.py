"""IPython and Jupyter: follows the cells as they are executed.

IPython is never imported here. It is asked where it has been loaded already, which for a plain
script costs one look into `sys.modules`.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flor.project import Project
from flor.record.cells import Cell, Cells, file_for, notebook_of, text

UNNAMED = "<ipython>"


class Listener(Protocol):
    """What is told of cells; exceptions are its own to handle."""

    def cell_begins(self, is_again: bool) -> None:
        """A cell is about to be executed; `is_again`: it has logged to the current run before."""

    def cell_ends(self, has_raised: bool) -> None:
        """A cell has been executed."""


def shell_of_process() -> Any:
    """The IPython shell that executes this process's code; None where there is none."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = ask() if ask else None
    # A shell embedded in a script looks into that script; the run is the script's.
    return None if "Embed" in type(shell).__name__ else shell


def path_of(shell: Any) -> Path | None:
    """The notebook that the shell executes, where the front end tells; else None."""
    names = (shell.user_ns.get("__vsc_ipynb_file__"), shell.user_ns.get("__session__"))
    has_front_end = getattr(shell, "kernel", None) is not None
    found = notebook_of(*names, os.environ.get("JPY_SESSION_NAME") if has_front_end else None)
    if found is None:
        return None
    # A path relative to the server's root, or of another machine: kernels start beside their notebook.
    is_here = found.is_absolute() and Path(found).parent.is_dir()
    return Path(found) if is_here else Path.cwd() / found.name


@dataclass(frozen=True, slots=True)
class Notebook:
    """The cells of a shell, followed from the first use of FlorDB on."""

    shell: Any
    cells: Cells
    listener: Listener

    @classmethod
    def follow(cls, shell: Any, listener: Listener) -> "Notebook":
        """Follow a shell, usually in the middle of a cell."""
        notebook = cls(shell, Cells(), listener)
        notebook._catch_up()
        shell.events.register("pre_run_cell", notebook._begin)
        shell.events.register("post_run_cell", notebook._end)
        return notebook

    def files(self, project: Project) -> dict[str, bytes]:
        """The cells so far as a file of the project: it stands in snapshots only."""
        if not self.cells.executed:
            return {}
        path = path_of(self.shell) or Path.cwd() / "ipython"
        stem = project.filename(path.with_suffix(""))
        if stem.startswith(("/", "..")):
            stem = path.stem
        content = text(self.cells.executed).encode("utf-8", "backslashreplace")
        return {file_for(stem, _Existing(project.root)): content}

    def _catch_up(self) -> None:
        """Take over what the shell remembers of the cells before; the last is the one that runs."""
        sources = list(enumerate(self.shell.history_manager.input_hist_raw))[1:]
        for number, source in sources:
            is_last = number == len(sources)
            self.cells.begin(Cell(number, source, _current_id(self.shell) if is_last else None))
            if not is_last:
                self.cells.end(has_raised=False)

    def _begin(self, info: Any) -> None:
        number = self.shell.execution_count - bool(info.store_history)
        cell = Cell(number, info.raw_cell, getattr(info, "cell_id", None))
        self.listener.cell_begins(self.cells.begin(cell))

    def _end(self, result: Any) -> None:
        error = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
        # An interrupt is no mistake to be mended: who repeats the cell then begins anew.
        has_raised = isinstance(error, Exception)
        self.cells.end(has_raised)
        self.listener.cell_ends(has_raised)


def _current_id(shell: Any) -> str | None:
    """The front end's id of the cell that is being executed."""
    ask: Callable[[], Any] | None = getattr(shell, "get_parent", None)
    metadata = (ask() or {}).get("metadata") if ask else None
    found = (metadata or {}).get("cellId")
    return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class _Existing:
    """The names of files in a folder."""

    folder: Path

    def __contains__(self, name: object) -> bool:
        return os.path.lexists(self.folder / str(name))
