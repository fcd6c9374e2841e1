"""The mode that a probe asks a model in: `net.eval()` right before it, which `net.train()` takes back."""

import ast
from collections.abc import Collection, Iterable, Iterator

from flor.replay.propagation import needs
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.statements import Block, Statement

_MODES = ("eval", "train")


def around(root: Statement, matching: Matching, ours: Collection[Statement]) -> list[Statement]:
    """The new statements before a probe that set a mode for it alone, in their order.

    Args:
        ours: probes, and what comes along with this one.
    """
    children, here = root.block.children, root.position
    nearest: dict[str, Statement] = {}
    for each in _new(reversed(children[:here]), matching, ours):
        nearest.setdefault(_owner(each), each)
    taken_back = {_owner(each) for each in _new(children[here + 1 :], matching, ours)}
    read = {chain.partition(".")[0] for each in ours for chain in needs.from_outside(each)}
    found = [nearest[owner] for owner in nearest.keys() & taken_back if owner.split(".")[0] in read]
    return sorted(found, key=lambda each: each.index)


def new_ones(block: Block, matching: Matching) -> list[Statement]:
    """The statements of a block that set modes and are new: they tell nothing of places."""
    return [each for each in block.children if _owner(each) and matching.old(each) is None]


def _new(
    statements: Iterable[Statement], matching: Matching, ours: Collection[Statement]
) -> Iterator[Statement]:
    """The statements beside a probe that set modes and are new, up to the first other one."""
    for each in statements:
        if each in ours:
            continue
        if not _owner(each) or matching.old(each) is not None:
            return
        yield each


def _owner(statement: Statement) -> str:
    """What a statement sets the mode of; "": it sets none."""
    call = statement.node.value if isinstance(statement.node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) > 1:
        return ""
    return ast.unparse(call.func.value) if call.func.attr in _MODES else ""
