"""Today's names in an old version: votes of matched statements, those nearest to the place first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from flor.replay.propagation import lexing, names, scopes
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.statements import Block, Statement

Votes = defaultdict[str, float]

_BINDING = 3.0  # how much more a binding says than a use
_REPLACED = 0.5  # where shapes differ
_ELSEWHERE = 0.05  # a statement outside the function
_CLEAR = 0.6  # share of the votes that decides


@dataclass(frozen=True, slots=True)
class Renamed:
    """What a name was called."""

    name: str
    certainty: float
    rival: str | None = None  # another old name with so many votes that there is no telling


def everywhere(matching: Matching) -> dict[str, str]:
    """The names that most statements of the file agree on, where they changed."""
    votes: dict[str, Votes] = {}
    for now, old in matching.pairs():
        if now.words != old.words:
            for mine, theirs, weight in _aligned(now, old):
                _votes_for(votes, mine)[theirs] += weight
    return dict(_agreed(votes, _identities(matching, votes)))


def _identities(matching: Matching, votes: Mapping[str, Votes]) -> Votes:
    """How often names stay as they are: they must not be renamed for a few changed statements."""
    found: Votes = defaultdict(float)
    for now, old in matching.pairs():
        if now.words == old.words:
            for word in now.words:
                if word in votes:
                    found[word] += 1
    return found


def _agreed(votes: Mapping[str, Votes], same: Votes) -> Iterator[tuple[str, str]]:
    taken = {mine: found.get(mine, 0.0) + same[mine] for mine, found in votes.items()}
    for mine, found in votes.items():
        best, weight = _ranked(found)[0]
        total = sum(found.values()) + same[mine]
        if best != mine and weight >= _CLEAR * total and weight > taken.get(best, 0.0):
            yield mine, best


class Renaming:
    """Names as seen from one place of today's code."""

    def __init__(self, matching: Matching, place: Block, statements: Iterable[Statement]) -> None:
        """Args:
        place: the block of the probe.
        statements: those of the file that may vote.
        """
        self._near: dict[str, Votes] = {}
        self._far: dict[str, Votes] = {}
        self._place = place
        around = list(_around(place))
        function = scopes.function_of(place)
        for now in statements:
            old = matching.old(now)
            if old is not None and now.kind != "import":
                is_near = function is None or function.holds(now)
                weight = _nearness(now, around) if is_near else _ELSEWHERE
                self._count(self._near if is_near else self._far, now, old, weight)

    def _count(self, votes: dict[str, Votes], now: Statement, old: Statement, weight: float) -> None:
        mine, theirs = names.bound(now.node), names.bound(old.node)
        for a, b, share in _aligned(now, old):
            binding = _BINDING if a in mine and b in theirs else 1.0
            _votes_for(votes, a)[b] += weight * share * binding

    def of(self, name: str) -> Renamed | None:
        """What a dotted name was called; None where no matched statement mentions it."""
        votes = self._votes(name)
        if not votes:
            return None
        ranked = _ranked(votes)
        best, weight = ranked[0]
        certainty = weight / sum(votes.values())
        if best != name and self._is_taken(best, name, weight):
            return None
        rival = ranked[1][0] if len(ranked) > 1 and certainty < _CLEAR else None
        return Renamed(best, certainty, rival)

    def attribute(self, name: str) -> str | None:
        """What an attribute was called, of whatever object."""
        votes: Votes = defaultdict(float)
        for found in (self._near, self._far):
            for mine, theirs in found.items():
                if mine.endswith(f".{name}"):
                    for old, weight in theirs.items():
                        if "." in old:
                            votes[old.rpartition(".")[2]] += weight
        if not votes:
            return None
        best, weight = _ranked(votes)[0]
        return best if weight >= _CLEAR * sum(votes.values()) else None

    def _votes(self, name: str) -> Votes:
        _, scope = scopes.home(name.partition(".")[0], self._place)
        found: Votes = defaultdict(float, self._near.get(name, {}))
        if "." in name or scope is None or scope.kind != "def":
            for old, weight in self._far.get(name, {}).items():
                found[old] += weight
        return found

    def _is_taken(self, old: str, name: str, weight: float) -> bool:
        """Whether another name of today has more right to an old name."""
        return any(
            other != name and found.get(old, 0.0) >= weight
            for other, found in self._near.items()
            if ("." in other) == ("." in name)
        )


def _votes_for(votes: dict[str, Votes], name: str) -> Votes:
    return votes.setdefault(name, defaultdict(float))


def _ranked(votes: Votes) -> list[tuple[str, float]]:
    """The old names, the most voted for first."""
    return sorted(votes.items(), key=lambda each: (-each[1], each[0]))


def _around(place: Block) -> Iterator[Block]:
    """The blocks around a place, innermost first."""
    block: Block | None = place
    while block is not None:
        yield block
        block = block.owner.block if block.owner is not None else None


def _nearness(statement: Statement, around: list[Block]) -> float:
    """Halved with every block that must be left to get to the statement."""
    for steps, block in enumerate(around):
        if block.owner is None or block.owner.holds(statement):
            return max(0.5**steps, _ELSEWHERE)
    return _ELSEWHERE


def _aligned(now: Statement, old: Statement) -> Iterator[tuple[str, str, float]]:
    """Names that stand at the same place of two matched statements."""
    for here, there, weight in _same_places(now, old):
        mine, theirs = here, there
        if now.kind == "def":  # a parameter with a default
            mine, theirs = here.removesuffix("="), there.removesuffix("=")
        if lexing.is_name(mine) and lexing.is_name(theirs):
            for a, b in _beginnings(mine, theirs):
                yield a, b, weight


def _same_places(now: Statement, old: Statement) -> Iterator[tuple[str, str, float]]:
    if now.blank == old.blank:
        yield from ((a, b, 1.0) for a, b in zip(now.words, old.words, strict=True))
        return
    matcher = SequenceMatcher(None, now.words, old.words, autojunk=False)
    for tag, i, end, j, stop in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and end - i == stop - j):
            weight = 1.0 if tag == "equal" else _REPLACED
            yield from ((a, b, weight) for a, b in zip(now.words[i:end], old.words[j:stop], strict=True))


def _beginnings(mine: str, theirs: str) -> Iterator[tuple[str, str]]:
    """What two dotted names at one place say: `net.fc` and `model.fc` say that net was model."""
    if mine == theirs:
        parts = mine.split(".")
        yield from ((".".join(parts[:n]), ".".join(parts[:n])) for n in range(1, len(parts) + 1))
        return
    a, b = mine.split("."), theirs.split(".")
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a.pop()
        b.pop()
    yield ".".join(a), ".".join(b)
    for count in range(1, min(len(a), len(b))):
        if a[:count] == b[:count]:
            yield ".".join(a[:count]), ".".join(b[:count])
