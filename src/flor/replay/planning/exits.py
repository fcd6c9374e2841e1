"""Where a program goes on behind a loop or block: found in its bytecode, by the lines of statements. Pure."""

import ast
import dis
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

from flor.replay.planning.places import Loop
from flor.replay.planning.program import Function, Path, Step


@dataclass(frozen=True)
class Site:
    """A loop or block, with the code that it is compiled to."""

    function: Function
    path: Path
    code: CodeType

    @property
    def node(self) -> Any:
        """Its statement."""
        return self.path[-1].node

    def is_of(self, filename: str, qualname: str) -> bool:
        """Whether it stands in this function."""
        return (self.function.filename, self.function.qualname) == (filename, qualname)

    def holds(self, loop: Loop) -> bool:
        """Whether a loop stands in it."""
        is_here = self.is_of(loop.filename, loop.qualname)
        return is_here and bool(self.node.lineno <= loop.line <= (self.node.end_lineno or 0))

    @property
    def is_left_for_loop(self) -> bool:
        """Whether a `break` or `continue` may leave the block."""
        return any(isinstance(step.node, (ast.For, ast.AsyncFor, ast.While)) for step in self.path)

    @cached_property
    def header(self) -> int:
        """Where a loop draws its next item."""
        return self._header_of(self.node)

    def _header_of(self, node: ast.For) -> int:
        # Up to Python 3.12 the instruction stands at the whole statement, later at what is iterated over.
        wanted = ((node.lineno, node.col_offset), (node.iter.lineno, node.iter.col_offset))
        for each in dis.get_instructions(self.code):
            at = each.positions
            if each.opname == "FOR_ITER" and at and (at.lineno, at.col_offset) in wanted:
                return each.offset
        return 0  # where every name of the function may still be read

    @cached_property
    def after(self) -> list[int] | None:
        """Where the program goes on behind the statement; None where that is not known."""
        return self._following(len(self.path) - 1)

    def behind(self, how: str) -> list[int] | None:
        """Where the program goes on when the loop is over: its `else` first, if it was not left."""
        if not self.node.orelse or how == "break":
            return self.after
        first = self._otherwise
        if first is None or how == "exhausted":
            return None if first is None else [first]
        return None if self.after is None else [*self.after, first]

    @cached_property
    def _otherwise(self) -> int | None:
        return self._first_of(self.node.orelse[0])

    def _following(self, position: int) -> list[int] | None:
        """Where the program goes on behind a statement around the loop; None where that is not known."""
        statement = self.path[position].node
        if not position:
            return self._next_in(self.function.node.body, statement)
        around = self.path[position - 1]
        if around.part in ("handlers", "cases"):
            return None
        found = self._next_in(getattr(around.node, around.part), statement)
        if found:
            return found
        then = _then(around)
        if then is not None:
            first = self._first_of(then)
            return None if first is None else [first]
        outer = self._following(position - 1)
        again = self._again(around)
        return None if outer is None or again is None else [*outer, *again]

    def _again(self, around: Step) -> list[int] | None:
        """Where a loop around goes on when its body ends."""
        if around.part != "body" or not isinstance(around.node, (ast.For, ast.AsyncFor, ast.While)):
            return []
        if isinstance(around.node, ast.For):
            return [self._header_of(around.node)]
        first = self._first_of(around.node.test) if isinstance(around.node, ast.While) else None
        return None if first is None else [first]

    def _next_in(self, body: Sequence[ast.stmt], statement: ast.stmt) -> list[int]:
        """The first instruction behind a statement in its block; none: the block ends."""
        place = next(at for at, each in enumerate(body) if each is statement)
        # Some statements, such as `pass`, have no instruction.
        firsts = (self._first_of(each) for each in body[place + 1 :])
        return [first for first in firsts if first is not None][:1]

    def _first_of(self, node: ast.stmt | ast.expr) -> int | None:
        """The first instruction of a statement or expression; None where it has none."""
        start = (node.lineno, node.col_offset)
        end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
        offsets = (each.offset for each in dis.get_instructions(self.code) if _is_within(each, start, end))
        return min(offsets, default=None)


def _is_within(each: dis.Instruction, start: tuple[int, int], end: tuple[int, int]) -> bool:
    at = each.positions
    if at is None or at.lineno is None or each.opname in ("NOP", "RESUME"):
        return False
    return start <= (at.lineno, at.col_offset or 0) < end


def _then(around: Step) -> ast.stmt | None:
    """What of a `try` follows the end of one of its parts."""
    node = around.node
    if not isinstance(node, (ast.Try, ast.TryStar)):
        return None
    following = {"body": [*node.orelse, *node.finalbody], "orelse": node.finalbody}.get(around.part, [])
    return following[0] if following else None
