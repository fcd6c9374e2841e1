"""Today's names in an old version: votes of matched statements, those nearest to the place first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from flor.replay.propagation import lexing, names, scopes
from flor.replay.propagation.pairs import Matching
from flor.replay.propagation.statements import Block, Statement

Votes = defaultdict[str, float]

_BINDING = 3.0  # how much more a binding says than a use
_REPLACED = 0.5  # where shapes differ
_ELSEWHERE = 0.05  # a statement outside the function
_SURE = 0.55  # likeness of statements of other shapes that tell what was renamed
_CLEAR = 0.6  # share of the votes that decides
_GONE = ""  # what `self` was where `self.net` was `net`


@dataclass(frozen=True, slots=True)
class Renamed:
    """What a name was called."""

    name: str
    certainty: float
    voters: int  # statements that say so
    rival: str | None = None  # another old name with so many votes that there is no telling


def everywhere(matching: Matching) -> dict[str, str]:
    """The names that most statements of the file agree on, where they changed."""
    votes: dict[str, Votes] = {}
    same: list[Statement] = []
    for now, old in matching.pairs():
        if now.kind == "import":
            continue
        if now in matching.whole or now.words == old.words:
            same.append(now)
            continue
        for a, b, weight in (*_aligned(now, old, matching.score(now)), *_as_called(now, old)):
            votes.setdefault(a, defaultdict(float))[b] += weight
    best = {mine: _ranked(found)[0] for mine, found in votes.items()}
    best |= _left_alone(matching, votes)
    changed = {mine: theirs for mine, (theirs, _) in best.items() if theirs not in (mine, _GONE)}
    asked = {*changed, *changed.values()}
    for name, count in _mentions(same, asked).items():
        votes.setdefault(name, defaultdict(float))[name] += count
    return {
        mine: theirs
        for mine, theirs in changed.items()
        if best[mine][1] == 0.0 or _is_agreed(votes, mine, theirs)
    }


def _left_alone(matching: Matching, votes: Mapping[str, Votes]) -> dict[str, tuple[str, float]]:
    """What `self.net` was of which no vote tells, where `self` was nothing and `net` is an old name."""
    firsts = {mine for mine, found in votes.items() if _is_gone(found)}
    pairs = list(matching.pairs()) if firsts else []
    before = {old.module for _, old in pairs}
    known = {name for module in before for each in module.statements for name in names.bound(each.node)}
    words = {word for now, _ in pairs[:1] for each in now.module.statements for word in each.words}
    chains = {".".join(word.split(".")[:2]) for word in words if word.partition(".")[0] in firsts}
    found = {chain: chain.partition(".")[2] for chain in chains - votes.keys()}
    return {mine: (theirs, 0.0) for mine, theirs in found.items() if theirs in known}


def _is_gone(votes: Votes) -> bool:
    return _GONE in votes and votes[_GONE] >= _CLEAR * sum(votes.values())


def _mentions(same: Iterable[Statement], asked: Iterable[str]) -> Votes:
    """How often names stand in statements that did not change: these speak against a renaming."""
    found: Votes = defaultdict(float)
    for statement in same:
        for name in asked:
            if name in statement.header and name in statement.words:
                found[name] += 1
    return found


def _is_agreed(votes: Mapping[str, Votes], mine: str, theirs: str) -> bool:
    """Whether most say so, and fewer that the old name is still the same."""
    found = votes[mine]
    weight = found[theirs]
    return weight >= _CLEAR * sum(found.values()) and weight > (
        votes[theirs][theirs] if theirs in votes else 0.0
    )


def _as_called(now: Statement, old: Statement) -> Iterator[tuple[str, str, float]]:
    """What calls of a function were, where a method was a function or the other way round."""
    if now.kind == "def" and old.kind == "def":
        mine, theirs = _called(now), _called(old)
        if mine != theirs and "." in mine + theirs:
            yield mine, theirs, _BINDING


def _called(function: Statement) -> str:
    is_method = function.parent is not None and function.parent.kind == "ClassDef"
    return f"self.{function.name}" if is_method else function.name


class Renaming:
    """Names as seen from one place of today's code."""

    def __init__(self, matching: Matching, place: Block) -> None:
        self._matching = matching
        self._place = place
        self._around = list(_around(place))
        self._scope = scopes.function_of(place)
        self._aligned: dict[Statement, list[tuple[str, str, float]]] = {}

    def of(self, name: str, is_near: bool = False, old: Block | None = None) -> Renamed | None:
        """What a dotted name was called; None where no matched statement mentions it.

        Args:
            is_near: only statements of the function around the place count.
            old: the old block in which the name must be known.
        """
        near = is_near or self._is_local(name)
        votes = self._votes(name, near)
        if old is not None:
            votes = defaultdict(float, ((n, w) for n, w in votes.items() if _is_visible(n, old)))
        if not votes:
            return self._alone(name, near, old)
        ranked = _ranked(votes)
        best, weight = ranked[0]
        certainty = weight / sum(votes.values())
        rival = ranked[1][0] if len(ranked) > 1 and certainty < _CLEAR else None
        if _GONE in (best, rival) or (best != name and self._is_taken(best, name, weight)):
            return None
        return Renamed(best, certainty, self._voters(name, best, near), rival)

    def _alone(self, name: str, is_near: bool, old: Block | None) -> Renamed | None:
        """What nobody mentions, where `self` was nothing and the rest of the name is one of the old block."""
        first, _, rest = name.partition(".")
        if not rest or (old is not None and not _is_visible(rest, old)):
            return None
        votes = self._votes(first, is_near)
        best, weight = _ranked(votes)[0] if votes else (first, 0.0)
        certainty = weight / sum(votes.values()) if best == _GONE else 0.0
        return Renamed(rest, certainty, self._voters(first, best, is_near)) if certainty >= _CLEAR else None

    def _is_local(self, name: str) -> bool:
        """Whether only the function around the place knows what a name is; attributes others know, too."""
        first = name.partition(".")[0]
        _, scope = scopes.home(first, self._place)
        return scope is not None and scope.kind == "def" and (name == first or first != "self")

    def attribute(self, name: str) -> str | None:
        """What an attribute was called, of whatever object."""
        votes: Votes = defaultdict(float)
        for now in self._place.module.statements:
            if name in now.header:
                for mine, theirs, weight in self._pairs(now):
                    if mine.endswith(f".{name}") and "." in theirs:
                        votes[theirs.rpartition(".")[2]] += weight
        if not votes:
            return None
        best, weight = _ranked(votes)[0]
        return best if weight >= _CLEAR * sum(votes.values()) else None

    def _votes(self, name: str, is_near: bool) -> Votes:
        """How much matched statements say for each old name."""
        first = name.partition(".")[0]
        found: Votes = defaultdict(float)
        for now in self._near() if is_near else self._place.module.statements:
            if first in now.header:
                for mine, theirs, weight in self._pairs(now):
                    if mine == name:
                        found[theirs] += weight
        return found

    def _voters(self, name: str, old: str, is_near: bool) -> int:
        statements = self._near() if is_near else self._place.module.statements
        voting = (each for each in statements if name.partition(".")[0] in each.header)
        return sum(any(pair[:2] == (name, old) for pair in self._pairs(each)) for each in voting)

    def _near(self) -> Sequence[Statement]:
        """The statements of the function around the place, or all."""
        scope, every = self._scope, self._place.module.statements
        return every if scope is None else every[scope.index : scope.last + 1]

    def _pairs(self, now: Statement) -> list[tuple[str, str, float]]:
        """What one statement says: today's name, the old one, how much."""
        if now not in self._aligned:
            old = self._matching.old(now)
            is_silent = old is None or now.kind == "import"
            self._aligned[now] = [] if old is None or is_silent else list(self._weighted(now, old))
        return self._aligned[now]

    def _weighted(self, now: Statement, old: Statement) -> Iterator[tuple[str, str, float]]:
        nearness = _nearness(now, self._around)
        for mine, theirs, share in _aligned(now, old, self._matching.score(now)):
            yield mine, theirs, nearness * share

    def _is_taken(self, old: str, name: str, weight: float) -> bool:
        """Whether another name of today has more right to an old name."""
        rivals: Votes = defaultdict(float)
        first = old.partition(".")[0]
        for now in self._near():
            match = self._matching.old(now)
            if match is not None and first in match.header:
                for mine, theirs, share in self._pairs(now):
                    if theirs == old and mine != name and ("." in mine) == ("." in name):
                        rivals[mine] += share
        return any(other >= weight for other in rivals.values())


