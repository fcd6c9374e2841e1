"""How long executing and loading will take: from what a run recorded, corrected by what replays took. Pure.

The time of an iteration is that between two moments whose places are known: kept states, else records. What a
replay needs beyond that is learnt from the first one of a script.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.facts import KeptState, LoopFacts, Mark, RunFacts

STARTUP_S = 0.6
"""Of a process, until it calls FlorDB for the first time, where the run does not tell."""
PREPARING_S = 0.3
"""Of a process that is to execute a segment, beyond that."""
LOAD_BYTES_PER_S = 1e9
LOAD_FIXED_S = 0.004
LOAD_NODE_S = 40e-6
"""Of restoring one object: the state is walked, matched, filled, and walked again."""
UNKNOWN_ITERATION_S = 1.0
_NEWEST = 8
_MOST, _LEAST = 100.0, 0.01


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds of a replay, by what they are spent on."""

    startup_s: float = 0.0  # of the process and what the script does before its first main loop
    loading_s: float = 0.0
    executing_s: float = 0.0

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(
            self.startup_s + other.startup_s,
            self.loading_s + other.loading_s,
            self.executing_s + other.executing_s,
        )

    @property
    def total_s(self) -> float:
        """All of them."""
        return self.startup_s + self.loading_s + self.executing_s


NO_TIME = Parts()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One segment that was executed: what it was estimated to take, uncorrected, and what it took."""

    script: str
    estimated: Parts
    actual: Parts


@dataclass(frozen=True, slots=True)
class Correction:
    """What estimates are multiplied by."""

    startup: float = 1.0
    loading: float = 1.0
    executing: float = 1.0

    def of(self, parts: Parts) -> Parts:
        """The corrected estimate."""
        return Parts(
            parts.startup_s * self.startup, parts.loading_s * self.loading, parts.executing_s * self.executing
        )


UNCORRECTED = Correction()


def correction(outcomes: Sequence[Outcome], script: str) -> Correction:
    """What the newest outcomes of a script teach; loading, if the script has none, is learnt from others."""
    own = [one for one in outcomes if one.script == script][-_NEWEST:]
    others = outcomes[-_NEWEST:]
    return Correction(
        _ratio((one.estimated.startup_s, one.actual.startup_s) for one in own),
        _ratio((one.estimated.loading_s, one.actual.loading_s) for one in own or others),
        _ratio((one.estimated.executing_s, one.actual.executing_s) for one in own),
    )


def _ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Actual by estimated, newer ones counting for more."""
    estimated = actual = 0.0
    for expected, took in pairs:
        if expected > 0 and took > 0 and math.isfinite(expected) and math.isfinite(took):
            estimated, actual = estimated / 2 + expected, actual / 2 + took
    return min(max(actual / estimated, _LEAST), _MOST) if estimated else 1.0


