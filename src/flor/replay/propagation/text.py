"""The text of a file by lines and offsets, as Python's own tokenizer counts them."""

import re
from functools import cached_property

# `str.splitlines` breaks at form feeds and Unicode separators as well, which Python does not.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_MARK = "\ufeff"


class Text:
    """A file's text; offsets count characters, columns bytes of UTF-8, as in syntax trees."""

    def __init__(self, whole: str) -> None:
        self.mark = _MARK if whole.startswith(_MARK) else ""
        self.content = whole[len(self.mark) :]
        self.lines: list[str] = _LINE.findall(self.content)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        self._is_ascii = self.content.isascii()

    def offset(self, line: int, column: int) -> int:
        """The offset of a place that a syntax tree names."""
        start = self.starts[line - 1]
        if self._is_ascii:
            return start + column
        return start + len(self.lines[line - 1].encode()[:column].decode())

    def indentation(self, line: int) -> str:
        """The white space that a line begins with."""
        text = self.lines[line - 1]
        width = len(text) - len(text.lstrip(" \t\f"))
        return text[:width]

    @cached_property
    def newline(self) -> str:
        """How lines end: as the first one does."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"

    @cached_property
    def encoding(self) -> str:
        """What a cookie in the first two lines says."""
        for line in self.lines[:2]:
            if found := _COOKIE.match(line):
                return str(found[1])
        return "utf-8"

    @cached_property
    def stripped(self) -> list[str]:
        """The lines without white space around them; lines with only a comment are empty."""
        return ["" if line[:1] == "#" else line for line in map(str.strip, self.lines)]
