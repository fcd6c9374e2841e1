"""A probe that is a statement by itself, or the new statement that it is in: put in with what it needs."""

import ast

from flor.replay import probes
from flor.replay.probes import Probe
from flor.replay.propagation import code, names, needs, splicing
from flor.replay.propagation.carrying import Carrier
from flor.replay.propagation.planned import Planned, edit_at, hash_of, import_edits, path
from flor.replay.propagation.splicing import Edit
from flor.replay.propagation.statements import Statement
from flor.replay.propagation.view import View
from flor.replay.trees import parsed

_SHELLS = ("loop", "with", "If", "try", "ExceptHandler")


def insert(view: View, probe: Probe, statement: Statement) -> Planned:
    """The plan for a statement of today that the old version does not have.

    Raises:
        Refused: it has no place there, or needs what is not there.
    """
    root = _shell(view, statement)
    carrier = Carrier(view, root)
    carrier.resolve()
    edits: dict[Statement, Edit] = {}
    said = sorted(each.line for each in carrier.imports if not each.is_flor)
    for each in carrier.inserted:
        place, renames = carrier.places[each], carrier.namer.renames(each)
        made, is_changed = code.transformed(each.node, renames, each.module.names, view.asked)
        text = code.written(splicing.statement_text(each), made, renames, is_changed)
        order = (int(each.module is root.module), each.index)
        edits[each] = edit_at(place, text, order, splicing.has_room_above(each))
        said.append(f"{path(place)}: {code.canonical(_plain(made, carrier, each))}")
    main = edits[root]
    return Planned(
        probe,
        carrier.target,
        (*import_edits(carrier.imports, carrier.import_place), *edits.values()),
        main,
        _row(main, probe.name),
        round(min(place.score for place in carrier.places.values()) * carrier.certainty, 3),
        hash_of(said),
        tuple(carrier.brought()),
    )


def _shell(view: View, statement: Statement) -> Statement:
    """The outermost new statement around a probe that is there only for probes."""
    root, parent = statement, statement.parent
    while parent is not None and parent.kind in _SHELLS and view.matching.old(parent) is None:
        if parent.kind != "ExceptHandler":
            if not _is_shell(view, parent):
                break
            root = parent
        parent = parent.parent
    return root


def _is_shell(view: View, shell: Statement) -> bool:
    """Whether a statement does nothing but compute what is logged in it."""
    if not needs.is_carriable(shell) or (shell.kind == "loop" and not needs.is_simple(shell)):
        return False  # a loop that calls more is a part of the program
    bound = names.bound_by_all(shell.node)
    ours = {*view.probes, shell}
    if any(needs.is_read_after(name, shell.last, shell, ours) for name in bound):
        return False
    return all(_serves(view, each, bound) for each in shell.below())


def _serves(view: View, each: Statement, bound: set[str]) -> bool:
    """Whether a statement below changes nothing outside."""
    if view.matching.old(each) is not None:
        return False
    changed = names.mutated(each.node)
    if isinstance(each.node, ast.Expr):
        return each.module.names.is_call(each.node.value, "log") or (bool(changed) and changed <= bound)
    return names.stored(each.node) <= bound


def _row(main: Edit, name: str) -> int:
    """On which line of the inserted text the call of a probe stands, from 0."""
    own = main.text[main.lead :].strip("; \t\r\n")
    margin = main.text[: main.lead].rpartition("\n")[2]
    above = f"if True:\n{margin}" if margin and not margin.strip() else ""  # its other lines have it too
    for node in ast.walk(parsed(above + own)):
        if isinstance(node, ast.Call) and _is_named(node, name):
            return node.lineno - 1 - above.count("\n")
    return 0


def _is_named(call: ast.Call, name: str) -> bool:
    first = probes.name_of(call)
    return isinstance(first, ast.Constant) and first.value == name


def _plain(node: ast.AST, carrier: Carrier, statement: Statement) -> ast.AST:
    """The code with FlorDB under its own name, which must not count in a hash."""
    renames = carrier.namer.renames(statement)
    flor = statement.module.names
    back = {renames.get(local, local): f"flor.{what}" for local, what in flor.functions}
    for module in flor.modules:
        back[renames.get(f"{module}.log", f"{module}.log")] = "flor.log"
    return code.renamed(node, back)