@dataclass(frozen=True)
class Costs:
    """The costs of one run."""

    facts: RunFacts
    corrected: Correction = field(default_factory=Correction)
    load_bytes_per_s: float = LOAD_BYTES_PER_S

    @cached_property
    def _timelines(self) -> dict[tuple[int, int], "Timeline"]:
        return {(one.block, one.loop): timeline(one, self.facts) for one in self.facts.loops}

    @cached_property
    def _kept(self) -> Mapping[EntryPoint, KeptState]:
        return {state.entry: state for state in self.facts.kept}

    @cached_property
    def _began_ts(self) -> float:
        return self.facts.tstamp.timestamp() * 1e6 if self.facts.tstamp.tzinfo else _utc_us(self.facts)

    @property
    def _ended_ts(self) -> float | None:
        duration = self.facts.duration_s
        return None if duration is None else self._began_ts + duration * 1e6

    @cached_property
    def recorded_prefix_s(self) -> float:
        """From the first call of FlorDB to the first main loop."""
        lines = [line for line in self._timelines.values() if line.has_times]
        if not lines:
            return 0.0 if self.facts.loops else self.facts.duration_s or 0.0
        return max(0.0, (min(line.begin_ts for line in lines) - self._began_ts) / 1e6)

    @cached_property
    def recorded_suffix_s(self) -> float:
        """From the end of the last main loop to the run's end."""
        lines = [line for line in self._timelines.values() if line.has_times]
        if not lines or self._ended_ts is None or self.facts.status in ("running", "interrupted"):
            return 0.0
        return max(0.0, (self._ended_ts - max(line.end_ts for line in lines)) / 1e6)

    @property
    def startup(self) -> Parts:
        """Of each process, until the first main loop begins."""
        before_s = self.facts.startup_s or STARTUP_S
        return Parts(startup_s=before_s + PREPARING_S + self.recorded_prefix_s)

    @property
    def suffix(self) -> Parts:
        """Of what follows the last main loop."""
        return Parts(executing_s=self.recorded_suffix_s)

    def between(self, before: tuple[int, int], after: tuple[int, int]) -> Parts:
        """Of what is executed between two main loops."""
        first, second = self._timelines.get(before), self._timelines.get(after)
        if first is None or second is None or not (first.has_times and second.has_times):
            return Parts()
        return Parts(executing_s=max(0.0, (second.begin_ts - first.end_ts) / 1e6))

    def loading(self, state: KeptState) -> Parts:
        """Of restoring a state."""
        seconds = LOAD_FIXED_S + state.node_count * LOAD_NODE_S + state.size_bytes / self.load_bytes_per_s
        return Parts(loading_s=seconds)

    def iteration(self, block: int, loop: int, iteration: int) -> Parts:
        """Of a whole iteration."""
        return Parts(executing_s=self._timelines[block, loop].iteration_s(iteration))

    def nested(self, after: KeptState) -> Parts:
        """Of the nested loop that this state was kept behind."""
        at = after.entry
        line = self._timelines[at.block, at.loop]
        return Parts(executing_s=line.nested_s(after, self._kept))

    def before_nested(self, block: int, loop: int, iteration: int) -> Parts:
        """Of the part of an iteration before its first nested loop."""
        line = self._timelines[block, loop]
        return Parts(executing_s=line.before_nested_s(iteration, self._kept))

    def behind_nested(self, block: int, loop: int, iteration: int) -> Parts:
        """Of the part of an iteration behind its last nested loop, as far as that is known."""
        line = self._timelines[block, loop]
        return Parts(executing_s=line.behind_nested_s(iteration, self._kept))

    @property
    def whole(self) -> Parts:
        """Of running the script again from beginning to end."""
        lines = [line.iteration_s(i) for line in self._timelines.values() for i in range(line.facts.begun)]
        known = (self.facts.duration_s or 0.0) - self.recorded_prefix_s
        return self.startup + Parts(executing_s=max(sum(lines) + self.recorded_suffix_s, known))

    def seconds(self, parts: Parts) -> float:
        """The corrected estimate."""
        return self.corrected.of(parts).total_s


