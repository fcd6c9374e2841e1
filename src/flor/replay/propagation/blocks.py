"""Matches the statements of two blocks that belong together, and those below them."""

from collections.abc import Iterable, Iterator, Sequence

from flor.replay.propagation.aligning import in_order, increasing
from flor.replay.propagation.likeness import ENOUGH
from flor.replay.propagation.pairs import Pairing
from flor.replay.propagation.statements import Block, Statement

_UNORDERED = 0.65  # likeness of statements that were reordered
_TARGET = 0.3  # likeness of assignments to the same names
_MANY = 4000  # pairs; beyond it comparing every two statements takes long


class Blocks:
    """Matches within matched parents."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        self._likeness = pairing.likeness

    def match(self, now: Block, old: Block) -> None:
        """Match the statements of two blocks that belong together, and those below them."""
        mine = [each for each in now.children if each not in self._pairing.today.probes]
        self._match_equal(mine, old.children)
        self._match_targets(mine, old.children, _TARGET)
        for some, other in self._gaps(mine, old.children):
            for a, b, score in in_order(some, other, self._likeness.of_siblings, ENOUGH):
                self._pairing.matching.add(a, b, score)
        self._match_unordered(mine, old.children, _UNORDERED)
        self._match_targets(mine, old.children, 0.0)
        for each in mine:
            self.descend(each)

    def descend(self, now: Statement) -> None:
        """Match what is below a matched statement."""
        old = self._pairing.matching.old(now)
        if old is None or not now.blocks or self._pairing.is_done(now):
            return
        theirs = {block.field: block for block in old.blocks}
        for block in now.blocks:
            if block.field in theirs:
                self.match(block, theirs[block.field])

    def _match_equal(self, mine: Sequence[Statement], theirs: Sequence[Statement]) -> None:
        """Match statements that say the same and are unique among both, then equal neighbours of matches."""
        here = self._by_words(mine, is_old=False)
        there = self._by_words(theirs, is_old=True)
        for words, found in here.items():
            if len(found) == len(there.get(words, ())) == 1:
                a, b = found[0], there[words][0]
                self._match_if_same(a, b)
                if a.kind == b.kind == "loop":  # its body may have moved into a function
                    self._pairing.matching.add(a, b, max(0.5, self._likeness.of(a, b)))
        for step in (1, -1):
            self._spread(mine, theirs, step)

    def _by_words(
        self, statements: Sequence[Statement], is_old: bool
    ) -> dict[tuple[str, ...], list[Statement]]:
        found: dict[tuple[str, ...], list[Statement]] = {}
        for each in statements:
            if is_old or self._pairing.is_free(each):
                words = each.words if is_old else self._likeness.words(each)
                if not is_old or self._pairing.is_open(each):
                    found.setdefault(words, []).append(each)
        return found

    def _spread(self, mine: Sequence[Statement], theirs: Sequence[Statement], step: int) -> None:
        """From each match to its neighbours on one side, as long as they say the same."""
        places = {each: index for index, each in enumerate(theirs)}
        order = range(len(mine)) if step > 0 else range(len(mine) - 1, -1, -1)
        for index in order:
            old = self._pairing.matching.old(mine[index])
            there = places.get(old, -1) if old is not None else -1
            if there >= 0 and 0 <= index + step < len(mine) and 0 <= there + step < len(theirs):
                self._match_if_same(mine[index + step], theirs[there + step])

    def _match_if_same(self, now: Statement, old: Statement) -> None:
        if self._pairing.is_free(now) and self._pairing.is_open(old) and self._likeness.is_same(now, old):
            self._pairing.add_subtrees(now, old)

    def _gaps(
        self, mine: Sequence[Statement], theirs: Sequence[Statement]
    ) -> Iterator[tuple[list[Statement], list[Statement]]]:
        """The unmatched statements between each two neighbouring matches that are in the same order."""
        places = {each: index for index, each in enumerate(theirs)}
        anchors = [
            (index, places[old])
            for index, each in enumerate(mine)
            if (old := self._pairing.matching.old(each)) is not None and old in places
        ]
        here = there = 0
        for index, place in (*increasing(anchors), (len(mine), len(theirs))):
            some = [each for each in mine[here:index] if self._pairing.is_free(each)]
            other = [each for each in theirs[there:place] if self._pairing.is_open(each)]
            if some and other:
                yield some, other
            here, there = index + 1, place + 1

    def _match_unordered(self, mine: Sequence[Statement], theirs: Sequence[Statement], enough: float) -> None:
        """Match the rest, the most alike first, wherever they stand."""
        some = [each for each in mine if self._pairing.is_free(each)]
        other = [each for each in theirs if self._pairing.is_open(each)]
        if len(some) * len(other) > _MANY:
            return
        found = [(self._likeness.of_siblings(a, b), a, b) for a in some for b in other]
        good = [each for each in found if each[0] >= enough]
        for score, a, b in sorted(good, key=lambda each: (-each[0], each[1].index, each[2].index)):
            self._pairing.matching.add(a, b, score)

    def _match_targets(self, mine: Sequence[Statement], theirs: Sequence[Statement], enough: float) -> None:
        """Match assignments to the same names, the only ones left in both blocks."""
        here = self._by_targets(each for each in mine if self._pairing.is_free(each))
        there = self._by_targets(each for each in theirs if self._pairing.is_open(each))
        for targets, some in here.items():
            other = there.get(targets, ())
            if len(some) == len(other) == 1 and type(some[0].node) is type(other[0].node):
                likeness = self._likeness.of(some[0], other[0])
                if likeness >= enough:
                    self._pairing.matching.add(some[0], other[0], max(likeness, 0.3 + 0.5 * likeness))

    def _by_targets(self, statements: Iterable[Statement]) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for each in statements:
            words = self._likeness.words(each)
            if each.kind == "assign" and "=" in words:
                found.setdefault(" ".join(words[: words.index("=")]), []).append(each)
        return found
