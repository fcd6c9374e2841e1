"""Read the code blocks of a Markdown file, and what a comment above each says about it.

    <!-- file: hello.py -->                     saved under this name; not executed
    <!-- from: examples/digits/train.py -->     quotes lines of this file of the project; the file is copied
    <!-- not run: it needs a cluster -->        left alone, with a reason

Without a comment: `python` and `bash` blocks are executed, `text` is what the block before it prints,
`toml`, `json` and `sql` must be well formed or are left alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?P<comment><!--[^\n]*-->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_COMMENT = re.compile(r"<!-- (?P<key>file|from|not run): (?P<value>.+) -->")


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    document: str
    line: int
    language: str
    text: str
    file: str | None = None
    quoted: str | None = None
    excuse: str | None = None

    def __str__(self) -> str:
        return f"{self.document}:{self.line} ({self.language})"


def read(path: Path) -> list[Block]:
    """The fenced blocks of the document, in order."""
    return list(_blocks(path.name, path.read_text("utf-8")))


def _blocks(document: str, text: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(text):
        comment = _COMMENT.match(match["comment"] or "")
        marks = {comment["key"]: comment["value"]} if comment else {}
        yield Block(
            document,
            line=text.count("\n", 0, match.start("language")) + 1,
            language=match["language"],
            text=match["text"],
            file=marks.get("file"),
            quoted=marks.get("from"),
            excuse=marks.get("not run"),
        )
