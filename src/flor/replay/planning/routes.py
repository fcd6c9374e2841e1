"""The cheapest way through the iterations of one main loop that are wanted. Pure.

At a header the program stands in the true state, or it does not: then a kept state must be restored before
anything that counts is executed. An iteration is executed in full, which leads to the true state at the next
header; or until the last statement that is needed, which does not; or it is passed over.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

NOTHING, CUT, ITERATIONS, REST = 0, 1, 2, 3
"""What a state is good for: nothing; the needed part of an iteration; whole iterations; all that follows."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One main loop: what is kept at its headers, and what executing costs, in seconds."""

    length: int  # iterations that can be executed
    top: Callable[[int], int]  # what the state at the header of an iteration is good for; kept or not
    load_s: Callable[[int], float]
    full_s: Callable[[int], float]
    cut_s: Callable[[int], float]
    cut_needs: Callable[[int], int]  # what a state must be good for to execute the needed part


@dataclass(frozen=True, slots=True)
class Stop:
    """One iteration on the way."""

    iteration: int
    is_restored: bool
    is_full: bool
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A way, what it costs, and whether the program is in the true state at its end."""

    stops: tuple[Stop, ...]
    cost_s: float
    is_true: bool


@dataclass(frozen=True, slots=True)
class _Link:
    """How a header was reached: a list that grows at its end and shares its beginning."""

    cost_s: float
    stop: Stop | None = None
    before: "_Link | None" = None

    def then(self, stop: Stop, cost_s: float) -> "_Link":
        return _Link(self.cost_s + cost_s, stop, self)


_DIRTY = -1
_Reached = dict[int, _Link]  # by what the state is good for; _DIRTY: it is not the true one


def route(ground: Ground, wanted: Collection[int], *, to_end: bool = False) -> Route | None:
    """The cheapest way over the wanted iterations, from the loop's beginning; None where there is none.

    Args:
        to_end: the loop has to end in the true state.
    """
    last = ground.length if to_end else max(wanted, default=-1) + 1
    reached: _Reached = {REST: _Link(0.0)}
    is_wanted = frozenset(wanted)
    for iteration in range(last):
        reached = _step(ground, reached, iteration, iteration in is_wanted)
    if to_end:
        reached = {good: link for good, link in reached.items() if good >= REST}
    if not reached:
        return None
    # Of two that cost the same the shorter one: what it leaves out may cost more than is known.
    good, link = min(reached.items(), key=lambda each: (each[1].cost_s, each[0]))
    return Route(_stops(link), link.cost_s, good >= REST)


def _step(ground: Ground, reached: _Reached, iteration: int, is_wanted: bool) -> _Reached:
    """From the states at one header to those at the next."""
    found: _Reached = {}
    for good, link in reached.items():
        if not is_wanted:
            _keep(found, _DIRTY, link)
        _execute(ground, found, Stop(iteration, False, True, is_wanted), good, link, 0.0)
    good = ground.top(iteration) if iteration else NOTHING
    if good > NOTHING and reached:
        cheapest = min(reached.values(), key=lambda link: link.cost_s)
        stop = Stop(iteration, True, True, is_wanted)
        _execute(ground, found, stop, good, cheapest, ground.load_s(iteration))
    return found


def _execute(ground: Ground, found: _Reached, stop: Stop, good: int, link: _Link, load_s: float) -> None:
    """The iteration in full, and its needed part, from a state that is good for so much."""
    if good >= ITERATIONS:
        _keep(found, good, link.then(stop, load_s + ground.full_s(stop.iteration)))
    if stop.is_wanted and good >= ground.cut_needs(stop.iteration):
        cut = replace(stop, is_full=False)
        _keep(found, _DIRTY, link.then(cut, load_s + ground.cut_s(stop.iteration)))


def _keep(found: _Reached, good: int, link: _Link) -> None:
    if good not in found or link.cost_s < found[good].cost_s:
        found[good] = link


def _stops(link: _Link | None) -> tuple[Stop, ...]:
    found = []
    while link is not None:
        if link.stop is not None:
            found.append(link.stop)
        link = link.before
    return tuple(reversed(found))
