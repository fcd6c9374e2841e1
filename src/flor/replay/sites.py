"""Where a program calls FlorDB: found in its syntax tree, under whatever name it imported it. Pure."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

PACKAGES = ("flor", "flordb")


@dataclass(frozen=True, slots=True)
class Names:
    """What a module calls FlorDB, and its functions."""

    modules: frozenset[str]  # `import flordb as flor` -> "flor"
    functions: frozenset[tuple[str, str]]  # `from flor import loop as each` -> ("each", "loop")

    def is_call(self, node: ast.AST, function: str) -> bool:
        """Whether `node` calls this function of FlorDB's."""
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        if isinstance(called, ast.Name):
            return (called.id, function) in self.functions
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return called.attr == function and called.value.id in self.modules
        return False


def names_of(tree: ast.AST) -> Names:
    """The names under which the module reaches FlorDB, wherever it imports them."""
    modules: set[str] = set()
    functions: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(a.asname or a.name for a in node.names if a.name in PACKAGES)
        elif isinstance(node, ast.ImportFrom) and node.module in PACKAGES and not node.level:
            functions.update((a.asname or a.name, a.name) for a in node.names)
    # `from flor import MTK as Flor`, the oldest form: a name with the functions as attributes
    modules.update(local for local, name in functions if name == "MTK")
    return Names(frozenset(modules), frozenset(functions))


def calls_in(node: ast.AST, names: Names, function: str) -> Iterator[ast.Call]:
    """The calls of a function of FlorDB's that evaluating this expression makes at once.

    Those inside a lambda or a comprehension's body belong to a frame of their own.
    """
    if names.is_call(node, function) and isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            yield from calls_in(child, names, function)


def is_loop(node: ast.AST, names: Names) -> bool:
    """Whether this is a `for` statement over a `flor.loop`, wrapped or not."""
    return isinstance(node, ast.For) and any(calls_in(node.iter, names, "loop"))


def wrappers(iterable: ast.expr, names: Names) -> list[ast.Call]:
    """The calls that the items of a `flor.loop` pass through, as in `enumerate(flor.loop(...))`."""
    if not isinstance(iterable, ast.Call) or names.is_call(iterable, "loop"):
        return []
    given = (*iterable.args, *(option.value for option in iterable.keywords))
    inner = (each for each in given if any(calls_in(each, names, "loop")))
    return [iterable, *(call for each in inner for call in wrappers(each, names))]


def is_block(node: ast.AST, names: Names) -> bool:
    """Whether this is a `with flor.checkpointing(...)` statement."""
    return isinstance(node, ast.With) and any(
        any(calls_in(item.context_expr, names, "checkpointing")) for item in node.items
    )
