"""The names that parts of a syntax tree mention. Pure."""

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import TypeGuard

from flor.replay import sites
from flor.replay.planning.program import Function, own_nodes

_PLAIN = (
    ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context
)  # fmt: skip


def identifiers(node: ast.AST) -> Iterator[str]:
    """The names that a node mentions itself, also as text."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
        yield str(node.arg)
    elif (
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler))
        and node.name
    ):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        yield node.value


def bound_by(node: ast.AST) -> list[str]:
    """The names that a node itself binds, or unbinds."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return [node.id] if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) else []
    if isinstance(node, (ast.Constant, ast.keyword, ast.alias)):
        return []
    return list(identifiers(node))


def bound_to(function: Function, classes: tuple[str, ...]) -> frozenset[str]:
    """The names that a function binds to a new object of a class whose name ends like this."""
    found: set[str] = set()
    for node in own_nodes(function.node):
        made, targets = _made(node)
        if isinstance(made, ast.Call) and next(iter(identifiers(made.func)), "").endswith(classes):
            found.update(name for target in targets for part in ast.walk(target) for name in bound_by(part))
    return frozenset(found)


def _made(node: ast.AST) -> tuple[ast.AST | None, list[ast.expr]]:
    """What is bound by a statement, or a part of one, to which targets."""
    if isinstance(node, ast.Assign):
        return node.value, node.targets
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        return node.value, [node.target]
    if isinstance(node, ast.withitem) and node.optional_vars:
        return node.context_expr, [node.optional_vars]
    return None, []


def declared(node: ast.AST) -> list[str]:
    """The names that a function binds elsewhere than in its own frame."""
    found = (part for part in own_nodes(node) if isinstance(part, (ast.Global, ast.Nonlocal)))
    return [name for part in found for name in part.names]


def walk(node: ast.AST, skipped: Collection[int]) -> Iterator[ast.AST]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if id(each) not in skipped:
            yield each
            waiting += ast.iter_child_nodes(each)


def without(node: ast.AST, loops: Iterable[ast.AST]) -> list[ast.AST]:
    return list(walk(node, {id(loop) for loop in loops}))


def without_loops(node: ast.AST, function: Function) -> list[ast.AST]:
    """The nodes of a statement without the loops in it whose effect is restored; their `else` is executed."""
    found: list[ast.AST] = []
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.For) and sites.is_loop(each, function.names):
            waiting += each.orelse
            continue
        found.append(each)
        waiting += ast.iter_child_nodes(each)
    return found


def is_range(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a `range` is made here."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def is_plain(node: ast.AST) -> bool:
    """Whether an expression only reads variables and attributes, and computes with them."""
    return all(isinstance(part, _PLAIN) for part in ast.walk(node))
