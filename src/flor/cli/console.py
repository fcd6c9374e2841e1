"""The only module of the command line that prints, and the only one that asks."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import TextIO

from flor.cli import render
from flor.cli.table import Table
from flor.errors import FlorError

NEWEST = 50
"""Rows of a table that a terminal shows."""
_UNLIMITED = sys.maxsize


class OutputClosed(Exception):
    """Whoever read our output has left (`| head`)."""


class NotConfirmed(FlorError):
    """The user said no, or nobody was there to say yes."""


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command's output goes and its answers come from."""

    out: TextIO
    err: TextIO
    answers: TextIO | None

    @property
    def is_terminal(self) -> bool:
        """Whether a person is looking at the output."""
        return self.out.isatty()

    def lines(self, lines: Iterable[str]) -> None:
        """Print each line."""
        try:
            self.out.writelines(f"{line}\n" for line in lines)
        except BrokenPipeError as error:
            raise OutputClosed from error

    def line(self, line: str = "") -> None:
        """Print one line."""
        self.lines([line])

    def json(self, value: object) -> None:
        """Print JSON: indented on a terminal, else one line."""
        indent = 2 if self.is_terminal else None
        is_unicode = (self.out.encoding or "").lower().replace("-", "") == "utf8"
        self.line(render.dumps(value, indent=indent, ascii_only=not is_unicode))

    def table(self, table: Table, *, newest: bool = True, total: int | None = None) -> None:
        """Print a table: aligned on a terminal, else complete and tab-separated.

        Args:
            newest: a terminal shows the last rows of a long table; False: the first ones.
            total: how many rows there are in all, where `table` no longer holds them.
        """
        if not self.is_terminal:
            self.lines(table.tab_separated())
            return
        rows = table.rows[-NEWEST:] if newest else table.rows[:NEWEST]
        self.lines(replace(table, rows=rows).aligned(self._width()))
        count = len(table.rows) if total is None else total
        if count > len(rows):
            self.line(f"{count} rows; all with --csv")

    def part(self, table: Table, *, indent: int = 2) -> None:
        """Print a table that is part of a page: aligned, and cut to the width of a terminal only."""
        cells, width = table, self._width() - indent
        if not self.is_terminal:
            cells = Table(table.columns, [[render.text(value) for value in row] for row in table.rows])
            width = _UNLIMITED
        self.lines(" " * indent + line for line in cells.aligned(width))

    def facts(self, facts: Sequence[tuple[str, object]], *, indent: int = 0) -> None:
        """Print one named fact a line, those without a value left out."""
        known = [(name, value) for name, value in facts if value not in (None, "", (), [])]
        length = max((render.display_width(name) for name, _ in known), default=0)
        width = self._width() if self.is_terminal else _UNLIMITED
        for name, value in known:
            line = f"{' ' * indent}{name.ljust(length)}  {render.printable(render.text(value))}"
            self.line(render.shortened(line, width))

    def paragraph(self, text: str, *, indent: int = 2) -> None:
        """Print text, wrapped on a terminal."""
        width = self._width() - indent if self.is_terminal else _UNLIMITED
        self.lines(" " * indent + line for line in textwrap.wrap(text, width, break_on_hyphens=False))

    def note(self, message: str) -> None:
        """Print a line that is not part of the result."""
        print(message, file=self.err, flush=True)

    def confirm(self, question: str, *, assume_yes: bool) -> None:
        """Return if the user agrees, who is asked on a terminal or answers by piped input.

        Raises:
            NotConfirmed: otherwise.
        """
        if assume_yes:
            return
        answer = self._answer(f"{question} [y/N]? ")
        if answer is None:
            raise NotConfirmed("Nobody is here to confirm; nothing was done.", "Repeat with --yes.")
        if answer.strip().lower() not in ("y", "yes"):
            raise NotConfirmed("Not confirmed; nothing was done.")

    def flush(self) -> None:
        """Write out what is buffered."""
        try:
            self.out.flush()
        except BrokenPipeError as error:
            raise OutputClosed from error

    def _answer(self, question: str) -> str | None:
        if self.answers is None:
            return None
        self.flush()
        if self.answers.isatty():
            print(question, end="", file=self.err, flush=True)
        return self.answers.readline() or None

    def _width(self) -> int:
        return shutil.get_terminal_size().columns


def standard() -> Console:
    """The console of this process; what its encoding lacks is escaped."""
    out, err = sys.stdout or StringIO(), sys.stderr or StringIO()  # a process may have none
    for stream in (out, err):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    return Console(out, err, sys.stdin)


def abandon_output() -> None:
    """Point standard output nowhere, so that the interpreter's last flush is silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
