"""Says what of a run is not executed again and why that is safe, and what stood in the way of more. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flor.replay.planning.facts import RunFacts
from flor.replay.planning.plans import Segment, Visit
from flor.replay.planning.routes import CUT, ITERATIONS, REST
from flor.replay.planning.standing import Standing, told
from flor.replay.planning.terrain import Terrain


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why states that were kept are not used."""

    opaque: tuple[str, ...]
    reason: str


def skipped(terrains: Sequence[Terrain], segments: Sequence[Segment], facts: RunFacts) -> tuple[str, ...]:
    """Sentences for what is left out."""
    if any(segment.is_whole for segment in segments) or not segments:
        return ()
    found: list[str] = []
    visits = [visit for segment in segments for visit in segment.visits]
    jumps = {
        (entry.block, entry.loop) for segment in segments for entry in segment.jumps if entry.kind == "done"
    }
    blocks = {entry.block for segment in segments for entry in segment.jumps if entry.kind == "end"}
    for terrain in terrains:
        own = [visit for visit in visits if (visit.block, visit.loop) == terrain.key]
        is_jumped = terrain.key in jumps or terrain.key[0] in blocks
        found += _of_loop(terrain, own, is_jumped=is_jumped)
    if not any(segment.goes_to_end for segment in segments) and facts.status in ("finished", "failed"):
        found.append("what follows the last iteration that is needed: no probe is executed there")
    return tuple(dict.fromkeys(found))


def _of_loop(terrain: Terrain, visits: Sequence[Visit], *, is_jumped: bool) -> Iterable[str]:
    name = terrain.facts.name
    replaced = sum(len(visit.replaced) for visit in visits)
    if replaced:
        yield f"nested loops of {name} ({replaced}): their effect was kept and is restored"
    if any(visit.is_cut for visit in visits):
        yield (
            f"the rest of an iteration of {name} behind line {terrain.cut_line}: "
            "the next one starts from a state of its own"
        )
    executed = {visit.iteration for visit in visits}
    last = terrain.facts.begun if is_jumped else max(executed, default=-1)
    passed = [at for at in range(last) if at not in executed]
    if passed:
        yield f"{name} {numbers(passed)}: nothing there is asked for; what follows starts from a kept state"
    again = sorted({visit.iteration for visit in visits if not visit.is_wanted})
    if again:
        yield f"{name} {numbers(again)}: executed only to reach what follows, for which no state can be used"


def blocked(standing: Standing, segments: Sequence[Segment]) -> Blocked:
    """What makes states useless, where using them would have saved something."""
    ends = any(segment.goes_to_end for segment in segments)
    visits = [visit for segment in segments for visit in segment.visits]
    least = ITERATIONS if any(not visit.is_cut for visit in visits) else CUT
    poor = [
        (_where(standing), verdict)
        for entry, verdict in standing.verdicts.items()
        if (ends and entry.kind in ("done", "end") and verdict.good < REST)
        or (visits and entry.kind in ("top", "after") and verdict.good < least)
    ]
    opaque = {f"{seen.path}: {seen.reason}": None for _, verdict in poor for seen in verdict.seen}
    reasons = told(poor)
    return Blocked(tuple(opaque), "; ".join(reasons[:3]))


def _where(standing: Standing) -> str:
    """Where states stand, for a message."""
    names = dict.fromkeys(loop.name for loop in standing.facts.loops)
    return f"behind the start of an iteration of {' or '.join(names)}"


def numbers(found: Sequence[int]) -> str:
    """`1, 4 to 6`, counting from 1."""
    parts = []
    start = previous = None
    for at in [*sorted(found), None]:
        if previous is not None and at == previous + 1:
            previous = at
            continue
        if start is not None and previous is not None:
            parts.append(f"{start + 1}" if start == previous else f"{start + 1} to {previous + 1}")
        start = previous = at
    return ", ".join(parts)
