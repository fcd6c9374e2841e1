"""Where the neighbours of a statement stand in an old block, or what is called in their place."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from flor.replay.propagation import scopes
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.statements import Block, Statement

_INDIRECT = 0.7  # how much less a neighbour says that is below a statement of the block
_CALLED = 0.85  # and one that a function stands for
_DEFINITIONS = ("def", "ClassDef")
_CALL = re.compile(r"(\w+)\s*\(")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A matched neighbour."""

    now: Statement
    spot: int  # which statement of the old block it is, or is below
    distance: int  # matched neighbours up to it, from 0
    skipped: int  # unmatched statements between
    is_before: bool
    is_direct: bool
    score: float

    def is_kept(self, index: int) -> bool:
        """Whether a place before statement `index` is on the right side of it."""
        return self.spot < index if self.is_before else self.spot >= index


@dataclass(frozen=True, slots=True)
class _Spots:
    """The statements of an old block that one of today stands for."""

    first: int
    last: int
    is_direct: bool
    score: float


def anchors(now: Statement, block: Block, matching: Matching, new: Collection[Statement]) -> Iterator[Anchor]:
    """The neighbours of a statement that an old block knows, the nearest first, those before it first.

    Args:
        new: statements that come along or are probes.
    """
    found = _InBlock(block, matching)
    here, children = now.position, now.block.children
    for is_before, order in ((True, reversed(children[:here])), (False, iter(children[here + 1 :]))):
        distance = skipped = 0
        for each in order:
            spots = found.of(each) if each not in new else None
            if spots is not None:
                spot = spots.last if is_before else spots.first
                yield Anchor(each, spot, distance, skipped, is_before, spots.is_direct, spots.score)
                distance += 1
            elif each not in new:
                skipped += 1


class _InBlock:
    def __init__(self, block: Block, matching: Matching) -> None:
        self._block = block
        self._matching = matching
        self._places = {id(each): place for place, each in enumerate(block.children)}

    def of(self, now: Statement) -> _Spots | None:
        """Where a statement of today is."""
        old = self._matching.old(now)
        if old is None:
            return self._of_called(now)
        score = self._matching.score(now)
        spot = self._spot(old)
        if spot is not None:
            is_direct = old.block is self._block
            return _Spots(spot, spot, is_direct, score * (1.0 if is_direct else _INDIRECT))
        call = self._call_of(old)
        return _Spots(call, call, False, _CALLED * score) if call is not None else None

    def _spot(self, old: Statement) -> int | None:
        """Which statement of the block an old statement is, or is below in the same function."""
        here: Statement | None = old
        while here is not None and here.block is not self._block:
            here = here.parent
            if here is not None and here.kind in _DEFINITIONS:
                return None
        return self._places[id(here)] if here is not None else None

    def _call_of(self, old: Statement) -> int | None:
        """Which statement of the block calls the function that an old statement is in, if just one does."""
        function = scopes.function_of(old.block)
        if function is None:
            return None
        calls = [
            place
            for place, each in enumerate(self._block.children)
            if each.kind not in _DEFINITIONS and function.name in _CALL.findall(each.header)
        ]
        return calls[0] if len(calls) == 1 else None

    def _of_called(self, now: Statement) -> _Spots | None:
        """Where the body of a function is that a new statement of today calls."""
        inside = body_of_called(now, self._matching)
        spots = [spot for each in inside if (spot := self._spot(each)) is not None]
        if spots and 2 * len(spots) >= len(inside):
            return _Spots(min(spots), max(spots), False, _CALLED)
        return None


def body_of_called(now: Statement, matching: Matching) -> list[Statement]:
    """What the body of a function was that a statement of today calls."""
    if now.kind in _DEFINITIONS or now.blocks:
        return []
    called = set(_CALL.findall(now.header))
    for function in now.module.statements if called else ():
        if function.kind == "def" and function.name in called:
            return [old for each in function.below() if (old := matching.old(each)) is not None]
    return []
