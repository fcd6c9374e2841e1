"""Puts text into a file without changing any other byte of it."""

import ast
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flor.replay.propagation import lexing
from flor.replay.propagation.results import PatchedFile
from flor.replay.propagation.statements import Block, Module, Statement


@dataclass(frozen=True, slots=True)
class Edit:
    """A text to be put in at an offset of the old text."""

    offset: int
    text: str
    order: tuple[int, ...] = ()  # among those at one offset
    lead: int = 0  # characters before what it is about
    is_line: bool = True  # a statement, not a part of one

    def place(self) -> tuple[int, tuple[int, ...], str]:
        """What edits are sorted by."""
        return self.offset, self.order, self.text


def statement_text(statement: Statement) -> str:
    """A statement as it stands in its file, moved to the left margin."""
    text = statement.module.text
    own = text.content[statement.start : statement.end]
    return _shifted(own, text.indentation(statement.line), "", "\n")


def _shifted(own: str, old: str, new: str, newline: str) -> str:
    """The text with other white space before its second and later lines; strings stay as they are."""
    inside = _starts_inside_strings(own)
    lines = own.split("\n")
    at = len(lines[0]) + 1
    shifted = [lines[0].removesuffix("\r")]
    for line in lines[1:]:
        if at in inside:
            shifted.append(line.removesuffix("\r"))  # the same to Python
        else:
            rest = line.removeprefix(old) if line.startswith(old) else line.lstrip(" \t")
            shifted.append(
                (new + rest).rstrip(" \t\r") if not rest.strip() else new + rest.removesuffix("\r")
            )
        at += len(line) + 1
    return newline.join(shifted)


def _starts_inside_strings(own: str) -> set[int]:
    """The offsets of those lines that begin within a string."""
    found: set[int] = set()
    for match in lexing.WORD.finditer(own):
        if lexing.is_string(match[0]) and "\n" in match[0]:
            found.update(match.start() + at + 1 for at, char in enumerate(match[0]) if char == "\n")
    return found


def is_inline(block: Block) -> bool:
    """Whether a block stands on the line of its header: `if x: y = 1`."""
    first = block.children[0]
    return not _is_first_on_line(first) and block.owner is not None and first.line == _header_line(block)


def _header_line(block: Block) -> int:
    first = block.children[0]
    before = block.module.text.content[: first.start].rstrip()
    return block.module.line_at(max(0, len(before) - 1))


def _is_first_on_line(statement: Statement) -> bool:
    text = statement.module.text
    start = text.starts[statement.line - 1]
    return not text.content[start : statement.start].strip(" \t\f")


def indentation(block: Block) -> str:
    """The white space before the statements of a block."""
    for each in block.children:
        if _is_first_on_line(each):
            return block.module.text.indentation(each.line)
    return ""


def has_room_above(statement: Statement) -> bool:
    """Whether there is an empty line above a statement, or should be."""
    line = statement.line
    return statement.kind in ("def", "ClassDef") or (
        line > 1 and not statement.module.text.lines[line - 2].strip()
    )


def insertion(
    block: Block, index: int, text: str, order: tuple[int, ...], has_room: bool = False
) -> Edit | None:
    """The edit that puts a statement before statement `index` of a block; None where it cannot stand there.

    Args:
        has_room: it goes below empty lines, not above them.
    """
    if not block.children:
        return _at_end(block.module, text, order)
    if index < len(block.children) and not _is_first_on_line(block.children[index]):
        return _on_line(block.children[index].start, text, order, is_before=True)
    if index and is_inline(block):
        return _on_line(block.children[index - 1].end, text, order, is_before=False)
    shifted = indentation(block) + _shifted(text, "", indentation(block), block.module.text.newline)
    if index == 0:
        return _line_edit(block.module, block.children[0].line, shifted, order)
    line = _last_line(block.children[index - 1]) + 1
    if has_room and index < len(block.children):
        while not block.module.text.lines[line - 1].strip():
            line += 1
    return _line_edit(block.module, line, shifted, order)


