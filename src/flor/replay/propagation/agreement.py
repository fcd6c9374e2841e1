"""Where a plain line diff would put a statement: a second opinion on its place."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from flor.replay.propagation.aligning import increasing, unique_common
from flor.replay.propagation.statements import Block, Module, Statement

_WINDOW = 80  # lines between two anchors that are compared


def agrees(now: Statement, block: Block, index: int) -> bool:
    """Whether lines around a statement of today stand around its place in the old file, too."""
    before, after = _neighbours(now, block.module)
    if not before and not after:
        return False
    first = _end_line(block.children[index - 1]) if index else _start_line(block)
    last = block.children[index].line if index < len(block.children) else _end_of(block)
    is_after = not before or before <= max(first, last - 1)
    is_before = not after or after > min(first, last - 1)
    return is_after and is_before


def _neighbours(now: Statement, old: Module) -> tuple[int, int]:
    """The old lines of the nearest lines before and after that are matched; 0 where there is none."""
    known = anchors(now.module, old)
    start, stop = now.line - 1, _end_line(now)
    mine, theirs = now.module.text.stripped, old.text.stripped
    left = max((pair for pair in known if pair[0] < start), default=(-1, -1))
    right = min((pair for pair in known if pair[0] >= stop), default=(len(mine), len(theirs)))
    pairs = [left, *_between(mine, theirs, left, right), right]
    before = max((there + 1 for here, there in pairs if here < start), default=0)
    after = min((there + 1 for here, there in pairs if here >= stop and there < len(theirs)), default=0)
    return before, after


def _between(
    mine: Sequence[str], theirs: Sequence[str], left: tuple[int, int], right: tuple[int, int]
) -> list[tuple[int, int]]:
    here, there = left[0] + 1, left[1] + 1
    some, other = mine[here : right[0]], theirs[there : right[1]]
    if len(some) > _WINDOW or len(other) > _WINDOW:
        return []
    blocks = SequenceMatcher(lambda line: not line, some, other, autojunk=False).get_matching_blocks()
    return [
        (here + block.a + step, there + block.b + step)
        for block in blocks
        for step in range(block.size)
        if some[block.a + step]
    ]


@lru_cache(8)
def anchors(now: Module, old: Module) -> tuple[tuple[int, int], ...]:
    """Lines that stand once in both files, in the same order."""
    return tuple(increasing(unique_common(now.text.stripped, old.text.stripped)))


def _end_line(statement: Statement) -> int:
    return statement.module.line_at(max(statement.start, statement.end - 1))


def _start_line(block: Block) -> int:
    return block.owner.line if block.owner is not None else 0


def _end_of(block: Block) -> int:
    return _end_line(block.children[-1]) + 1 if block.children else 1
