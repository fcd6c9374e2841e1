"""What comes out differently each time it is executed, such as a clock. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flor.replay import agreement
from flor.replay.executing import Ended
from flor.replay.marks import Mark


@dataclass(frozen=True, slots=True)
class Varying:
    """Found by executing the same twice.

    Args:
        names: of logged values.
        paths: of parts of the state.
    """

    names: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def explains(self, mark: Mark) -> bool:
        """Whether all that differs at a kept state varies."""
        return not mark.has_more and self.paths.issuperset(mark.paths)


NOTHING = Varying()


def between(pairs: Sequence[tuple[Ended, Ended]]) -> Varying:
    """What differs between two executions of the same segments, the second of which may end earlier."""
    names = frozenset(name for pair in pairs for name in _names(*pair))
    return Varying(names, frozenset(path for pair in pairs for path in _paths(*pair)))


def _names(one: Ended, other: Ended) -> Iterator[str]:
    for mine, theirs in zip(one.told.stretches, other.told.stretches, strict=False):
        yield from (each.name for each in agreement.compare(mine.table, theirs.table))


def _paths(one: Ended, other: Ended) -> Iterator[str]:
    """Only where both times something is there of which the content is known."""
    theirs = _contents(other)
    for place, content in _contents(one).items():
        if content and theirs.get(place, content) not in ("", content):
            yield place[1]


def _contents(ended: Ended) -> Mapping[tuple[str, str], str]:
    """Of each difference what is there instead, by kept state and path."""
    return {
        (mark.checked, path): content
        for mark in ended.told.marks
        for path, content in zip(mark.paths, mark.contents, strict=True)
    }
