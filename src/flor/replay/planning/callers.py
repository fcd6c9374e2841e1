"""What probes read behind the call that a block stands in, and that the run had no more use for there. Pure.

trainer = Trainer()
trainer.fit()                       # the block is in here
flor.log("seen", trainer.seen)      # the probe: the run itself never looked at the trainer again
"""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from flor.replay.planning.identifiers import bound_by
from flor.replay.planning.program import Function, Program, own_nodes
from flor.replay.planning.reading import expressions

Lines = Collection[tuple[str, int]]
Callers = Mapping[tuple[str, str], Collection[str]]
"""The kept names of running functions, by file and qualified name."""


def unkept(
    program: Program, lines: Lines, callers: Callers, innermost: tuple[str, str], names: Collection[str]
) -> set[str]:
    """The variables of callers that these lines read, and that may have changed unkept.

    Args:
        innermost: file and qualified name of the function with the block.
        names: that were kept of it.
    """
    inside = [one for one in program.functions if (one.filename, one.qualname) == innermost]
    found: set[str] = set()
    for filename, line in lines:
        function = program.function_at(filename, line)
        path = function.statement_at(line) if function else None
        if function is None or not path or (filename, function.qualname) not in callers:
            continue
        kept = {*callers[filename, function.qualname], *_given(function, inside, names)}
        kept.update(_bound_on(function, lines))
        found |= (_read(path[-1].node) & _variables(function)) - kept
    return found


def _read(statement: ast.stmt) -> set[str]:
    parts = (part for each in expressions(statement) for part in ast.walk(each))
    return {part.id for part in parts if isinstance(part, ast.Name)}


def _bound_on(function: Function, lines: Lines) -> Iterator[str]:
    """What came along with probes."""
    for node in own_nodes(function.node):
        if isinstance(node, ast.stmt) and (function.filename, node.lineno) in lines:
            yield from _bound(node)


def _given(function: Function, inside: Collection[Function], names: Collection[str]) -> Iterator[str]:
    """The variables that the function with the block is called with, where what it calls them was kept."""
    for one in inside:
        parameters = _parameters(one)
        rebound = {
            name for node in own_nodes(one.node) if isinstance(node, ast.stmt) for name in _bound(node)
        }
        for node in own_nodes(function.node):
            if isinstance(node, ast.Call):
                for parameter, value in _arguments(node, one, parameters):
                    if isinstance(value, ast.Name) and parameter in set(names) - rebound:
                        yield value.id


def _parameters(function: Function) -> list[str]:
    given = getattr(function.node, "args", None)
    return [each.arg for each in (*given.posonlyargs, *given.args)] if given else []


def _arguments(call: ast.Call, function: Function, parameters: list[str]) -> Iterator[tuple[str, ast.expr]]:
    """What each parameter is given, if this may be a call of the function."""
    called, is_method = call.func, parameters[:1] == ["self"]
    if isinstance(called, ast.Attribute) and called.attr == function.name:
        values = [called.value, *call.args] if is_method else call.args
    elif isinstance(called, ast.Name) and called.id == function.name and not is_method:
        values = call.args
    else:
        return
    yield from zip(parameters, values, strict=False)
    yield from ((each.arg, each.value) for each in call.keywords if each.arg)


def _variables(function: Function) -> set[str]:
    """The names of a function that are bound to what can change: no module, function or simple value."""
    changing: set[str] = set()
    fixed: set[str] = set()
    for node in own_nodes(function.node):
        if isinstance(node, ast.Assign) and _is_simple(node.value, function):
            fixed.update(name for each in node.targets for part in ast.walk(each) for name in bound_by(part))
        elif isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
            fixed.update(bound_by(node))
        elif isinstance(node, (ast.stmt, ast.arg, ast.NamedExpr, ast.comprehension)):
            changing.update(_bound(node))
    return changing


def _bound(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.stmt):
        parts: Iterable[ast.AST] = (part for each in _targets(node) for part in ast.walk(each))
    else:
        parts = [node] if isinstance(node, ast.arg) else ast.walk(node.target)  # type: ignore[attr-defined]
    return [name for part in parts for name in bound_by(part)]


def _targets(node: ast.stmt) -> list[ast.AST]:
    if isinstance(node, ast.Assign):
        return list(node.targets)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return [item.optional_vars for item in node.items if item.optional_vars]
    target = getattr(node, "target", None)
    return [target] if target is not None else []


def _is_simple(value: ast.AST, function: Function) -> bool:
    """Whether this is a value that cannot change, of a variable that nothing else is assigned to."""
    return isinstance(value, ast.Constant) or function.names.is_call(value, "arg")
