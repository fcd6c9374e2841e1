"""How alike two statements are: 0 to 1."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from flor.replay.propagation import lexing
from flor.replay.propagation.statements import Statement

ENOUGH = 0.4  # within matched parents
_BLANK = 0.4  # how much the shape without names counts
_TELLING = 4  # words of a header that says something by itself
_OTHER_TYPE = 0.8  # `x += …` and `x = …`, `for` and `while`
_NESTED = 0.65  # how much counts what stands below a header


class Likeness:
    """Compares statements of today with old ones, under a renaming from today's names to the old ones."""

    def __init__(
        self, renames: Mapping[str, str], skipped: Collection[Statement], shells: Collection[Statement]
    ) -> None:
        """Args:
        skipped: statements of today that are probes.
        shells: statements with nothing but probes in them.
        """
        self._renames = dict(renames)
        self._skipped = skipped
        self._shells = shells
        self._words: dict[Statement, tuple[str, ...]] = {}
        self._inner: dict[Statement, Counter[tuple[str, ...]]] = {}
        self._inner_blank: dict[Statement, Counter[tuple[str, ...]]] = {}
        self._blanks: dict[Statement, tuple[str, ...]] = {}
        self._bags: dict[tuple[str, ...], dict[str, float]] = {}

    def words(self, now: Statement) -> tuple[str, ...]:
        """The words of a statement of today, in old names."""
        if not self._renames:
            return now.words
        if now not in self._words:
            self._words[now] = tuple(self._renamed(now.words))
        return self._words[now]

    def inner(self, now: Statement) -> Counter[tuple[str, ...]]:
        """What stands below a statement of today, in old names; probes left out."""
        if now not in self._inner:
            self._inner[now] = Counter(self.words(each) for each in now.below() if each not in self._skipped)
        return self._inner[now]

    def inner_blank(self, now: Statement) -> Counter[tuple[str, ...]]:
        """The same without names."""
        if now not in self._inner_blank:
            every = (self._blank(each) for each in now.below() if each not in self._skipped)
            self._inner_blank[now] = Counter(every)
        return self._inner_blank[now]

    def may_match(self, now: Statement, old: Statement) -> bool:
        """Whether two statements may be matched at all: what only holds probes must have held them."""
        if now.kind != old.kind or now not in self._shells:
            return now.kind == old.kind
        return self.words(now) == old.words and not _logged(now).isdisjoint(_logged(old))

    def is_same(self, now: Statement, old: Statement) -> bool:
        """Whether both say the same, all that is below them included."""
        if now.kind != old.kind or now.last - now.index != old.last - old.index:
            return False
        if self.words(now) != old.words:
            return False
        return all(
            self.words(a) == b.words and a.kind == b.kind
            for a, b in zip(now.below(), old.below(), strict=True)
        )

    def _blank(self, now: Statement) -> tuple[str, ...]:
        if not self._renames:
            return now.blank
        if now not in self._blanks:
            self._blanks[now] = tuple(map(lexing.blank, self.words(now)))
        return self._blanks[now]

    def of_siblings(self, now: Statement, old: Statement) -> float:
        """How alike two statements are that stand in matched blocks."""
        return self.of(now, old, are_siblings=True)

    def of(self, now: Statement, old: Statement, are_siblings: bool = False) -> float:
        """How alike two statements are, with all that is below them."""
        if not self.may_match(now, old):
            return 0.0
        header = self.headers(now, old)
        if not now.blocks or not old.blocks:
            return header if not now.blocks and not old.blocks else 0.0
        inner = self._below(now, old)
        both = (1 - _NESTED) * header + _NESTED * inner
        if now.kind in ("def", "ClassDef") and now.name == old.name:
            return 0.5 + 0.5 * both if are_siblings or _are_members_alike(now, old) else both
        if now.loop_name is not None and now.loop_name == old.loop_name:
            return 0.3 + 0.7 * both
        is_telling = header == 1.0 and are_siblings and len(old.words) >= _TELLING
        return max(both, ENOUGH) if is_telling else both

    def headers(self, now: Statement, old: Statement) -> float:
        """How alike their own words are."""
        mine, theirs = self.words(now), old.words
        if mine == theirs:
            return 1.0
        if now.kind == "Expr" and _are_other_logs(mine, theirs):
            return 0.0
        full = self._dice(mine, theirs) * (1.0 if type(now.node) is type(old.node) else _OTHER_TYPE)
        shape = 1.0 if now.blank == old.blank else self._dice(now.blank, old.blank)
        return (1 - _BLANK) * full + _BLANK * shape

    def _renamed(self, words: Iterable[str]) -> Iterable[str]:
        for word in words:
            yield lexing.renamed(word, self._renames) if lexing.is_name(word) else word

    def _below(self, now: Statement, old: Statement) -> float:
        mine = self.inner(now)
        size = mine.total() + old.last - old.index
        same = _common(mine, old.inner)
        alike = _common(self.inner_blank(now), old.inner_blank)
        return 2 * (same + 0.6 * max(0, alike - same)) / size

    def _dice(self, mine: tuple[str, ...], theirs: tuple[str, ...]) -> float:
        a, b = self._bag(mine), self._bag(theirs)
        if len(a) > len(b):
            a, b = b, a
        shared = sum(min(weight, b[part]) for part, weight in a.items() if part in b)
        total = sum(a.values()) + sum(b.values())
        return 2 * shared / total if total else 1.0

    def _bag(self, words: tuple[str, ...]) -> dict[str, float]:
        bag = self._bags.get(words)
        if bag is None:
            bag = self._bags[words] = {}
            for word in words:
                for part, weight in lexing.weights(word):
                    bag[part] = bag.get(part, 0.0) + weight
        return bag


def _common(a: Mapping[tuple[str, ...], int], b: Mapping[tuple[str, ...], int]) -> int:
    if len(a) > len(b):
        a, b = b, a
    return sum(min(count, b[key]) for key, count in a.items() if key in b)


def _logged(statement: Statement) -> set[tuple[str, ...]]:
    return {each.words[:2] for each in statement.below() if each.words[0] == "flor.log"}


def _are_members_alike(now: Statement, old: Statement) -> bool:
    """Two methods of one name say little: every class has an `__init__`."""
    mine, theirs = now.parent, old.parent
    return (mine is None) == (theirs is None) and (mine is None or theirs is None or mine.name == theirs.name)


def _are_other_logs(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether both log, under different names."""
    return mine[0] == theirs[0] == "flor.log" and mine[1:2] != theirs[1:2]
