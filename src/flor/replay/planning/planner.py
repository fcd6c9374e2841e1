"""Decides what to execute again of a run, so that its probes get their values as soon as possible. Pure.

If in doubt, more is executed: a state is entered only if nothing that is executed behind it can observe what
was not kept, and in the end the whole script is run again, which is always right.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.assembling import Assembler, Demand, Outside, divided
from flor.replay.planning.costs import UNCORRECTED, Correction, Costs
from flor.replay.planning.facts import RunFacts
from flor.replay.planning.places import Level, Region
from flor.replay.planning.plans import Plan, Segment, Visit
from flor.replay.planning.routes import ITERATIONS
from flor.replay.planning.skipping import blocked, skipped
from flor.replay.planning.standing import Changed, Standing
from flor.replay.planning.terrain import Terrain

Wanted = Mapping[tuple[int, int], Collection[int]]
"""Iterations of main loops, by block and loop, counting from 0."""

_LEVELS: tuple[Level, ...] = ("prefix", "suffix", "outer", "nested", "whole")
_TOLERANCE = 1.02
_WORTHWHILE = 0.25
"""A second that another process spends has to save so much of the time until the last value is there."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a run.

    Args:
        iterations: only these; None: all that the run has.
        is_outside_wanted: also what probes log outside of main loops.
        workers: how many processes it may use.
        is_sliced: iterations may end early, and nested loops be left out.
    """

    iterations: Wanted | None = None
    is_outside_wanted: bool = True
    workers: int = 1
    is_sliced: bool = True


EVERYTHING = Question()
"""All that a run can have, by one process."""


def plan(
    facts: RunFacts,
    changed: Changed,
    question: Question = EVERYTHING,
    corrected: Correction = UNCORRECTED,
    refused: Iterable[EntryPoint] = (),
) -> Plan:
    """What to execute for one run.

    Args:
        changed: its version with the probes in it.
        refused: entry points that could not be restored when it was tried.
    """
    standing = Standing(facts, changed, frozenset(refused))
    return _Planner(standing, Costs(facts, corrected), question).plan()


@dataclass(frozen=True)
class _Planner:
    standing: Standing
    costs: Costs
    question: Question

    def plan(self) -> Plan:
        if not self.changed.places:
            return self._described(
                (), f"{self.changed.program.script} does not import the file of the statement"
            )
        reason = self._why_whole
        if reason:
            return self._whole(reason)
        if not self.demand and not self.outside.is_recorded:
            return self._described((), "the run has nothing of what is asked for")
        segments = self._cheapest()
        if segments is None:
            return self._whole("no way leads to what is asked for")
        if _elapsed_s(segments) > _TOLERANCE * self.whole_s:
            return self._whole("restoring what was kept takes longer than running the script again")
        is_all = len(segments) == 1 and segments[0].goes_to_end and not segments[0].restored
        return (
            self._whole(blocked(self.standing, segments).reason) if is_all else self._described(segments, "")
        )

    # -- what is wanted ----------------------------------------------------

    @property
    def facts(self) -> RunFacts:
        return self.standing.facts

    @property
    def changed(self) -> Changed:
        return self.standing.changed

    @cached_property
    def terrains(self) -> list[Terrain]:
        ordered = sorted(self.facts.loops, key=lambda loop: (loop.block, loop.loop))
        return [Terrain(loop, self.standing, self.costs, self.question.is_sliced) for loop in ordered]

    @cached_property
    def demand(self) -> dict[tuple[int, int], list[int]]:
        """The iterations to execute."""
        found = {}
        for terrain in self.terrains:
            asked = self.question.iterations
            only = range(terrain.facts.length) if asked is None else asked.get(terrain.key, ())
            if terrain.has_probes:
                found[terrain.key] = sorted(set(only).intersection(terrain.answerable))
        return {key: wanted for key, wanted in found.items() if wanted}

    @cached_property
    def outside(self) -> Outside:
        """What to record outside of iterations."""
        if not self.question.is_outside_wanted:
            return Outside()
        far = self.changed.is_anywhere or self.changed.has(Region.SUFFIX, Region.BETWEEN)
        is_over = self.facts.status in ("finished", "failed")
        return Outside(
            is_recorded=far or self.changed.has(Region.PREFIX),
            is_far=far,
            to_end=far and is_over,
            between=far and (self.changed.is_anywhere or self.changed.has(Region.BETWEEN)),
        )

    @cached_property
    def level(self) -> Level:
        levels: list[Level] = [place.level for place in self.changed.places]
        return max(levels, key=_LEVELS.index, default="whole")

    @cached_property
    def _why_whole(self) -> str:
        """Why nothing but running the script again is right; "" where that is not so."""
        program = self.changed.program
        if self._why_files:
            return self._why_files
        if program.script not in program.modules:
            return f"{program.script} cannot be read"
        if not self.changed.structure.mains:
            return (
                "the script has no flor.loop inside flor.checkpointing: "
                "put the training loop there, and replays start in the middle"
            )
        if not self.facts.loops and self.level != "prefix":
            return "the run came to no main loop"
        uncertain = [one.facts.name for one in self.terrains if one.facts.is_open and one.has_probes]
        if uncertain and self.question.iterations is None:
            return f"nothing tells how many iterations {uncertain[0]} had: log something in each of them"
        return ""

    @cached_property
    def _why_files(self) -> str:
        """The same where files are the reason: of some nobody knows what stood in them in between."""
        if self.facts.reads_back and (self.outside.is_far or self.changed.may_read_files):
            names = ", ".join(self.facts.reads_back[:3])
            return f"the run reads {names}, which it wrote itself before: what writes it has to be executed"
        if self.facts.held_back and self.changed.may_ask_files:
            names = ", ".join(self.facts.held_back[:3])
            return f"the statement may read {names}, of which the disk lacked something when states were kept"
        if self.facts.elsewhere and self.changed.may_ask_files:
            name = self.facts.elsewhere[0]
            return f"the statement may read {name}, outside of the project: what writes it has to be executed"
        if self.facts.temporary and self.level != "prefix":
            names = ", ".join(self.facts.temporary[:3])
            return f"what stood in temporary files is not kept ({names}): what writes it has to be executed"
        return ""

    # -- how ---------------------------------------------------------------

    @cached_property
    def whole_s(self) -> float:
        return self.costs.seconds(self.costs.whole)

    @cached_property
    def _assembler(self) -> Assembler:
        return Assembler(self.terrains, self.costs)

    def _cheapest(self) -> tuple[Segment, ...] | None:
        """The segments that are done first; more processes only where that pays off."""
        best: tuple[Segment, ...] | None = None
        for count in _counts(self.question.workers):
            for found in self._ways(count):
                if best is None or _is_better(found, best):
                    best = found
        return best

    def _ways(self, count: int) -> list[tuple[Segment, ...]]:
        """The ways in which that many processes can do it."""
        groups = self._groups(count)
        others = [Outside()] * (len(groups) - 1)
        # What comes before the first loop is executed by all of them: one records it.
        joined = [*others, self.outside] if self.outside.is_far else [self.outside, *others]
        ways = [self._segments(groups, joined)]
        if self.outside.is_far and count > 1 and groups[0]:
            apart = self._groups(count - 1)
            ways.append(self._segments([*apart, {}], [*([Outside()] * len(apart)), self.outside]))
        return [way for way in ways if way is not None]

    def _segments(self, groups: Sequence[Demand], outside: Sequence[Outside]) -> tuple[Segment, ...] | None:
        found = [self._assembler.segment(*each) for each in zip(groups, outside, strict=True)]
        whole = [segment for segment in found if segment is not None]
        return tuple(whole) if len(whole) == len(found) else None

    def _groups(self, count: int) -> list[dict[tuple[int, int], list[int]]]:
        by_key = {terrain.key: terrain for terrain in self.terrains}
        wanted = [(by_key[key], at) for key, iterations in self.demand.items() for at in iterations]
        return divided(wanted, self._weights, count)

    @cached_property
    def _weights(self) -> list[float]:
        """What each wanted iteration costs if one process does them all, with what has to come before it."""
        single = self._assembler.segment(self.demand)
        weights: list[float] = []
        waiting = 0.0
        for visit in single.visits if single else ():
            terrain = next(one for one in self.terrains if one.key == (visit.block, visit.loop))
            waiting += self.costs.seconds(terrain.parts_of(visit))
            if visit.is_wanted:
                weights.append(waiting)
                waiting = 0.0
        return weights

    # -- what is said of it ------------------------------------------------

    def _whole(self, reason: str) -> Plan:
        """Run the script again; of a run that was killed, only until where it came."""
        is_over = self.facts.status in ("finished", "failed")
        if is_over or not self.demand:
            # Of a loop without visits all iterations count.
            certain = {one.key for one in self.terrains if not one.facts.is_open}
            wanted = [(key, at) for key, each in self.demand.items() if key in certain for at in each]
            visits = tuple(Visit(*key, at) for key, at in wanted)
            segment = self._all(visits)
        else:
            segment = self._until_it_was_killed()
        return replace(self._described((segment,), reason), level="whole", ends_with_records=not is_over)

    def _until_it_was_killed(self) -> Segment:
        nothing = replace(self.standing, refused=frozenset(self.standing.states))
        unaided = replace(self, standing=nothing)
        outside = Outside(True, unaided.outside.is_far, False, unaided.outside.between)
        found = Assembler(unaided.terrains, self.costs).segment(self.demand, outside)
        return found or self._all(())

    def _all(self, visits: tuple[Visit, ...]) -> Segment:
        """The script from beginning to end."""
        return Segment(
            visits,
            goes_to_end=True,
            records_outside=True,
            is_whole=True,
            estimated_s=self.whole_s,
            parts=self.costs.whole,
        )

    @property
    def _enterable(self) -> tuple[EntryPoint, ...]:
        """The headers whose state is good for whole iterations; that of the first is executed in any case."""
        verdicts = self.standing.verdicts.items()
        return tuple(
            entry
            for entry, verdict in verdicts
            if entry.kind == "top" and (verdict.good >= ITERATIONS or not entry.iteration)
        )

    def _described(self, segments: tuple[Segment, ...], reason: str) -> Plan:
        blocking = blocked(self.standing, segments)
        return Plan(
            run=self.facts.run,
            level=self.level,
            segments=segments,
            has_suffix=any(segment.goes_to_end for segment in segments),
            skipped=skipped(self.terrains, segments, self.facts),
            opaque=blocking.opaque,
            reason=reason or blocking.reason,
            estimated_s=_elapsed_s(segments),
            prefix_s=self.costs.seconds(self.costs.startup),
            suffix_s=self.costs.seconds(self.costs.suffix),
            whole_s=self.whole_s,
            enterable=self._enterable,
            projid=self.facts.projid,
            tstamp=self.facts.tstamp,
            filename=self.facts.filename,
            columns=self.facts.columns,
        )


def _is_better(found: Sequence[Segment], best: Sequence[Segment]) -> bool:
    """Whether it is done sooner, by enough for what it costs more."""
    saved_s = _elapsed_s(best) - _elapsed_s(found)
    more_s = sum(each.estimated_s for each in found) - sum(each.estimated_s for each in best)
    return saved_s > max(_WORTHWHILE * more_s, 0.0)


def _elapsed_s(segments: Sequence[Segment]) -> float:
    return max((segment.estimated_s for segment in segments), default=0.0)


def _counts(workers: int) -> list[int]:
    """Numbers of processes to try, the fewest first."""
    counts = []
    while workers > 1:
        counts.append(workers)
        workers = workers // 2
    return [1, *reversed(counts)]
