"""A probe inside another statement: the same expression of the old statement is wrapped in the call."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from flor.replay import probes
from flor.replay.probes import Probe
from flor.replay.propagation import code, names, presence
from flor.replay.propagation.carrying import Carrier
from flor.replay.propagation.places import title
from flor.replay.propagation.placing import Place
from flor.replay.propagation.planned import Planned, hash_of, import_edits, path
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.splicing import Edit
from flor.replay.propagation.statements import Statement
from flor.replay.propagation.view import View

_CHANGED = 0.85  # the whole value of the statement, computed otherwise
_LIKE = 0.5  # how alike the statement must be then
_BARE = (ast.Tuple, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.GeneratorExp, ast.Starred)


@dataclass(frozen=True, slots=True)
class _Found:
    """An expression of an old statement to be logged."""

    expression: ast.expr
    factor: float  # of the score


def wrap(view: View, probe: Probe, statement: Statement, call: ast.Call, old: Statement) -> Planned:
    """The plan for a probe inside a statement that the old version has.

    Raises:
        Refused: the old statement is elsewhere, or has no such expression.
    """
    moved = presence.has_moved(view, statement.block, old.block)
    view.places.check(statement.block, old.block, moved)
    place = Place(old.block, old.position, 1.0)
    carrier = Carrier(view, statement)
    carrier.resolve_within(place)
    found = _find(statement, call, old, carrier)
    callee = carrier.namer.renamed(ast.unparse(call.func), statement)
    at = statement.module.text.offset(call.lineno, call.col_offset)
    edits = _edits(old, found.expression, callee, probe.name, at)
    imports = import_edits(carrier.imports, carrier.import_place)
    likeness = view.matching.score(statement)
    number = next(n for n, node in enumerate(ast.walk(old.node)) if node is found.expression)
    said = f"{path(place)}: {probe.name}: {code.canonical(found.expression)} at {number}"
    return Planned(
        probe,
        old.module,
        (*imports, *edits),
        edits[0],
        0,
        round(found.factor * (0.6 + 0.4 * likeness), 3),
        hash_of([said]),
        tuple(each.binds for each in carrier.imports),
    )


def _find(now: Statement, call: ast.Call, old: Statement, carrier: Carrier) -> _Found:
    """The expression of the old statement that is what `call` logs."""
    value = probes.value_of(call)
    if value is None:
        raise Refused("it logs no value")
    made, _ = code.transformed(value, carrier.namer.renames(now), now.module.names, ())
    asked = code.canonical(made)
    logs = old.module.names
    equal = [each for each in _expressions(old) if code.canonical(code.unlogged(each, logs)) == asked]
    whole = _whole(old)
    if whole is not None and _whole(now) is call and _has_same_targets(now, old, carrier):
        likeness = carrier.view.matching.score(now)
        if any(each is whole for each in equal):
            return _Found(whole, 1.0)
        if likeness >= _LIKE:
            return _Found(whole, _CHANGED)
    if len(equal) == 1:
        return _Found(equal[0], 1.0)
    what = f"`{ast.unparse(made)}`"
    if equal:
        raise Refused(f"{what} stands more than once in `{title(old)}`")
    raise Refused(f"in this version `{title(old)}` has no {what}")


def _expressions(statement: Statement) -> Iterator[ast.expr]:
    """The expressions of the statement's own, outermost first."""
    for part in names.header_parts(statement.node):
        for node in ast.walk(part):
            if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                yield node


def _whole(statement: Statement) -> ast.expr | None:
    """All that a statement evaluates."""
    node = statement.node
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)):
        return node.value
    return node.test if isinstance(node, (ast.If, ast.While)) else None


def _has_same_targets(now: Statement, old: Statement, carrier: Carrier) -> bool:
    renames = carrier.namer.renames(now)
    mine = {renames.get(name, name) for name in _targets(now)}
    return type(now.node) is type(old.node) and mine == _targets(old)


def _targets(statement: Statement) -> set[str]:
    return names.bound(statement.node) | names.stored(statement.node)


def _edits(old: Statement, node: ast.expr, callee: str, name: str, order: int) -> list[Edit]:
    """What is put in before and after the expression."""
    text = old.module.text
    start = text.offset(node.lineno, node.col_offset)
    end = text.offset(node.end_lineno or 0, node.end_col_offset or 0)
    quoted = f'"{name}"' if name.isprintable() and set(name).isdisjoint('"\\') else repr(name)
    is_enclosed = text.content[start] == "(" and isinstance(node, ast.Tuple | ast.GeneratorExp)
    opening, closing = ("(", ")") if isinstance(node, _BARE) and not is_enclosed else ("", "")
    size = end - start  # of two expressions that begin together the longer one is the outer one
    return [
        Edit(start, f"{callee}({quoted}, {opening}", (1, -size, order), is_line=False),
        Edit(end, f"{closing})", (-1, size, -order), is_line=False),
    ]
