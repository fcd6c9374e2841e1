"""Which probes an old version has already: the same name logged at the matching place."""

import ast
from collections.abc import Iterator, Sequence

from flor.replay import probes as finding
from flor.replay.probes import Probe
from flor.replay.propagation.results import Present
from flor.replay.propagation.statements import Block, Statement
from flor.replay.propagation.view import View, calls


def find(view: View, probes: Sequence[Probe]) -> dict[Probe, Present]:
    """The probes that are there, each with its old statement; one old statement for one probe."""
    candidates = [
        (_rank(view, here, there[0]), number, other, probe, there)
        for number, probe in enumerate(probes)
        if (found := view.find(probe)) is not None
        for here in [found[0]]
        for other, there in enumerate(_logging(view, probe.name))
    ]
    present: dict[Probe, Present] = {}
    taken: set[int] = set()
    for rank, _, _, probe, (there, call) in sorted(candidates, key=lambda each: (-each[0], each[1], each[2])):
        if rank > 0 and probe not in present and id(call) not in taken:
            taken.add(id(call))
            present[probe] = Present(probe, there.module.filename, there.line)
    return present


def _logging(view: View, name: str) -> Iterator[tuple[Statement, ast.Call]]:
    """The old statements that log under a name, with the calls."""
    for module in view.old:
        if name in module.text.content:
            for statement in module.statements:
                if "log" in statement.header:
                    for call in calls(statement):
                        if finding.literal_name(call, module.names) == name:
                            yield statement, call


def _rank(view: View, now: Statement, old: Statement) -> float:
    """How well two logging statements correspond; 0: not at all."""
    moved = has_moved(view, now.block, old.block)
    if not view.places.are_alike(now.block, old.block, moved):
        return 0.0
    mine, theirs = now.parent, old.parent
    is_same_block = (mine is None and theirs is None) or (
        mine is not None and view.matching.old(mine) is theirs and now.block.field == old.block.field
    )
    return 1.0 + is_same_block + moved + view.matching.likeness.headers(now, old)


def has_moved(view: View, now: Block, old: Block) -> bool:
    """Whether statements of a block of today stand in this old block, whatever function it is in."""
    found = [view.matching.old(each) for each in now.children]
    return sum(1 for each in found if each is not None and each.block is old) >= min(
        2, len(now.children) - 1 or 1
    )
