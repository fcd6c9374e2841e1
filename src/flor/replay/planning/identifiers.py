"""The names that parts of a syntax tree mention. Pure."""

import ast
from collections.abc import Collection, Iterable, Iterator

from flor.replay import sites
from flor.replay.planning.program import Function


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
