"""Tables as lines: tab-separated, or aligned in columns that fit a width. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flor.cli.render import ELLIPSIS, display_width, printable, short, shortened, text

GAP = "  "
_SHORTEST_TEXT = 8  # a column of text is not cut below this width
_BREAKS = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; a cell is any Python value, None an empty one."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    spare: str = ""  # the column left out first where a terminal is too narrow; "": the middle one

    def records(self) -> list[dict[str, Any]]:
        """One object a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def tab_separated(self) -> Iterator[str]:
        """A header and one line a row, in full precision; tabs and line breaks within a cell are escaped."""
        yield "\t".join(name.translate(_BREAKS) for name in self.columns)
        for row in self.rows:
            yield "\t".join([_unbroken(value) for value in row])

    def aligned(self, width: int) -> list[str]:
        """A header and one line a row, in columns, no line wider than `width` where that can be.

        Text is cut first; where that is not enough, columns are left out, those in the middle first.
        """
        cells = [[printable(name) for name in self.columns]]
        cells += [[short(value) for value in row] for row in self.rows]
        columns = [_column(index, self, cells) for index in range(len(self.columns))]
        shown = fit(columns, width)
        return [GAP.join(_cell(row, column) for column in shown).rstrip() for row in cells]


def _unbroken(value: object) -> str:
    # Only text holds tabs and line breaks: JSON escapes them itself.
    return value.translate(_BREAKS) if isinstance(value, str) else text(value)


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a table is laid out."""

    index: int | None  # None: stands for the columns left out
    width: int
    least: int
    is_number: bool = False
    is_spare: bool = False


_LEFT_OUT = Column(None, 1, 1)


def fit(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that `width` has room for, each with its width."""
    shown = list(columns)
    while len(shown) > 3 and _total([column.least for column in shown]) > width:
        shown = _without_middle(shown)
    return _narrowed(shown, _total([column.width for column in shown]) - width)


def _without_middle(columns: list[Column]) -> list[Column]:
    if _LEFT_OUT not in columns:
        middle = next((i for i, column in enumerate(columns) if column.is_spare), len(columns) // 2)
        return [*columns[:middle], _LEFT_OUT, *columns[middle + 1 :]]
    gap = columns.index(_LEFT_OUT)
    is_left_longer = gap > len(columns) - 1 - gap
    left, right = (gap - 1, gap + 1) if is_left_longer else (gap, gap + 2)
    return [*columns[:left], _LEFT_OUT, *columns[right:]]


def _narrowed(columns: list[Column], excess: int) -> list[Column]:
    """The columns, the widest of them cut back by `excess` characters together."""
    widths = [column.width for column in columns]
    while excess > 0:
        room = [w if w > c.least else 0 for w, c in zip(widths, columns, strict=True)]
        widest = max(room, default=0)
        if not widest:
            break
        widths[room.index(widest)] -= 1
        excess -= 1
    return [replace(column, width=w) for column, w in zip(columns, widths, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _column(index: int, table: Table, cells: list[list[str]]) -> Column:
    width = max(display_width(row[index]) for row in cells)
    values = [row[index] for row in table.rows if row[index] is not None]
    is_number = bool(values) and all(_is_number(value) for value in values)
    keeps_width = is_number or any(isinstance(value, datetime) for value in values)
    least = width if keeps_width else min(width, _SHORTEST_TEXT)
    return Column(index, width, least, is_number, is_spare=table.columns[index] == table.spare)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(row: list[str], column: Column) -> str:
    if column.index is None:
        return ELLIPSIS
    content = shortened(row[column.index], column.width)
    padding = " " * (column.width - display_width(content))
    return padding + content if column.is_number else content + padding
