"""Puts together what one process executes: over blocks and loops to what is wanted. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.costs import Costs, Parts
from flor.replay.planning.plans import Segment, Visit
from flor.replay.planning.routes import REST, Route
from flor.replay.planning.terrain import Terrain

Demand = Mapping[tuple[int, int], Collection[int]]
"""The wanted iterations, by block and loop."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What is executed of one loop or block, and what it costs."""

    visits: tuple[Visit, ...] = ()
    jumps: tuple[EntryPoint, ...] = ()
    parts: Parts = field(default_factory=Parts)

    def __add__(self, other: "Leg") -> "Leg":
        return Leg((*self.visits, *other.visits), (*self.jumps, *other.jumps), self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class Outside:
    """What of the statements outside of main loops' iterations a process records."""

    is_recorded: bool = False
    is_far: bool = False  # all that the run executed, not only what comes before the first main loop
    to_end: bool = False  # until the script's end
    between: bool = False  # in blocks, also what comes behind a main loop


NOTHING_OUTSIDE = Outside()


@dataclass(frozen=True)
class Assembler:
    """Puts together segments of one run.

    Args:
        terrains: its main loops, in the order executed.
    """

    terrains: Sequence[Terrain]
    costs: Costs

    def segment(self, demand: Demand, outside: Outside = NOTHING_OUTSIDE) -> Segment | None:
        """What a process executes for these iterations; None where there is no way."""
        leg: Leg | None = Leg(parts=self.costs.startup)
        wanted = [number for number, each in enumerate(self.terrains) if demand.get(each.key)]
        last = len(self.terrains) - 1 if outside.is_far else max(wanted, default=-1)
        to_end, between = outside.to_end, outside.between
        number = 0
        while leg is not None and number <= last:
            is_final = number == last and not to_end
            more, number = self._loop(number, demand, is_final=is_final, between=between)
            leg = None if more is None else leg + more
        if leg is None:
            return None
        if to_end:
            leg += Leg(parts=self.costs.suffix)
        seconds = self.costs.seconds(leg.parts)
        return Segment(
            leg.visits, leg.jumps, to_end, outside.is_recorded, estimated_s=seconds, parts=leg.parts
        )

    def _loop(self, number: int, demand: Demand, *, is_final: bool, between: bool) -> tuple[Leg | None, int]:
        """The cheapest way over one loop, and which one is next."""
        terrain = self.terrains[number]
        wanted = demand.get(terrain.key, ())
        if is_final:
            found = terrain.through(wanted)
            return (None if found is None else self._leg(terrain, found)), number + 1
        following = self._next_block(number)
        ways = [(self._and_jump(terrain, wanted, terrain.done), number + 1)]
        ways.append((self._beyond(terrain, wanted), number + 1))
        others = self.terrains[number + 1 : following]
        if not between and not any(demand.get(each.key) for each in others):
            # First: of ways that cost the same it leaves out most.
            ways.insert(
                0, (self._and_jump(terrain, wanted, EntryPoint("end", terrain.facts.block)), following)
            )
        gap = self._gap(number, number + 1)
        known = [(leg if after == following else leg + gap, after) for leg, after in ways if leg is not None]
        if not known:
            return None, number + 1
        leg, after = min(known, key=lambda way: (self.costs.seconds(way[0].parts), -way[1]))
        if after == following:
            leg += self._gap(following - 1, following)
        return leg, after

    def _beyond(self, terrain: Terrain, wanted: Collection[int]) -> Leg | None:
        """Executed to its end."""
        found = terrain.through(wanted, to_end=True)
        return None if found is None else self._leg(terrain, found)

    def _and_jump(self, terrain: Terrain, wanted: Collection[int], entry: EntryPoint) -> Leg | None:
        """Left for a kept state."""
        if terrain.standing.good(entry) < REST:
            return None
        found = terrain.through(wanted)
        if found is None:
            return None
        state = terrain.standing.states[entry]
        return self._leg(terrain, found) + Leg((), (entry,), self.costs.loading(state))

    def _leg(self, terrain: Terrain, found: Route) -> Leg:
        # An iteration that perhaps was none is executed with the one before.
        stops = [stop for stop in found.stops if stop.is_wanted or stop.iteration < terrain.facts.begun]
        parts = [terrain.parts(stop) for stop in stops]
        return Leg(tuple(terrain.visit(stop) for stop in stops), (), sum(parts, start=Parts()))

    def _gap(self, before: int, after: int) -> Leg:
        """What is executed between two loops."""
        if after >= len(self.terrains):
            return Leg()
        return Leg(parts=self.costs.between(self.terrains[before].key, self.terrains[after].key))

    def _next_block(self, number: int) -> int:
        block = self.terrains[number].facts.block
        later = (at for at in range(number, len(self.terrains)) if self.terrains[at].facts.block != block)
        return next(later, len(self.terrains))


def divided(
    wanted: Sequence[tuple[Terrain, int]], weights: Sequence[float], count: int
) -> list[dict[tuple[int, int], list[int]]]:
    """The wanted iterations in at most `count` contiguous groups of about the same cost.

    A group begins where no iteration before has to be executed, if there is such a place.
    """
    total, groups, seen = sum(weights), 1, 0.0
    found: list[dict[tuple[int, int], list[int]]] = [{}]
    for number, (terrain, iteration) in enumerate(wanted):
        is_new_loop = bool(number) and wanted[number - 1][0] is not terrain
        is_due = seen >= total * groups / count - weights[number] / 2
        if number and is_due and groups < count and (is_new_loop or terrain.can_begin(iteration)):
            found.append({})
            groups = max(groups + 1, int(seen / total * count) + 1 if total else 0)
        found[-1].setdefault(terrain.key, []).append(iteration)
        seen += weights[number]
    return found
