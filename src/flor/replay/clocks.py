"""Variables that only ever hold what a clock told, and of which nothing but messages is made. Pure.

That such a one is another each time says nothing of the rest of a program: it need not be executed a second
time to tell. Variables go by their names, in all files: one that is also anything else is none.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from flor.replay import causes, sites
from flor.replay.sites import Names

_MODULES = ("time", "datetime")
_PLAIN = frozenset({"round", "float", "int", "str", "abs"})
"""Functions that keep nothing of what they are given."""
_ALL = frozenset({"globals", "locals", "exec", "eval"})
_OF_ONE = frozenset({"vars", "dir", "getattr", "setattr"})
"""By these variables are read without being named: all of them, or those of what stands first."""
_HIDING = (ast.NamedExpr, ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await)


def explained(
    paths: Collection[str], texts: Mapping[str, str], probes: Mapping[str, Collection[int]]
) -> frozenset[str]:
    """Those of these paths of a state that lead to such variables.

    Args:
        texts: of all files.
        probes: lines by file: what they look at is none.
    """
    simple = [path for path in paths if path.isidentifier()]
    lines = tuple((filename, frozenset(each)) for filename, each in probes.items())
    reading = _read(tuple(texts.items()), lines) if simple else _Reading()
    return frozenset(path for path in simple if reading.is_apart(path))


@dataclass(frozen=True, slots=True)
class _Use:
    """A statement that mentions a variable."""

    node: ast.stmt
    names: Names
    is_probe: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """All files by what their statements mention."""

    uses: dict[str, list[_Use]] = field(default_factory=dict)
    clocks: set[str] = field(default_factory=set)  # local names of modules of clocks, and of what is in them
    imported: set[str] = field(default_factory=set)  # the others
    other: set[str] = field(default_factory=set)  # functions, classes, parameters, keywords
    unnamed: set[str | None] = field(default_factory=set)  # of what variables are read without being named

    @property
    def assigned(self) -> set[str]:
        """All that is assigned anywhere."""
        nodes = (use.node for uses in self.uses.values() for use in uses)
        return {name for node in nodes for name in _stored_in(node)}

    def is_apart(self, name: str) -> bool:
        """Whether a variable is such a one, and each that is made of it or that it is made of."""
        if None in self.unnamed or not self.imported.isdisjoint(self.unnamed):
            return False
        seen, left = set[str](), [name]
        while left:
            one = left.pop()
            if one not in seen:
                seen.add(one)
                made = [self._made_of(one, use) for use in self.uses.get(one, [])]
                if one in self.other | self.imported or None in made:
                    return False
                left += [target for each in made for target in each or ()]
        return all(self._is_of_clocks(one, seen) for one in seen)

    def _made_of(self, name: str, use: _Use) -> list[str] | None:
        """What a statement makes of a variable, and of what else; None: what nobody follows."""
        if use.is_probe or any(isinstance(each, _HIDING) for each in ast.walk(use.node)):
            return None
        if isinstance(use.node, (ast.Assign, ast.AugAssign)):
            made = _variables(use.node)
            return None if made is None else [*made, *self._variables_in(use.node.value)]
        call = use.node.value if isinstance(use.node, ast.Expr) else None
        if not isinstance(call, ast.Call) or not _is_message(call, use.names):
            return None
        inner = [part for each in _given(call) for part in ast.walk(each) if isinstance(part, ast.Call)]
        return [] if all(self._keeps_nothing(each, name) for each in inner) else None

    def _variables_in(self, node: ast.expr) -> Iterator[str]:
        names = (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
        return (name for name in names if name not in self.clocks and name not in _PLAIN)

    def _keeps_nothing(self, call: ast.Call, name: str) -> bool:
        is_given = any(causes.identifier(part) == name for each in _given(call) for part in ast.walk(each))
        return not is_given or (isinstance(call.func, ast.Name) and call.func.id in _PLAIN - self.other)

    def _is_of_clocks(self, name: str, known: Collection[str]) -> bool:
        """Whether all that is assigned to it is made of clocks and such variables."""
        nodes = [use.node for use in self.uses.get(name, [])]
        values = [
            node.value
            for node in nodes
            if isinstance(node, (ast.Assign, ast.AugAssign)) and name in causes.targets(node)
        ]
        return bool(values) and all(self._is_time(value, known) for value in values)

    def _is_time(self, node: ast.expr, known: Collection[str]) -> bool:
        if isinstance(node, ast.BinOp):
            return self._is_time(node.left, known) and self._is_time(node.right, known)
        if isinstance(node, ast.Call):
            is_plain = isinstance(node.func, ast.Name) and node.func.id in _PLAIN - self.other
            return self._is_clock(node) or (
                is_plain and all(self._is_time(each, known) for each in _given(node))
            )
        return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in known)

    def _is_clock(self, call: ast.Call) -> bool:
        is_known = _root(call.func) in self.clocks - self.imported - self.other - self.assigned
        return is_known and causes.identifier(call.func) in causes.CLOCKS and not _given(call)


@lru_cache(maxsize=8)  # most runs of a replay are of few versions
def _read(texts: tuple[tuple[str, str], ...], probes: tuple[tuple[str, frozenset[int]], ...]) -> _Reading:
    reading, lines = _Reading(), dict(probes)
    for filename, tree in causes.trees(dict(texts)):
        names = sites.names_of(tree)
        for node in ast.walk(tree):
            reading.clocks.update(_clocks_in(node))
            reading.imported.update(_imported_by(node))
            reading.other.update(_others_in(node))
            reading.unnamed.update(_unnamed_in(node))
            if isinstance(node, ast.stmt):
                is_probe = node.lineno in lines.get(filename, ())
                for name in {causes.identifier(part) for part in _own(node)}:
                    reading.uses.setdefault(name, []).append(_Use(node, names, is_probe))
    return reading


def _own(statement: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement without the statements in it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield child
            yield from _own(child)


def _stored_in(statement: ast.AST) -> Iterator[str]:
    parts = (part for part in _own(statement) if isinstance(getattr(part, "ctx", None), ast.Store))
    return map(causes.identifier, parts)


def _variables(node: ast.Assign | ast.AugAssign) -> list[str] | None:
    """The variables that are assigned; None where something else is."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return names if len(names) == len(targets) else None


def _is_message(call: ast.Call, names: Names) -> bool:
    """Whether a call only shows or records what it is given."""
    if isinstance(call.func, ast.Name) and call.func.id == "print":
        return not any(option.arg in ("file", None) for option in call.keywords)
    return names.is_call(call, "log")


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(option.value for option in call.keywords)]


def _clocks_in(node: ast.AST) -> Iterator[str]:
    """What a statement imports of clocks."""
    if isinstance(node, ast.Import):
        yield from (each.asname or each.name for each in node.names if each.name in _MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module in _MODULES and not node.level:
        yield from (each.asname or each.name for each in node.names)


def _others_in(node: ast.AST) -> Iterator[str]:
    """What a node names that is no variable, or not only one."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.arg, ast.keyword)):
        yield node.arg or ""
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        yield node.name or ""


def _imported_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        clocks = set(_clocks_in(node))
        yield from (name for each in node.names if (name := each.asname or each.name) not in clocks)


def _unnamed_in(node: ast.AST) -> Iterator[str | None]:
    """Of what a node may read variables that it does not name; None: of anything."""
    if isinstance(node, ast.Name) and node.id in _ALL:
        yield None
    elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
        yield _root(node.value)
    elif isinstance(node, ast.Call) and causes.identifier(node.func) in _OF_ONE:
        yield _root(node.args[0]) if node.args else None


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