def _is_visible(name: str, block: Block) -> bool:
    return (
        name == _GONE
        or scopes.home(name.partition(".")[0], block)[0]
        or names.ANYTHING in scopes.binders(block.module, None)
    )


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


def _aligned(now: Statement, old: Statement, score: float) -> Iterator[tuple[str, str, float]]:
    """Names that stand at the same place of two matched statements; bindings weigh more.

    Args:
        score: how alike the statements are; little of it lets only equal names count.
    """
    binding = min(_binding_words(now), _binding_words(old))
    for i, j, weight in _same_places(now.words, old.words):
        mine, theirs = now.words[i], old.words[j]
        if now.kind == "def":  # a parameter with a default
            mine, theirs = mine.removesuffix("="), theirs.removesuffix("=")
        is_sure = mine == theirs or weight == 1.0 or (score >= _SURE and type(now.node) is type(old.node))
        if is_sure and lexing.is_name(mine) and lexing.is_name(theirs):
            factor = _BINDING if max(i, j) < binding else 1.0
            for a, b in _beginnings(mine, theirs):
                yield a, b, weight * factor


def _binding_words(statement: Statement) -> int:
    """How many words of a statement are what it binds."""
    words = statement.words
    if statement.kind == "def":
        return len(words)
    end = {"assign": "=", "loop": "in"}.get(statement.kind)
    return words.index(end) if end in words else 0


def _same_places(mine: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """Which word of one statement is which of the other, and how much that says."""
    if [*map(lexing.blank, mine)] == [*map(lexing.blank, theirs)]:
        yield from ((place, place, 1.0) for place in range(len(mine)))
        return
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    for tag, i, end, j, stop in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and end - i == stop - j):
            weight = 1.0 if tag == "equal" else _REPLACED
            yield from ((a, b, weight) for a, b in zip(range(i, end), range(j, stop), strict=True))


def _beginnings(mine: str, theirs: str) -> Iterator[tuple[str, str]]:
    """What two dotted names at one place say: `net.fc` and `model.fc` say that net was model.

    `self.net` and `net` say also that self was nothing.
    """
    if mine == theirs:
        parts = mine.split(".")
        yield from ((".".join(parts[:n]), ".".join(parts[:n])) for n in range(1, len(parts) + 1))
        return
    a, b = mine.split("."), theirs.split(".")
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a.pop()
        b.pop()
    yield ".".join(a), ".".join(b)
    if a[1:] == b:
        yield a[0], _GONE
    for count in range(1, min(len(a), len(b))):
        if a[:count] == b[:count]:
            yield ".".join(a[:count]), ".".join(b[:count])
