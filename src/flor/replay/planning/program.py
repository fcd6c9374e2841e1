"""The code of a version as functions, and what each of them refers to, where. Pure."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flor.replay.planning.imports import packages_around
from flor.replay.sites import Names

MODULE = "<module>"

Definition = ast.FunctionDef | ast.AsyncFunctionDef


_PLAIN_BASES = frozenset({"object", "ABC", "Protocol", "Generic", "NamedTuple", "Enum", "TypedDict"})


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One statement around a place: the part of it the place is in, and which statement of that part."""

    node: ast.stmt
    part: str  # "body", "orelse", "finalbody", "handlers", "cases"; "" for its own expressions


Path = tuple[Step, ...]
"""The statements around a place, outermost first; the last one is the statement itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A name that is read, or a module that is imported."""

    name: str
    path: Path
    node: ast.AST
    call: ast.Call | None = None  # that calls it at once
    is_deferred: bool = False  # in a lambda or generator expression: evaluated who knows when
    files: tuple[str, ...] = ()  # of an import: which files of the project it may load


@dataclass(frozen=True, eq=False)
class Function:
    """One function, or the body of a module, without the functions inside it."""

    filename: str
    qualname: str
    node: Definition | ast.Module
    is_elsewhere: bool  # a library may call it: a method of a library's class, a decorated function
    is_called_by_name: bool  # where its name is read it runs: a property
    statements: list[Path] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    names: Names = field(default_factory=lambda: Names(frozenset(), frozenset()))

    @property
    def name(self) -> str:
        """Its name in calls; of a constructor that of the class."""
        owner, _, name = self.qualname.rpartition(".")
        return owner.rpartition(".")[2] if owner and name in CONSTRUCTORS else name

    @cached_property
    def is_suspended(self) -> bool:
        """Whether its body does not run where it is called: a generator or coroutine."""
        if isinstance(self.node, ast.AsyncFunctionDef):
            return True
        return any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in own_nodes(self.node))

    def statement_at(self, line: int) -> Path | None:
        """The innermost statement that this line belongs to."""
        found = [path for path in self.statements if _covers(path[-1].node, line)]
        return max(found, key=len, default=None)


CONSTRUCTORS = ("__init__", "__new__", "__post_init__")


@dataclass(frozen=True, eq=False)
class Program:
    """All code of a version."""

    script: str
    functions: tuple[Function, ...]
    texts: frozenset[str]  # names that are reached by text: getattr(module, "evaluate")
    is_dynamic: bool  # which names are reached by text is not known
    unreadable: tuple[str, ...]  # files that are no Python
    bases: Mapping[str, frozenset[str]] = field(default_factory=dict)  # of each class, by name

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Function, ...]]:
        """What calling each name runs; of a class also the constructors of those it derives from."""
        found: dict[str, tuple[Function, ...]] = {}
        for function in self.functions:
            if function.qualname != MODULE:
                own = function.qualname.rpartition(".")[2]
                for name in {function.name, own}:
                    found[name] = (*found.get(name, ()), function)
        inherited = {
            name: [one for base in self._ancestors(name) for one in found.get(base, ())]
            for name in self.bases
        }
        return found | {name: (*found.get(name, ()), *more) for name, more in inherited.items()}

    def _ancestors(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            more = self.bases.get(waiting.pop(), frozenset()) - found - {name}
            found |= more
            waiting += more
        return found

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        return frozenset(reference.name for function in self.functions for reference in function.references)

    def is_mentioned(self, name: str) -> bool:
        """Whether some code reads this name."""
        return name in self._mentioned

    @cached_property
    def plain(self) -> frozenset[str]:
        """The classes whose attributes only the project's code uses by name."""
        return plain_classes(self.bases)

    @cached_property
    def reached(self) -> frozenset[str]:
        """The files that the script may import, directly or not; all of them where it imports by text."""
        if self.is_dynamic:
            return frozenset(self.modules)
        found: set[str] = set()
        waiting = [self.script, *packages_around(self.script, self.modules)]
        while waiting:
            filename = waiting.pop()
            if filename not in found:
                found.add(filename)
                own = (one for one in self.functions if one.filename == filename)
                waiting += [file for one in own for each in one.references for file in each.files]
        return frozenset(found)

    @cached_property
    def modules(self) -> Mapping[str, Function]:
        """The body of each file."""
        return {one.filename: one for one in self.functions if one.qualname == MODULE}

    def called_by(self, reference: Reference) -> tuple[Function, ...]:
        """What may run where this is evaluated."""
        if reference.files:
            return tuple(self.modules[name] for name in reference.files)
        return self.by_name.get(reference.name, ())

    def function_at(self, filename: str, line: int) -> Function | None:
        """The innermost function that this line belongs to."""
        inside = [one for one in self.functions if one.filename == filename and _spans(one, line)]
        return max(inside, key=lambda one: getattr(one.node, "lineno", 0), default=None)


def plain_classes(bases: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The classes whose methods and attributes no library uses by name: all of their bases are plain."""
    plain = set(bases)
    while others := {name for name in plain if not bases[name] <= plain | _PLAIN_BASES}:
        plain -= others
    return frozenset(plain | _PLAIN_BASES)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module that belong to its own frame."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(node))
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(each)


def _covers(node: ast.stmt, line: int) -> bool:
    return _first_line(node) <= line <= (node.end_lineno or node.lineno)


def _spans(function: Function, line: int) -> bool:
    return isinstance(function.node, ast.Module) or _covers(function.node, line)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])
