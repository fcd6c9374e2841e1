"""Pairs that are evident wherever they stand: identical subtrees, and statements that have no rival."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from flor.replay.propagation.pairs import Pairing
from flor.replay.propagation.statements import Module, Statement

_LINES = 3  # a shorter subtree may well be unique by chance
_SAME_NAME = 0.8
_AS_LARGE = 0.8  # share of the statements; code that moved away makes a difference
_RARE = 3  # a statement that stands in more places says little of where it belongs
_NEAREST = 2  # candidates that are compared
_EVIDENT = 0.6  # likeness that is enough wherever it stands,
_AHEAD = 0.1  # if no other is nearly as good


class Evidence:
    """Finds evident pairs."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing
        self._likeness = pairing.likeness

    def add_identical(self, old: Module) -> None:
        """Match subtrees whose text is the same, layout apart, and that are unique in both files."""
        today = self._pairing.today
        blanked = {line for each in today.probes for line in each.lines}
        stripped = list(today.module.text.stripped)
        for line in blanked:
            stripped[line - 1] = ""
        mine = self._texts(today.module, stripped)
        theirs = self._texts(old, old.text.stripped)
        for text, here in mine.items():
            there = theirs.get(text, ())
            if len(here) == len(there) == 1 and self._pairing.can_match(here[0], there[0]):
                self._pairing.roots.append((here[0], there[0]))
                self._pairing.add_subtrees(here[0], there[0])

    def _texts(self, module: Module, stripped: Sequence[str]) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for statement in module.statements:
            if statement.blocks and statement.kind not in ("ExceptHandler", "match_case"):
                lines = statement.lines
                text = "\n".join(filter(None, stripped[lines.start - 1 : lines.stop - 1]))
                if text.count("\n") + 1 >= _LINES or statement.kind == "def":
                    found.setdefault(text, []).append(statement)
        return found

    def close_irrelevant(self, old: Module) -> None:
        """Match functions of one name, and of much the same size, that have nothing to do with a probe.

        What is in them is not looked at: in a large file these are most.
        """
        today = self._pairing.today
        theirs = _functions(old)
        for name, here in _functions(today.module).items():
            there = theirs.get(name, ())
            if len(here) == len(there) == 1 and here[0] not in today.relevant:
                is_open = self._pairing.can_match(here[0], there[0])
                if is_open and _are_as_large(here[0], there[0]):
                    self._pairing.add_closed(here[0], there[0], _SAME_NAME)

    def add_unique_shapes(self, old: Module) -> None:
        """Match statements that are unique in both files but for their names."""
        mine = _by_shape(filter(self._pairing.is_free, self._pairing.today.module.statements))
        theirs = _by_shape(filter(self._pairing.is_open, old.statements))
        for shape, here in mine.items():
            there = theirs.get(shape, ())
            if len(here) == len(there) == 1:
                self._pairing.matching.add(here[0], there[0], 1.0)

    def match_evident(self, old: Sequence[Module]) -> None:
        """Match compound statements that share statements, where one is much more alike than any other."""
        holders = self._holders(old)
        found: list[tuple[float, Statement, Statement]] = []
        for now in self._pairing.today.module.statements:
            if now.blocks and self._pairing.is_free(now):
                near: Counter[Statement] = Counter()
                for each in now.below():
                    if each not in self._pairing.today.probes:
                        near.update(holders.get(self._likeness.words(each), ()))
                found.extend(self._scored(now, [b for b, _ in near.most_common(_NEAREST)]))
        for score, a, b in _clear(found):
            if self._pairing.can_match(a, b):
                self._pairing.matching.add(a, b, score)

    def _holders(self, old: Sequence[Module]) -> dict[tuple[str, ...], list[Statement]]:
        """The unmatched statements around each statement that is rare."""
        found: dict[tuple[str, ...], list[Statement]] = {}
        for module in old:
            for each in module.statements:
                parent = each.parent
                if parent is not None and self._pairing.is_open(parent):
                    found.setdefault(each.words, []).append(parent)
        return {words: holders for words, holders in found.items() if len(holders) <= _RARE}

    def _scored(
        self, now: Statement, near: Iterable[Statement]
    ) -> Iterator[tuple[float, Statement, Statement]]:
        for old in near:
            if self._pairing.can_match(now, old):
                yield self._likeness.of(now, old), now, old


def _functions(module: Module) -> dict[str, list[Statement]]:
    """The functions at the top of a module, by name."""
    found: dict[str, list[Statement]] = {}
    for each in module.body.children:
        if each.kind == "def":
            found.setdefault(each.name, []).append(each)
    return found


def _are_as_large(now: Statement, old: Statement) -> bool:
    mine, theirs = now.last - now.index, old.last - old.index
    return min(mine, theirs) >= _AS_LARGE * max(mine, theirs)


def _by_shape(statements: Iterable[Statement]) -> dict[tuple[str, ...], list[Statement]]:
    found: dict[tuple[str, ...], list[Statement]] = {}
    for each in statements:
        found.setdefault((each.kind, *each.blank), []).append(each)
    return found


def _clear(found: Sequence[tuple[float, Statement, Statement]]) -> list[tuple[float, Statement, Statement]]:
    """The good pairs that have no rival, the best first."""
    scores: dict[Statement, list[float]] = {}
    for score, a, b in found:
        scores.setdefault(a, []).append(score)
        scores.setdefault(b, []).append(score)
    good = [
        each
        for each in found
        if each[0] >= _EVIDENT and not any(_has_rival(each[0], scores[side]) for side in each[1:])
    ]
    return sorted(good, key=lambda each: (-each[0], each[1].index, each[2].index))


def _has_rival(score: float, scores: Sequence[float]) -> bool:
    return sum(1 for other in scores if other > score - _AHEAD) > 1
