"""By which statement a `with` block was left: Python forgets it, but each way out has code of its own."""

import ast
import dis
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

NORMALLY = -1
"""The block was left at its end."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LEAVES = (ast.Return, ast.Break, ast.Continue)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def leaves(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements by which a block can be left, other than at its end, in the order they stand."""
    return [leave for statement in body for leave in _leaves_of(statement, in_loop=False)]


def can_be_repeated(leave: ast.stmt) -> bool:
    """Whether to execute the statement again gives the same: names, attributes and constants only."""
    if not isinstance(leave, ast.Return) or leave.value is None:
        return True
    plain = (ast.Name, ast.Attribute, ast.Constant, ast.Tuple, ast.Load)
    return all(isinstance(part, plain) for part in ast.walk(leave.value))


@dataclass(frozen=True, slots=True)
class Left:
    """How a block was left: by the statement of this number, which reads these names."""

    number: int = NORMALLY
    names: frozenset[str] = frozenset()


def left_by(frame: FrameType) -> Left | None:
    """By which statement the block that closes in this frame is left.

    None where that cannot be told, or where the statement cannot be executed again.
    """
    code = frame.f_code
    block = _block(code, frame.f_lasti)
    if block is None:
        return None
    found = leaves(block.body)
    if not found:
        return Left()
    exits = _exits(code, block)
    has_end = not isinstance(block.body[-1], (*_LEAVES, ast.Raise))
    is_in_order = len(exits) == len(found) + has_end and not any(map(_moves_code, ast.walk(block)))
    if not is_in_order or frame.f_lasti not in exits:
        return None
    number = exits.index(frame.f_lasti)
    if number == len(found):
        return Left()
    return Left(number, _names_in(found[number])) if can_be_repeated(found[number]) else None


def _names_in(leave: ast.stmt) -> frozenset[str]:
    return frozenset(part.id for part in ast.walk(leave) if isinstance(part, ast.Name))


def _leaves_of(node: ast.AST, in_loop: bool) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Return) or (isinstance(node, (ast.Break, ast.Continue)) and not in_loop):
        yield node
    if isinstance(node, _FUNCTIONS) or not hasattr(node, "_fields"):
        return
    inside = in_loop or isinstance(node, _LOOPS)
    for field, children in ast.iter_fields(node):
        # break and continue in the `else` of a loop belong to the loop around it
        is_inside = in_loop if field == "orelse" else inside
        for child in children if isinstance(children, list) else ():
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                yield from _leaves_of(child, is_inside)


def _moves_code(node: ast.AST) -> bool:
    """Whether a statement's code does not stand in the order of the text, or stands there twice."""
    return isinstance(node, (ast.Try, ast.TryStar)) and bool(node.handlers or node.finalbody)


def _block(code: CodeType, offset: int) -> ast.With | None:
    """The `with` statement whose exit this instruction calls."""
    line, column = _positions(code)[offset // 2]
    if line is None or column is None:
        return None
    found = (block for block in _blocks(code.co_filename) if _has_head_at(block, line, column))
    return next(found, None)


def _exits(code: CodeType, block: ast.With) -> list[int]:
    """The calls of the block's exit: one for each way out, and the last at its end."""
    positions = _positions(code)
    instructions = list(dis.get_instructions(code))
    found = []
    for place, each in enumerate(instructions):
        line, column = positions[each.offset // 2]
        is_here = line is not None and column is not None and _has_head_at(block, line, column)
        if is_here and each.opname == "CALL" and _gets_three_nones(instructions[max(place - 5, 0) : place]):
            found.append(each.offset)
    return found


def _gets_three_nones(before: Sequence[dis.Instruction]) -> bool:
    """Whether a call after these instructions is that of an exit without an exception."""
    constants = [each.argval for each in before if each.opname == "LOAD_CONST"]
    return constants[-3:] == [None, None, None]


def _has_head_at(block: ast.With, line: int, column: int) -> bool:
    """Whether a place in the text is between `with` and the block's first statement."""
    first = block.body[0]
    return (block.lineno, block.col_offset) <= (line, column) < (first.lineno, first.col_offset)


@lru_cache(maxsize=256)
def _positions(code: CodeType) -> list[tuple[int | None, int | None]]:
    """Line and column (in bytes, as in syntax trees) of each instruction."""
    return [(line, column) for line, _, column, _ in code.co_positions()]


@lru_cache(maxsize=64)
def _blocks(filename: str) -> tuple[ast.With, ...]:
    """The `with` statements of a file."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.With))
