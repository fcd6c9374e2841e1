"""Matches what stands in another parent than it did: moved into or out of functions, classes, files."""

from collections import Counter
from collections.abc import Iterator, Sequence

from flor.replay.propagation.blocks import Blocks
from flor.replay.propagation.pairs import Pairing
from flor.replay.propagation.statements import Block, Module, Statement

_MOVED = 0.6  # likeness of compound statements that moved elsewhere
_INSIDE = 0.5  # share of what is below both that is matched already
_NAMED = 0.3  # likeness of definitions of one name
_ROUNDS = 3


class Moved:
    """Matches across parents."""

    def __init__(self, pairing: Pairing, blocks: Blocks) -> None:
        self._pairing = pairing
        self._now = pairing.today.module
        self._likeness = pairing.likeness
        self._blocks = blocks

    def match(self, old: Sequence[Module]) -> None:
        """Match what stands in another parent now."""
        for _ in range(_ROUNDS):
            self._match_compounds(old)
            before = sum(1 for _ in self._pairing.matching.pairs())
            for block, other in self._block_pairs(old):
                self._blocks.match(block, other)
            if before == sum(1 for _ in self._pairing.matching.pairs()):
                return

    def definitions(self, others: Sequence[Module]) -> None:
        """Match definitions with those of other files: of the same name first, then by likeness."""
        mine = [each for each in self._now.statements if each.kind in ("def", "ClassDef")]
        theirs = [each for module in others for each in module.statements if each.kind in ("def", "ClassDef")]
        for a in mine:
            named = [b for b in theirs if b.name == a.name and b.kind == a.kind]
            if (
                len(named) == 1
                and self._pairing.can_match(a, named[0])
                and self._likeness.of(a, named[0]) >= _NAMED
            ):
                self._pairing.matching.add(a, named[0], self._likeness.of(a, named[0]))
                self._blocks.descend(a)

    def _match_compounds(self, old: Sequence[Module]) -> None:
        mine = [each for each in self._now.statements if each.blocks and self._pairing.is_free(each)]
        theirs = [each for module in old for each in module.statements if each.blocks]
        theirs = [each for each in theirs if self._pairing.is_open(each)]
        found = [
            (score, a, b)
            for a in mine
            for b in self._similar(a, theirs)
            if (score := self._moved_likeness(a, b)) >= _MOVED
        ]
        for score, a, b in sorted(found, key=lambda each: (-each[0], each[1].index, each[2].index)):
            if self._pairing.can_match(a, b):
                self._pairing.matching.add(a, b, score)
                self._blocks.descend(a)

    def _similar(self, now: Statement, theirs: Sequence[Statement]) -> Iterator[Statement]:
        """Those of one kind and of a size that allows enough likeness."""
        size = now.last - now.index
        for each in theirs:
            if each.kind == now.kind and size <= 3 * (each.last - each.index) <= 9 * size:
                yield each

    def _moved_likeness(self, now: Statement, old: Statement) -> float:
        """Their likeness, or, if most of what is below both is matched already, as much of it as is."""
        return max(self._likeness.of(now, old), _MOVED / _INSIDE * self._matched_below(now, old))

    def _matched_below(self, now: Statement, old: Statement) -> float:
        inside = sum(
            1
            for each in now.below()
            if (found := self._pairing.matching.old(each)) is not None and old.holds(found)
        )
        return 2 * inside / (now.last - now.index + old.last - old.index)

    def _block_pairs(self, old: Sequence[Module]) -> Iterator[tuple[Block, Block]]:
        """Blocks with unmatched statements, each with the old block that most of its statements point to."""
        index = self._unmatched_by_words(old)
        for block in self._open_blocks():
            votes: Counter[Block] = Counter()
            for each in block.children:
                found = self._pairing.matching.old(each)
                if found is not None:
                    votes[found.block] += 2
                elif self._pairing.is_free(each):
                    votes.update({other.block: 1 for other in index.get(self._likeness.words(each), ())})
            if votes:
                yield block, votes.most_common(1)[0][0]

    def _open_blocks(self) -> Iterator[Block]:
        blocks = [
            self._now.body,
            *(b for each in self._now.statements for b in each.blocks),
        ]
        for block in blocks:
            if any(self._pairing.is_free(each) for each in block.children):
                yield block

    def _unmatched_by_words(self, old: Sequence[Module]) -> dict[tuple[str, ...], list[Statement]]:
        index: dict[tuple[str, ...], list[Statement]] = {}
        for module in old:
            for each in module.statements:
                if self._pairing.is_open(each):
                    index.setdefault(each.words, []).append(each)
        return {words: found for words, found in index.items() if len(found) <= 2}
