"""Renames, compares and writes pieces of code by their syntax trees."""

import ast
import copy
from collections.abc import Collection, Mapping

from flor.replay import probes
from flor.replay.propagation import lexing, names
from flor.replay.sites import Names
from flor.replay.trees import parsed

_LAYOUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def canonical(node: object) -> str:
    """What a piece of code says: the same in every Python, whatever the layout."""
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={canonical(value)}"
            for name, value in ast.iter_fields(node)
            if name not in _LAYOUT and value is not None and value != []
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    return repr(node)


class _Rename(ast.NodeTransformer):
    def __init__(self, renames: Mapping[str, str]) -> None:
        self._renames = dict(renames)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._exchanged(node.id, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        dotted = names.dotted(node)
        if dotted is None:
            return self.generic_visit(node)
        return self._exchanged(dotted, node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._renames.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        bound = node.asname or node.name
        if bound in self._renames:
            node.asname = self._renames[bound]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        name = getattr(node, "name", None)  # of definitions, handlers and patterns
        if isinstance(name, str) and name in self._renames:
            node.name = self._renames[name]  # type: ignore[attr-defined]
        return super().generic_visit(node)

    def _exchanged(self, dotted: str, node: ast.Name | ast.Attribute) -> ast.AST:
        new = lexing.renamed(dotted, self._renames)
        if new == dotted:
            return node
        made = ast.parse(new, mode="eval").body
        if isinstance(made, (ast.Name, ast.Attribute)):
            made.ctx = node.ctx
        return ast.copy_location(made, node)


class _Unlog(ast.NodeTransformer):
    """Takes out the calls of `flor.log` under other names than the wanted ones."""

    def __init__(self, flor: Names, wanted: Collection[str]) -> None:
        self._flor = flor
        self._wanted = wanted
        self.is_changed = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        value = probes.value_of(node)
        if not self._flor.is_call(node, "log") or value is None:
            return node
        if probes.literal_name(node, self._flor) in self._wanted:
            return node
        self.is_changed = True
        return value

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        is_log = self._flor.is_call(node.value, "log")
        self.generic_visit(node)
        if is_log and not self._flor.is_call(node.value, "log"):
            return ast.copy_location(ast.Pass(), node)
        return node


def transformed(
    node: ast.AST, renames: Mapping[str, str], flor: Names, wanted: Collection[str]
) -> tuple[ast.AST, bool]:
    """A copy in old names, logging only what is wanted; and whether it logged anything else."""
    unlog = _Unlog(flor, wanted)
    made = unlog.visit(copy.deepcopy(node))
    return _Rename(renames).visit(made), unlog.is_changed


def renamed(node: ast.AST, renames: Mapping[str, str]) -> ast.AST:
    """A copy in old names."""
    made: ast.AST = _Rename(renames).visit(copy.deepcopy(node))
    return made


def written(text: str, node: ast.AST, renames: Mapping[str, str], is_changed: bool) -> str:
    """The statement's own text in old names; written anew only where that would say something else."""
    if not is_changed:
        own = lexing.replaced(text, dict(renames)) if renames else text
        if says(own, node):
            return own
    return ast.unparse(ast.fix_missing_locations(node))


def says(text: str, node: ast.AST) -> bool:
    """Whether a text says just what a statement says."""
    try:
        tree = parsed(text)
    except SyntaxError:
        return False
    return len(tree.body) == 1 and canonical(tree.body[0]) == canonical(node)


def unlogged(node: ast.AST, flor: Names) -> ast.AST:
    """A copy without any call of `flor.log` around a value."""
    made: ast.AST = _Unlog(flor, ()).visit(copy.deepcopy(node))
    return made
