"""Reads the files of a version as one program: its functions, and what each of them refers to. Pure."""

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence

from flor.replay import sites
from flor.replay.planning.imports import Modules, packages_around
from flor.replay.planning.program import (
    CONSTRUCTORS,
    MODULE,
    Definition,
    Function,
    Path,
    Program,
    Reference,
    Step,
    plain_classes,
)
from flor.replay.sites import Names
from flor.replay.trees import readable

_INLINE = frozenset(
    {
        "property", "cached_property", "staticmethod", "classmethod", "no_grad", "inference_mode",
        "enable_grad", "wraps", "cache", "lru_cache", "compile", "override", "overload", "abstractmethod",
        "final", "typechecked", "record_function", "main", "command", "option", "argument", "record",
    }
)  # fmt: skip
"""Decorators under which a function still runs where it is called, and nowhere else."""
_BY_TEXT = frozenset({"eval", "exec", "globals", "import_module", "__import__", "run_path", "run_module"})


def read(files: Mapping[str, str], script: str) -> Program:
    """The program that the script and what it imports are; `script` is the file that the run executed.

    Where code is reached by text, all files are the program.
    """
    modules = Modules(tuple(files))
    trees, unreadable = _imported(files, script, modules)
    found = _ByText()
    for filename, tree in trees.items():
        found.look(tree, _of_libraries(tree, filename, modules))
    if found.is_any:
        trees, unreadable = _parsed(files, files)
    modules = Modules(tuple(trees))
    bases = _bases(trees.values())
    plain = plain_classes(bases)
    functions: list[Function] = []
    for filename, tree in trees.items():
        functions += _Reader(filename, sites.names_of(tree), modules, plain).read(tree)
    return Program(script, tuple(functions), frozenset(found.names), found.is_any, tuple(unreadable), bases)


def _imported(
    files: Mapping[str, str], script: str, modules: Modules
) -> tuple[dict[str, ast.Module], list[str]]:
    """The files that the script imports, directly or not; those among them that are no Python."""
    trees: dict[str, ast.Module] = {}
    unreadable: list[str] = []
    waiting = [script, *packages_around(script, files)]
    while waiting:
        new = [name for name in dict.fromkeys(waiting) if name in files and name not in (*trees, *unreadable)]
        more, damaged = _parsed(new, files)
        trees |= more
        unreadable += damaged
        waiting = [
            imported
            for filename, tree in more.items()
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for imported in modules.of(node, filename)
        ]
    return trees, unreadable


def _parsed(names: Iterable[str], files: Mapping[str, str]) -> tuple[dict[str, ast.Module], list[str]]:
    trees = {name: readable(files[name]) for name in names}
    return {name: tree for name, tree in trees.items() if tree}, [name for name in trees if not trees[name]]


def _bases(trees: Iterable[ast.Module]) -> dict[str, frozenset[str]]:
    """The names of the bases of each class."""
    found: dict[str, frozenset[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name] = found.get(node.name, frozenset()) | set(map(_last_name, node.bases))
    return found


def expressions(statement: ast.stmt) -> list[ast.AST]:
    """What a statement evaluates itself, without the statements inside it.

    Annotations, bases of classes and the types of handlers name classes without calling anything.
    """
    inside = (ast.stmt, ast.excepthandler, ast.match_case)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        arguments = statement.args
        return [*statement.decorator_list, *arguments.defaults, *filter(None, arguments.kw_defaults)]
    if isinstance(statement, ast.ClassDef):
        return [*statement.decorator_list]
    if isinstance(statement, ast.AnnAssign):
        return [statement.target, *filter(None, [statement.value])]
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.match_case):
            found += [part for part in (child.pattern, child.guard) if part is not None]
        elif not isinstance(child, inside):
            found.append(child)
    return found


