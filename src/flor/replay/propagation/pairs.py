"""Which old statement each statement of today was: the pairs found so far."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import eq

from flor.replay.propagation import lexing
from flor.replay.propagation.likeness import Likeness
from flor.replay.propagation.statements import Module, Statement


@dataclass(frozen=True, slots=True)
class Today:
    """A file of today, with its probes told apart."""

    module: Module
    probes: frozenset[Statement]
    shells: frozenset[Statement]  # what has nothing but probes in it
    relevant: frozenset[Statement]  # statements of the module that hold probes, or call what does


class Matching:
    """Which old statement each statement of today was."""

    def __init__(self, likeness: Likeness) -> None:
        self.likeness = likeness
        self._old: dict[Statement, Statement] = {}
        self._now: dict[Statement, Statement] = {}
        self._scores: dict[Statement, float] = {}
        self.whole: set[Statement] = set()  # matched with all that is below them

    def old(self, now: Statement) -> Statement | None:
        """What a statement of today was; None: it is new."""
        return self._old.get(now)

    def now(self, old: Statement) -> Statement | None:
        """What an old statement is today; None: it is gone."""
        return self._now.get(old)

    def score(self, now: Statement) -> float:
        """How alike a statement and its match are."""
        return self._scores.get(now, 0.0)

    def pairs(self) -> Iterator[tuple[Statement, Statement]]:
        """All matches."""
        yield from self._old.items()

    def add(self, now: Statement, old: Statement, score: float) -> None:
        """Match two statements that have no match yet."""
        if now not in self._old and old not in self._now and self.likeness.may_match(now, old):
            self._old[now] = old
            self._now[old] = now
            self._scores[now] = score

    def trust(self, renames: Mapping[str, str]) -> None:
        """Believe in full those matches of simple statements that say the same in old names."""
        for now, old in self._old.items():
            if self._scores[now] < 1 and not now.blocks and len(now.words) == len(old.words):
                said = (lexing.renamed(w, renames) if lexing.is_name(w) else w for w in now.words)
                if all(map(eq, said, old.words)):
                    self._scores[now] = 1.0


class Pairing:
    """The pairs of a file of today while they are being found."""

    def __init__(self, today: Today, likeness: Likeness) -> None:
        self.today = today
        self.likeness = likeness
        self.matching = Matching(likeness)
        self._closed: set[Statement] = set()  # what is not looked into
        self.roots: list[tuple[Statement, Statement]] = []  # of identical subtrees

    def is_free(self, now: Statement) -> bool:
        """Whether a statement of today may still be matched."""
        return now not in self.today.probes and now not in self._closed and self.matching.old(now) is None

    def is_open(self, old: Statement) -> bool:
        """Whether an old statement may still be matched."""
        return old not in self._closed and self.matching.now(old) is None

    def add_closed(self, now: Statement, old: Statement, score: float) -> None:
        """Match two statements without looking at what is below them."""
        self.matching.add(now, old, score)
        for root in (now, old):
            self._closed.update((root, *root.below()))

    def can_match(self, now: Statement, old: Statement) -> bool:
        return self.is_free(now) and self.is_open(old) and now.kind == old.kind

    def is_done(self, now: Statement) -> bool:
        """Whether there is nothing left to match below a statement."""
        return now in self.matching.whole or now in self._closed

    def add_subtrees(self, now: Statement, old: Statement) -> None:
        """Match two identical subtrees, statement by statement."""
        self.matching.add(now, old, 1.0)
        self.matching.whole.add(now)
        for mine, theirs in zip(now.blocks, old.blocks, strict=False):
            others = [each for each in mine.children if each not in self.today.probes]
            for a, b in zip(others, theirs.children, strict=False):
                if a.kind == b.kind:
                    self.add_subtrees(a, b)
