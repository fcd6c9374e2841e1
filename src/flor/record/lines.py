"""What is written to a terminal, as lines: of a line that is drawn again and again only the last state. Pure.

Progress bars go back to the beginning of their line, nested ones also to lines above. A small
model of the terminal's last rows follows them; a row is a line once nothing can change it.
"""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

Mark = TypeVar("Mark")

LONGEST = 64 << 10
"""A line with more characters comes in pieces."""
_ROWS_HELD = 32
_CONTROL = re.compile(r"(\r|\n|\x08|\x1b\[\d*[AK])")


@dataclass(slots=True)
class Line(Generic[Mark]):
    """One line, and what the caller said with the last text written to it."""

    text: str
    mark: Mark
    is_redrawn: bool = False


class Lines(Generic[Mark]):
    """Takes texts as they are written to one stream, and gives the lines that are complete."""

    def __init__(self) -> None:
        self._rows: list[Line[Mark]] = []
        self._row = self._column = 0
        self._has_returned = False  # to the beginning of the row, to draw it again
        self._has_climbed = False  # ever: then rows may be drawn again after the cursor has left them

    def feed(self, text: str, mark: Mark) -> list[Line[Mark]]:
        """The lines that this text completes."""
        done: list[Line[Mark]] = []
        for position, part in enumerate(_CONTROL.split(text)):
            if not part:
                continue
            while len(self._rows) <= self._row:
                self._rows.append(Line("", mark))
            if position % 2:
                self._control(part, done)
            else:
                self._write(part, mark, done)
        return done

    def rest(self) -> list[Line[Mark]]:
        """The lines so far that were not complete yet."""
        rows, self._rows, self._row, self._column = self._rows, [], 0, 0
        return [row for row in rows if row.text.strip()]

    def _write(self, part: str, mark: Mark, done: list[Line[Mark]]) -> None:
        row = self._rows[self._row]
        before = row.text[: self._column].ljust(self._column)
        row.text = before + part + row.text[self._column + len(part) :]
        row.mark = mark
        row.is_redrawn |= self._has_returned
        self._has_returned = False
        self._column += len(part)
        while len(row.text) > LONGEST:
            done.append(Line(row.text[:LONGEST], mark))
            row.text, self._column = row.text[LONGEST:], max(self._column - LONGEST, 0)

    def _control(self, sign: str, done: list[Line[Mark]]) -> None:
        row = self._rows[self._row]
        if sign == "\n":
            self._leave(row, done)
        elif sign == "\r":
            self._return(row)
        elif sign == "\x08":
            self._column, self._has_returned = max(self._column - 1, 0), True
        elif sign.endswith("A"):
            self._climb(int(sign[2:-1] or 1))
        else:
            row.text = "" if sign == "\x1b[2K" else row.text[: self._column]

    def _return(self, row: Line[Mark]) -> None:
        """Go back to the beginning of the row; one that was wiped with spaces is as new."""
        was_wiped = bool(row.text) and row.text.isspace()
        if was_wiped:
            row.text, row.is_redrawn = "", False
        self._column, self._has_returned = 0, not was_wiped

    def _climb(self, count: int) -> None:
        self._has_climbed = True
        self._row -= count
        if self._row < 0:  # above what has been given away already
            self._rows[:0] = [Line("", self._rows[0].mark) for _ in range(-self._row)]
            self._row = 0

    def _leave(self, row: Line[Mark], done: list[Line[Mark]]) -> None:
        """Go to the next row; give away what will not be drawn again."""
        self._column, self._has_returned = 0, False
        self._row += 1
        is_held = self._has_climbed and (row.is_redrawn or not row.text.strip())
        count = len(self._rows) - _ROWS_HELD if is_held else self._row
        if count > 0:
            rows, self._rows = self._rows[:count], self._rows[count:]
            self._row = max(self._row - count, 0)
            done += [gone for gone in rows if gone.text.strip() or not self._has_climbed]