class _Reader:
    """Reads one file."""

    def __init__(self, filename: str, names: Names, modules: Modules, plain: frozenset[str]) -> None:
        self._filename = filename
        self._names = names
        self._modules = modules
        self._plain = plain
        self._functions: list[Function] = []

    def read(self, tree: ast.Module) -> list[Function]:
        self._function(Function(self._filename, MODULE, tree, False, False, names=self._names), "")
        return self._functions

    def _function(self, function: Function, prefix: str) -> None:
        self._functions.append(function)
        self._statements(function, function.node.body, (), "body", prefix, ())

    def _statements(
        self,
        function: Function,
        body: Sequence[ast.stmt],
        around: Path,
        part: str,
        prefix: str,
        bases: Sequence[str],
    ) -> None:
        inside = (*around[:-1], Step(around[-1].node, part)) if around else ()
        for statement in body:
            path = (*inside, Step(statement, ""))
            function.statements.append(path)
            self._references(function, path)
            self._inside(function, statement, path, prefix, bases)

    def _inside(
        self, function: Function, statement: ast.stmt, path: Path, prefix: str, bases: Sequence[str]
    ) -> None:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._function(self._defined(statement, prefix, bases), f"{prefix}{statement.name}.<locals>.")
            return
        if isinstance(statement, ast.ClassDef):
            inner = [_last_name(base) for base in statement.bases] or ["object"]
            self._statements(function, statement.body, path, "body", f"{prefix}{statement.name}.", inner)
            return
        for part in ("body", "orelse", "finalbody"):
            self._statements(function, getattr(statement, part, None) or (), path, part, prefix, bases)
        for part in ("handlers", "cases"):
            for each in getattr(statement, part, None) or ():
                self._statements(function, each.body, path, part, prefix, bases)

    def _defined(self, node: Definition, prefix: str, bases: Sequence[str]) -> Function:
        decorators = [_last_name(each) for each in node.decorator_list]
        is_special = node.name.startswith("__") and node.name.endswith("__") and node.name not in CONSTRUCTORS
        is_elsewhere = is_special or not _INLINE.issuperset(decorators) or not self._plain.issuperset(bases)
        # A constructor runs where the class is called, whatever its bases.
        if node.name in CONSTRUCTORS:
            is_elsewhere = False
        is_read = bool({"property", "cached_property"}.intersection(decorators))
        return Function(
            self._filename, f"{prefix}{node.name}", node, is_elsewhere, is_read, names=self._names
        )

    def _references(self, function: Function, path: Path) -> None:
        statement = path[-1].node
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            files = self._modules.of(statement, self._filename)
            if files:
                function.references.append(Reference("", path, statement, files=files))
            return
        waiting: list[tuple[ast.AST, ast.Call | None, bool]] = [
            (each, None, False) for each in expressions(statement)
        ]
        while waiting:
            node, call, is_deferred = waiting.pop()
            name = _read_name(node)
            if name:
                function.references.append(Reference(name, path, node, call, is_deferred))
            later = is_deferred or isinstance(node, (ast.Lambda, ast.GeneratorExp))
            for child in ast.iter_child_nodes(node):
                caller = node if isinstance(node, ast.Call) and child is node.func else None
                if not _only_tests(node, child):
                    waiting.append((child, caller, later))


def _only_tests(node: ast.AST, child: ast.AST) -> bool:
    """Whether the child is the class in a test for instances."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    return node.func.id in ("isinstance", "issubclass") and child in node.args[1:]


def _read_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        return node.attr
    return ""


def _last_name(node: ast.AST) -> str:
    """The last part of a dotted name, called or not, with type arguments or not."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else "?"


def _of_libraries(tree: ast.Module, filename: str, modules: Modules) -> set[str]:
    """The names that a file imports from elsewhere than the project."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not modules.of(node, filename)
        for alias in node.names
    }


class _ByText:
    """Which functions may be reached by their names as text."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.is_any = False

    def look(self, tree: ast.Module, libraries: Collection[str]) -> None:
        """Look at all calls of a file, in which these names come from libraries."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self._look_at(node, libraries)

    def _look_at(self, call: ast.Call, libraries: Collection[str]) -> None:
        name = _last_name(call.func)
        if name in _BY_TEXT and (isinstance(call.func, ast.Name) or name == "import_module"):
            self.is_any = True
        if name not in ("getattr", "attrgetter", "methodcaller") or not call.args:
            return
        if name == "getattr" and _root_name(call.args[0]) in libraries:
            return  # getattr(torch.optim, name) reaches nothing of the project's
        for wanted in call.args[1:2] if name == "getattr" else call.args:
            if isinstance(wanted, ast.Constant):
                self.names.add(str(wanted.value))
            else:
                self.is_any = True


def _root_name(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
