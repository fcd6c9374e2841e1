"""Finds the probes: `flor.log` statements with the asked names in today's files. Pure."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from flor.replay import sites, trees
from flor.replay.sites import Names

MODULE = "<module>"


@dataclass(frozen=True, slots=True)
class Probe:
    """One call of `flor.log` with a literal name, in today's text."""

    name: str
    filename: str  # relative, with `/`
    qualname: str  # of the function or class it is in: "<module>", "main", "Trainer.fit"
    line: int
    end_line: int
    column: int = 0  # in bytes, as in syntax trees


def find(files: Mapping[str, str], names: Collection[str]) -> list[Probe]:
    """All calls of `flor.log` with one of the names, by file and place; files that do not parse have none."""
    wanted = set(names)
    return [probe for filename in sorted(files) for probe in _in_file(filename, files[filename], wanted)]


def all_names(files: Mapping[str, str]) -> set[str]:
    """Every name that is logged somewhere."""
    return {probe.name for filename, text in files.items() for probe in _in_file(filename, text, None)}


def notes(files: Mapping[str, str], names: Collection[str]) -> list[str]:
    """Why some of the names may have no probe: files that do not parse, names that are computed."""
    return [note for filename in sorted(files) for note in _notes(filename, files[filename], names)]


def name_of(call: ast.Call) -> ast.expr | None:
    """The expression that gives a call of `flor.log` its name."""
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)


def value_of(call: ast.Call) -> ast.expr | None:
    """The expression that a call of `flor.log` logs."""
    if len(call.args) > 1:
        return call.args[1]
    return next((keyword.value for keyword in call.keywords if keyword.arg == "value"), None)


def literal_name(node: ast.AST, names: Names) -> str | None:
    """The name that a node logs under, if it is a call of `flor.log` with a literal one."""
    if not isinstance(node, ast.Call) or not names.is_call(node, "log"):
        return None
    name = name_of(node)
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _in_file(filename: str, text: str, wanted: set[str] | None) -> Iterator[Probe]:
    tree = _tree(text)
    if tree is None:
        return
    names = sites.names_of(tree)
    for node, qualname in _calls(tree):
        name = literal_name(node, names)
        if name is not None and (wanted is None or name in wanted):
            end = node.end_lineno or node.lineno
            yield Probe(name, filename, qualname, node.lineno, end, node.col_offset)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the path of definitions around it, in the order of the text."""
    left: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while left:  # expressions may be nested deeper than Python recurses
        node, path = left.pop()
        if isinstance(node, ast.Call):
            yield node, ".".join(path) or MODULE
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            path = (*path, node.name)
        left.extend((child, path) for child in reversed(list(ast.iter_child_nodes(node))))


def _tree(text: str) -> ast.Module | None:
    return trees.readable(text) if "flor" in text else None


def _notes(filename: str, text: str, names: Collection[str]) -> Iterator[str]:
    tree = _tree(text)
    if tree is None:
        if "flor" in text and any(name in text for name in names):
            yield f"{filename} cannot be parsed: what it logs cannot be found."
        return
    flor = sites.names_of(tree)
    for node, _ in _calls(tree):
        name = name_of(node) if flor.is_call(node, "log") else None
        if name is not None and not isinstance(name, ast.Constant):
            yield from _about_computed(f"{filename}:{node.lineno}", name, names)


def _about_computed(place: str, name: ast.expr, names: Collection[str]) -> Iterator[str]:
    """A note where the name is computed and may come out as one of those asked for."""
    pattern = _pattern(name)
    for asked in names:
        if pattern is not None and re.fullmatch(pattern, asked, re.DOTALL):
            yield (
                f"{place} logs under a name that is computed ({ast.unparse(name)}), perhaps {asked!r}: "
                "only a name written out can be replayed."
            )


def _pattern(name: ast.expr) -> str | None:
    """What the literal parts of a computed name allow; None where they say nothing."""
    if not isinstance(name, ast.JoinedStr):
        return None
    literal = [part.value for part in name.values if isinstance(part, ast.Constant)]
    if not any(literal):
        return None
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in name.values
    )