def _utc_us(facts: RunFacts) -> float:
    from datetime import UTC

    return facts.tstamp.replace(tzinfo=UTC).timestamp() * 1e6


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the iterations of one main loop were executed."""

    facts: LoopFacts
    anchors: tuple[tuple[int, int], ...]  # iteration at whose header, and when; in order
    inside: Mapping[int, tuple[int, ...]]  # times of records in nested loops, by iteration
    last_after: Mapping[int, int] = field(default_factory=dict)  # when its last nested loop was over

    @property
    def has_times(self) -> bool:
        """Whether anything is known."""
        return len(self.anchors) > 1

    @property
    def begin_ts(self) -> int:
        """When the loop began, as nearly as is known."""
        at, ts = self.anchors[0]
        return ts - int(at * self.mean_s * 1e6)

    @property
    def end_ts(self) -> int:
        """When the loop ended."""
        at, ts = self.anchors[-1]
        return ts + int(max(0, self.facts.begun - at) * self.mean_s * 1e6)

    @property
    def mean_s(self) -> float:
        """Of one iteration."""
        if not self.has_times:
            return UNKNOWN_ITERATION_S
        (first, began), (last, ended) = self.anchors[0], self.anchors[-1]
        return max((ended - began) / 1e6 / max(last - first, 1), 0.0)

    def iteration_s(self, iteration: int) -> float:
        """Of this iteration: the mean between the moments around it."""
        if iteration >= self.facts.begun:
            return 0.0
        place = _at_or_before(self.anchors, iteration)
        if place is None or place + 1 >= len(self.anchors):
            return self.mean_s
        (first, began), (last, ended) = self.anchors[place], self.anchors[place + 1]
        return max((ended - began) / 1e6 / (last - first), 0.0)

    def nested_s(self, after: KeptState, kept: Mapping[EntryPoint, KeptState]) -> float:
        """Of the nested loop behind which a state was kept: from its first record, else what was before."""
        at = after.entry
        begins = self._before(at, kept)
        if begins is None:
            return self.iteration_s(at.iteration)
        records = [ts for ts in self.inside.get(at.iteration, ()) if begins <= ts <= after.ts]
        return max((after.ts - min(records, default=begins)) / 1e6, 0.0)

    def before_nested_s(self, iteration: int, kept: Mapping[EntryPoint, KeptState]) -> float:
        """Of the part of an iteration before the first record in a nested loop, or else its end."""
        key = (self.facts.block, self.facts.loop, iteration)
        top, first = kept.get(EntryPoint("top", *key)), kept.get(EntryPoint("after", *key, 0))
        moments = self.inside.get(iteration, ()) or ([first.ts] if first else [])
        if top is None or not moments:
            return self.iteration_s(iteration) * 0.1 if self.inside else self.iteration_s(iteration)
        return min(max((min(moments) - top.ts) / 1e6, 0.0), self.iteration_s(iteration))

    def behind_nested_s(self, iteration: int, kept: Mapping[EntryPoint, KeptState]) -> float:
        """Of the part of an iteration behind its last nested loop."""
        key = (self.facts.block, self.facts.loop)
        end = kept.get(EntryPoint("top", *key, iteration + 1))
        if end is None and iteration + 1 == self.facts.begun:
            end = kept.get(EntryPoint("done", *key))
        last = self.last_after.get(iteration)
        return max((end.ts - last) / 1e6, 0.0) if end and last else 0.0

    def _before(self, at: EntryPoint, kept: Mapping[EntryPoint, KeptState]) -> int | None:
        """When the iteration stood before this nested loop, at the latest moment that is known."""
        former = [replace(at, kind="after", nested=nested) for nested in range(at.nested - 1, -1, -1)]
        points = [*former, EntryPoint("top", at.block, at.loop, at.iteration)]
        return next((kept[point].ts for point in points if point in kept), None)


def timeline(loop: LoopFacts, facts: RunFacts) -> Timeline:
    """The timeline of one main loop of a run."""
    points = {}
    last_after: dict[int, int] = {}
    for state in facts.kept:
        at = state.entry
        if (at.block, at.loop) == (loop.block, loop.loop) and at.kind == "top":
            points[at.iteration] = state.ts
        elif (at.block, at.loop) == (loop.block, loop.loop) and at.kind == "after":
            last_after[at.iteration] = max(last_after.get(at.iteration, 0), state.ts)
        elif at == EntryPoint("done", loop.block, loop.loop):
            points[loop.begun] = state.ts
    marks = [mark for mark in facts.marks if (mark.block, mark.loop) == (loop.block, loop.loop)]
    if len(points) < 2:
        points = _first_of(marks)
    inside: dict[int, list[int]] = defaultdict(list)
    for mark in marks:
        if mark.is_inside:
            inside[mark.iteration].append(mark.ts)
    records = {key: tuple(found) for key, found in inside.items()}
    return Timeline(loop, tuple(sorted(points.items())), records, last_after)


def _first_of(marks: Iterable[Mark]) -> dict[int, int]:
    """Of each iteration its first record: between two of them lies an iteration."""
    found: dict[int, int] = {}
    for mark in marks:
        found[mark.iteration] = min(found.get(mark.iteration, mark.ts), mark.ts)
    return found


def _at_or_before(anchors: Sequence[tuple[int, int]], iteration: int) -> int | None:
    place = None
    low, high = 0, len(anchors)
    while low < high:
        middle = (low + high) // 2
        if anchors[middle][0] <= iteration:
            place, low = middle, middle + 1
        else:
            high = middle
    return place
