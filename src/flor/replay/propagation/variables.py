"""Whether a variable of an old version is what a variable of today was."""

import ast
from collections.abc import Collection

from flor.replay.propagation import names, scopes
from flor.replay.propagation.naming import DEFINITIONS, Namer
from flor.replay.propagation.needs import is_update
from flor.replay.propagation.statements import Statement


def is_other_computation(now: Statement, namer: Namer) -> bool:
    """Whether what a variable of another name was made by calls quite other functions than today.

    `f1 = f1_score(net)` is no new name of `accuracy = accuracy_of(net)`, however alike the two are.
    """
    old = namer.old(now)
    if old is None or now.kind != "assign":
        return False
    mine = {_name_then(called, now, namer) for called in _called(now)}
    theirs = _called(old)
    return bool(mine) and bool(theirs) and mine.isdisjoint(theirs)


def _called(statement: Statement) -> set[str]:
    """The functions that a statement calls by name, builtins left out: variables may have been renamed."""
    found: set[str] = set()
    for part in names.header_parts(statement.node):
        for node in ast.walk(part):
            called = names.dotted(node.func) if isinstance(node, ast.Call) else None
            if called is not None and _is_function(called.partition(".")[0], statement):
                found.add(called.rpartition(".")[2])
    return found - scopes.BUILTINS


def _is_function(name: str, statement: Statement) -> bool:
    found, scope = scopes.home(name, statement.block)
    return not found or all(
        each.kind in ("import", *DEFINITIONS) and each is not scope
        for each in scopes.binders(statement.module, scope)[name]
    )


def _name_then(called: str, statement: Statement, namer: Namer) -> str:
    """What a function of today's file was called."""
    for definition in scopes.binders(statement.module, None).get(called, ()):
        old = namer.old(definition) if definition.kind in DEFINITIONS else None
        if old is not None:
            return old.name
    return called


def plays_same_role(
    name: str, binders: Collection[Statement], reader: Statement, namer: Namer, ours: Collection[Statement]
) -> bool:
    """Whether the program goes on with a variable as it did with the one of that name in the old version."""
    scope = scopes.scope_of(reader.block)
    last = max(each.index for each in binders)
    for each in scopes.members(reader.module, scope):
        if each.index <= last or each in ours or name not in each.header:
            continue
        old = namer.old(each)
        if old is not None and name in names.read_by_header(each.node) & names.read_by_header(old.node):
            return True
        if name in names.bound(each.node) and not is_update(each, name):
            return False
    return False
