"""One main loop of a run as a planner sees it: where to enter, what to leave out, what it costs. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.costs import Costs, Parts
from flor.replay.planning.facts import KeptState, LoopFacts
from flor.replay.planning.plans import Visit
from flor.replay.planning.routes import CUT, ITERATIONS, NOTHING, REST, Ground, Route, Stop, route
from flor.replay.planning.standing import Standing


@dataclass(frozen=True)
class Terrain:
    """One main loop."""

    facts: LoopFacts
    standing: Standing
    costs: Costs
    is_sliced: bool = True
    _replaced: dict[tuple[int, bool, bool], list[KeptState]] = field(default_factory=dict)
    _parts: dict[Stop, Parts] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, int]:
        """Its block and its number there."""
        return self.facts.block, self.facts.loop

    @property
    def done(self) -> EntryPoint:
        """Where it ended."""
        return EntryPoint("done", *self.key)

    @cached_property
    def cut_line(self) -> int | None:
        """The line of the last statement of its body that is needed; None: whole iterations are.

        It is not asked of a loop without probes.
        """
        changed = self.standing.changed
        if not self.is_sliced:
            return None
        lines = {changed.last.get(site) for site in self.standing.sites(self.facts)}
        return lines.pop() if len(lines) == 1 and not changed.is_anywhere else None

    @cached_property
    def has_probes(self) -> bool:
        """Whether a probe may be executed in its iterations."""
        changed = self.standing.changed
        sites = self.standing.sites(self.facts)
        return changed.is_anywhere or not sites or any(site in changed.last for site in sites)

    @cached_property
    def answerable(self) -> range:
        """The iterations that can have answers: those that the run completed, and one that can be repeated.

        One that was killed is left out, unless what is needed of it is executed before its first nested loop.
        """
        run, begun = self.standing.facts, self.facts.begun
        is_repeated = run.status in ("failed", "finished") or begun == self.facts.completed
        if is_repeated:
            return range(self.facts.length)
        return range(begun if self._is_before_nested else self.facts.completed)

    @cached_property
    def _is_before_nested(self) -> bool:
        if self.cut_line is None or not self.standing.changed.structure.nested:
            return False
        return not self._expected

    @cached_property
    def _expected(self) -> tuple[tuple[str, int], ...]:
        """File and line of each nested loop that is executed up to the last needed statement."""
        sites = self.standing.sites(self.facts)
        return tuple(
            (each.loop.filename, each.loop.line)
            for each in self.standing.changed.structure.nested
            if each.main in sites and (self.cut_line is None or each.statement <= self.cut_line)
        )

    # -- what may be left out ----------------------------------------------

    def replaced(self, iteration: int, *, is_wanted: bool, is_full: bool) -> list[KeptState]:
        """The states that take the place of nested loops in an iteration, where loading them costs less."""
        key = (iteration, is_wanted, is_full)
        if key not in self._replaced:
            found = self._to_replace(iteration, is_wanted=is_wanted, is_full=is_full)
            self._replaced[key] = found if self.is_sliced else []
        return self._replaced[key]

    def _to_replace(self, iteration: int, *, is_wanted: bool, is_full: bool) -> list[KeptState]:
        least = REST if is_full else CUT
        found = []
        for state in self.standing.afters(*self.key, iteration):
            is_needed = is_wanted and self._is_probed(state)
            is_behind = not is_full and self._is_behind_cut(state)
            if is_needed or is_behind or self.standing.good(state.entry) < least:
                continue
            if self.costs.seconds(self.costs.loading(state)) <= self.costs.seconds(self.costs.nested(state)):
                found.append(state)
        return found

    def _is_probed(self, state: KeptState) -> bool:
        changed = self.standing.changed
        nested = self.standing.nested_of(state)
        return changed.is_anywhere or not nested or any(each.loop in changed.probed for each in nested)

    def _is_behind_cut(self, state: KeptState) -> bool:
        """Whether the state stands behind a loop that is not reached, because the iteration is cut before."""
        cut_line = self.cut_line
        nested = self.standing.nested_of(state)
        return cut_line is not None and bool(nested) and all(each.statement > cut_line for each in nested)

    def cut_needs(self, iteration: int) -> int:
        """What a state must be good for to execute the needed part: more where a nested loop is executed."""
        if self.cut_line is None:
            return ITERATIONS
        left = list(self._expected)
        for state in self.replaced(iteration, is_wanted=True, is_full=False):
            for each in self.standing.nested_of(state):
                if (each.loop.filename, each.loop.line) in left:
                    left.remove((each.loop.filename, each.loop.line))
                    break
        return ITERATIONS if left else CUT

    # -- what it costs -----------------------------------------------------

    def parts(self, stop: Stop) -> Parts:
        """Of one stop, restoring included."""
        if stop not in self._parts:
            self._parts[stop] = self._parts_of(stop)
        return self._parts[stop]

    def _parts_of(self, stop: Stop) -> Parts:
        at, loaded = stop.iteration, Parts()
        if stop.is_restored:
            loaded = self.costs.loading(self.standing.states[self.top(at)])
        states = self.replaced(at, is_wanted=stop.is_wanted, is_full=stop.is_full)
        for state in states:
            loaded += self.costs.loading(state)
        replaced = {state.entry for state in states}
        return loaded + (self._in_full(at, replaced) if stop.is_full else self._until_cut(at, replaced))

    def _in_full(self, iteration: int, replaced: Collection[EntryPoint]) -> Parts:
        """Of executing an iteration without these nested loops."""
        states = [state for state in self.standing.afters(*self.key, iteration) if state.entry in replaced]
        left_out = sum(self.costs.nested(state).executing_s for state in states)
        whole = self.costs.iteration(*self.key, iteration).executing_s
        return Parts(executing_s=max(whole - left_out, 0.0))

    def _until_cut(self, iteration: int, replaced: Collection[EntryPoint]) -> Parts:
        """Of executing it until the last needed statement."""
        if self.cut_line is None:
            return self._in_full(iteration, replaced)
        if not self._expected and self.standing.changed.structure.nested:
            return self.costs.before_nested(*self.key, iteration)
        states = self.standing.afters(*self.key, iteration)
        left_out = [s for s in states if s.entry in replaced or self._is_behind_cut(s)]
        seconds = self._in_full(iteration, {state.entry for state in left_out}).executing_s
        rest = self.costs.behind_nested(*self.key, iteration).executing_s
        is_reached = not any(self._is_behind_cut(state) for state in states)
        return Parts(executing_s=max(seconds - rest * (1 - self._share if is_reached else 1), 0.0))

    @cached_property
    def _share(self) -> float:
        """How much of the statements behind the last nested loop is needed."""
        lines = [
            line for site in self.standing.sites(self.facts) for line in self.standing.changed.lines(site)
        ]
        nested = [each.statement for each in self.standing.changed.structure.nested]
        behind = [line for line in lines if line > max(nested, default=0)]
        needed = [line for line in behind if self.cut_line is not None and line <= self.cut_line]
        return len(needed) / len(behind) if behind else 1.0

    def top(self, iteration: int) -> EntryPoint:
        """The header of an iteration."""
        return EntryPoint("top", *self.key, iteration)

    # -- the way through it ------------------------------------------------

    def through(self, wanted: Collection[int], *, to_end: bool = False) -> Route | None:
        """The cheapest way over these iterations."""
        return route(self._ground, wanted, to_end=to_end)

    @cached_property
    def _ground(self) -> Ground:
        def seconds(iteration: int, *, is_full: bool) -> float:
            return self.costs.seconds(self.parts(Stop(iteration, False, is_full, is_wanted=True)))

        def load_s(iteration: int) -> float:
            return self.costs.seconds(self.costs.loading(self.standing.states[self.top(iteration)]))

        return Ground(
            length=self.facts.length,
            top=lambda iteration: self.standing.good(self.top(iteration)),
            load_s=load_s,
            full_s=lambda iteration: seconds(iteration, is_full=True),
            cut_s=lambda iteration: seconds(iteration, is_full=False),
            cut_needs=self.cut_needs,
        )

    def parts_of(self, visit: Visit) -> Parts:
        """Of one visit, restoring included."""
        is_full = not visit.is_cut
        return self.parts(Stop(visit.iteration, visit.entry is not None, is_full, visit.is_wanted))

    def visit(self, stop: Stop) -> Visit:
        """A stop as a visit."""
        states = self.replaced(stop.iteration, is_wanted=stop.is_wanted, is_full=stop.is_full)
        return Visit(
            *self.key,
            stop.iteration,
            self.top(stop.iteration) if stop.is_restored else None,
            tuple(state.entry for state in states),
            stop.is_wanted,
            not stop.is_full and self.cut_line is not None,
        )

    def can_begin(self, iteration: int) -> bool:
        """Whether another process can begin here without executing iterations before."""
        good = self.standing.good(self.top(iteration)) if iteration else REST
        return good > NOTHING and good >= self.cut_needs(iteration)
