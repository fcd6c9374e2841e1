"""Aligns two sequences. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

A = TypeVar("A")

_LARGEST = 6000  # pairs; beyond it comparing every two statements takes long


def increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second numbers increase; the first ones do already."""
    tails: list[int] = []
    ends: list[int] = []  # where in `pairs` each tail stands
    before: list[int] = []
    for place, (_, second) in enumerate(pairs):
        length = bisect_left(tails, second)
        before.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [second]
        ends[length : length + 1] = [place]
    found = []
    place = ends[-1] if ends else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    return found[::-1]


def in_order(
    mine: Sequence[A], theirs: Sequence[A], alike: Callable[[A, A], float], enough: float
) -> Iterator[tuple[A, A, float]]:
    """The pairs of two sequences in the same order whose likeness is greatest in sum."""
    if len(mine) * len(theirs) > _LARGEST:
        return
    scores = [[alike(a, b) for b in theirs] for a in mine]
    best = _best(scores, enough)
    i, j = len(mine), len(theirs)
    while i and j:
        score = scores[i - 1][j - 1]
        if score >= enough and best[i][j] == best[i - 1][j - 1] + score - enough / 2:
            yield mine[i - 1], theirs[j - 1], score
            i, j = i - 1, j - 1
        elif best[i][j] == best[i - 1][j]:
            i -= 1
        else:
            j -= 1


def _best(scores: Sequence[Sequence[float]], enough: float) -> list[list[float]]:
    """The greatest sum for each two beginnings; half of `enough` goes off, so that few good pairs win."""
    width = len(scores[0])
    best = [[0.0] * (width + 1)]
    for row in scores:
        above, line = best[-1], [0.0]
        for j, score in enumerate(row):
            value = max(above[j + 1], line[j])
            if score >= enough:
                value = max(value, above[j] + score - enough / 2)
            line.append(value)
        best.append(line)
    return best


def unique_common(mine: Iterable[str], theirs: Iterable[str]) -> list[tuple[int, int]]:
    """Places of what occurs once in both."""
    here, there = _once(mine), _once(theirs)
    return [(place, there[text]) for text, place in here.items() if text in there]


def _once(lines: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    twice: set[str] = set()
    for place, line in enumerate(lines):
        if line in found:
            twice.add(line)
        found[line] = place
    return {line: place for line, place in found.items() if line and line not in twice}