def _last_line(statement: Statement) -> int:
    return statement.module.line_at(max(statement.start, statement.end - 1))


def _line_edit(module: Module, line: int, shifted: str, order: tuple[int, ...]) -> Edit:
    """A new line before line `line`."""
    text = module.text
    lead = len(shifted) - len(shifted.lstrip(" \t\f"))
    offset = text.starts[min(line - 1, len(text.lines))]
    if line > len(text.lines) and text.lines and text.lines[-1] == text.lines[-1].rstrip("\r\n"):
        return Edit(offset, text.newline + shifted, order, lead + len(text.newline))
    return Edit(offset, shifted + text.newline, order, lead)


def _at_end(module: Module, text: str, order: tuple[int, ...]) -> Edit:
    shifted = _shifted(text, "", "", module.text.newline)
    return _line_edit(module, len(module.text.lines) + 1, shifted, order)


def _on_line(offset: int, text: str, order: tuple[int, ...], is_before: bool) -> Edit | None:
    """Beside another statement on one line, for which it must be simple and short."""
    if "\n" in text or hasattr(ast.parse(text).body[0], "body"):
        return None
    return Edit(offset, f"{text}; ", order) if is_before else Edit(offset, f"; {text}", order, 2)


def spliced(module: Module, edits: Sequence[Edit]) -> tuple[PatchedFile, Mapping[Edit, int]]:
    """The file with all edits made, and the line on which each edit's text begins."""
    content, mark = module.text.content, module.text.mark
    pieces: list[str] = []
    lines: dict[Edit, int] = {}
    end = line = 0
    for edit in sorted(edits, key=Edit.place):
        pieces.append(content[end : edit.offset])
        line += _newlines(pieces[-1])
        lines[edit] = line + _newlines(edit.text[: edit.lead]) + 1
        pieces.append(edit.text)
        line += _newlines(edit.text)
        end = edit.offset
    pieces.append(content[end:])
    whole = mark + "".join(pieces)
    moved, inserted = _line_map(module, lines)
    return PatchedFile(module.filename, whole, moved, inserted, mark + content), lines


def changed_regions(module: Module, edits: Sequence[Edit]) -> Iterator[str]:
    """The statements of the module around each edit, with the edits made."""
    # Several statements may share a line: `f.close(); g.close()`.
    starts = sorted({0, *(module.text.starts[each.line - 1] for each in module.body.children[1:])})
    end = len(module.text.content)
    for some in _together(starts, edits):
        at = bisect_right(starts, some[0].offset) - 1
        after = bisect_right(starts, some[-1].offset)
        first, last = starts[max(0, at - 1)], starts[after] if after < len(starts) else end
        yield _edited(module.text.content, some, first, last)


def _together(starts: Sequence[int], edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """The edits in groups: in one statement or in neighbouring ones."""
    group: list[Edit] = []
    for edit in sorted(edits, key=Edit.place):
        if group and bisect_right(starts, edit.offset) - bisect_right(starts, group[-1].offset) > 1:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _edited(content: str, edits: Sequence[Edit], start: int, end: int) -> str:
    pieces = []
    for edit in edits:
        pieces += [content[start : edit.offset], edit.text]
        start = edit.offset
    return "".join((*pieces, content[start:end]))


def _line_map(module: Module, lines: Mapping[Edit, int]) -> tuple[dict[int, int], tuple[int, ...]]:
    """Where old lines went, and the lines that are new."""
    inserted: list[int] = []
    for edit, line in lines.items():
        inserted.extend(range(line, line + _newlines(edit.text)))
    new = sorted(inserted)
    return dict(_moved(len(module.text.lines), new)), tuple(new)


def _moved(count: int, inserted: Sequence[int]) -> Iterator[tuple[int, int]]:
    shift = 0
    for old in range(1, count + 1):
        while shift < len(inserted) and inserted[shift] <= old + shift:
            shift += 1
        if shift:
            yield old, old + shift


def _newlines(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
