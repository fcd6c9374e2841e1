"""Where a module may depend on the order of a set: that of strings is another one in each process. Pure.

A name is a set wherever it stands if it is given one anywhere in the module. What only asks what is in a set,
or puts its elements in an order of their own, does not count.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flor.replay.trees import parsed

_MAKING = frozenset({"set", "frozenset"})
_COMBINING = frozenset({"union", "intersection", "difference", "symmetric_difference"})
_VIEWS = frozenset({"keys", "items"})
_WITHOUT_ORDER = frozenset(
    {"len", "sorted", "any", "all", "bool", "isinstance", "type", "id", "sum", "print", *_MAKING}
)
_UPDATING = frozenset(
    {
        *_COMBINING,
        *(f"{name}_update" for name in _COMBINING),
        *("update", "issubset", "issuperset", "isdisjoint"),
    }
)
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
_PASSING = (
    *(ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.Return, ast.Expr, ast.Compare, ast.BinOp),
    *(ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.If, ast.While, ast.Assert, ast.Subscript, ast.Delete),
    *(ast.Dict, ast.List, ast.Tuple, ast.keyword, ast.Attribute, ast.arguments),
)
"""What may stand around a set without an order being seen."""


def lines_of(text: str) -> list[int]:
    """The lines on which a module may come out otherwise when strings have other hashes.

    Raises:
        SyntaxError: the text is no Python.
    """
    tree = parsed(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = _Sets(tree, parents)
    return sorted({node.lineno for node in found.ordered()} | {node.lineno for node in found.hashed()})


@dataclass(slots=True)
class _Sets:
    tree: ast.Module
    parents: dict[ast.AST, ast.AST]
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        known = None
        while known != self.names:
            known = self.names
            self.names = known | frozenset(self._named())

    def ordered(self) -> Iterator[ast.expr]:
        """Every set whose order is seen."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.expr) and self.is_set(node) and self._is_seen(node):
                yield node

    def hashed(self) -> Iterator[ast.Call]:
        """Every hash that is asked for, where it is not for another one."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _name(node.func) == "hash" and not self._is_in_hash(node):
                yield node

    def is_set(self, node: ast.AST) -> bool:
        """Whether an expression is a set whose order may differ."""
        if isinstance(node, ast.Set):
            return not all(isinstance(each, ast.Constant) and _is_number(each.value) for each in node.elts)
        if isinstance(node, ast.Name | ast.Attribute):
            return _name(node) in self.names and isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Call):
            return self._is_call_of_set(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
            return any(self.is_set(side) or _is_view(side) for side in (node.left, node.right))
        return isinstance(node, ast.SetComp)

    def _is_call_of_set(self, node: ast.Call) -> bool:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in {*_COMBINING, "copy"}:
            return self.is_set(called.value)
        if isinstance(called, ast.Name) and called.id in _MAKING:
            return not any(isinstance(each, ast.Call) and _name(each.func) == "range" for each in node.args)
        return _name(called) in self.names

    def _named(self) -> Iterator[str]:
        """Names that are given a set, and functions that return one."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and self.is_set(node.value):
                yield from filter(None, map(_name, node.targets))
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value and self.is_set(node.value):
                yield _name(node.target)
            elif isinstance(node, ast.Return) and node.value and self.is_set(node.value):
                yield self._around(node, lambda each: isinstance(each, ast.FunctionDef))

    def _around(self, node: ast.AST, is_wanted: Callable[[ast.AST], bool]) -> str:
        around: ast.AST | None = node
        while around is not None and not is_wanted(around):
            around = self.parents.get(around)
        return getattr(around, "name", "")

    def _is_in_hash(self, node: ast.AST) -> bool:
        return self._around(node, lambda each: isinstance(each, ast.FunctionDef)) == "__hash__"

    def _is_seen(self, node: ast.expr) -> bool:
        around = self.parents[node]
        if isinstance(around, ast.Attribute):
            return around.attr in ("pop", "__iter__")
        if isinstance(around, ast.Call):
            return around.func is not node and not _is_without_order(around)
        if isinstance(around, ast.comprehension):
            return self._is_seen_by(self.parents[around])
        if isinstance(around, ast.Assign):
            return not all(map(_name, around.targets))
        return not isinstance(around, _PASSING)

    def _is_seen_by(self, comprehension: ast.AST) -> bool:
        if isinstance(comprehension, ast.GeneratorExp):
            around = self.parents[comprehension]
            return not (isinstance(around, ast.Call) and _is_without_order(around))
        return not isinstance(comprehension, ast.SetComp)


def _is_without_order(call: ast.Call) -> bool:
    name = _name(call.func)
    if isinstance(call.func, ast.Attribute):
        return name in _UPDATING
    return name in _WITHOUT_ORDER or (name in ("min", "max") and not call.keywords)


def _is_view(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | complex | None)


def _name(node: ast.AST) -> str:
    """The last name of an expression, "c" of `a.b.c`; "" where it has none."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
