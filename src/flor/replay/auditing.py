"""Which iterations are executed in full, to prove that what was loaded is what executing gives. Pure.

An audit goes from one header whose state was kept to the next such header, over all that lies between, and
compares: the state it arrives in with the one that was kept there, what the run logged with what it logs
now, and the answers that were loaded with those that come of executing. Best is one that restores a state
itself and at whose end an answer was loaded: it proves both the restoring and what was found behind it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flor.checkpoints.entry import EntryPoint
from flor.replay.executing import Work
from flor.replay.planning.plans import Segment, Visit

_TENTH = 0.1
_NOT_WANTED = "no iteration was executed in full to prove it (--audit 1 does that)"
_NOT_CHEAP = (
    "executing an iteration in full, to prove it, takes more than a tenth of the time that was saved "
    "(--audit 1 does it all the same)"
)
_NO_WAY = "no iteration of it can be executed in full from a kept state, to prove it"


@dataclass(frozen=True, slots=True)
class Audit:
    """One that is possible."""

    segment: Segment
    length: int  # iterations that are executed in full
    proofs: int  # a state at its end; that it restores one itself; that something was loaded at its end


def with_audits(works: Sequence[Work], count: int | None, known: Collection[str] = ()) -> tuple[Work, ...]:
    """The works, those that are audited first: of each version, one run.

    Args:
        count: iterations for each version; None: one, where it costs under a tenth of the time that is saved.
        known: versions that need no audit, where none is asked for.
    """
    found: list[Work] = []
    others: list[Work] = []
    for group in _by_version(works).values():
        first, possible = next(((work, each) for work in group if (each := audits(work))), (group[0], []))
        is_known = count is None and first.version in known
        wanted = () if is_known else _wanted(group, first, possible, count)
        reason = "" if wanted else _why_none(possible, count)
        others += [replace(work, unaudited=reason) for work in group if not (wanted and work is first)]
        found += [replace(first, audits=wanted)] if wanted else []
    return (*found, *others)


def _why_none(possible: Sequence[Audit], count: int | None) -> str:
    if not possible:
        return _NO_WAY
    return _NOT_CHEAP if count is None else _NOT_WANTED


def is_loaded_in(segment: Segment) -> bool:
    """Whether something of what counts follows from a state that was loaded, or is not executed in full."""
    wanted = [visit for visit in segment.visits if visit.is_wanted]
    return any(visit.entry or _is_partial(visit) for visit in wanted) or bool(segment.jumps)


def _is_partial(visit: Visit) -> bool:
    return visit.is_wanted and (visit.is_cut or bool(visit.replaced))


def _by_version(works: Sequence[Work]) -> Mapping[str, list[Work]]:
    found: dict[str, list[Work]] = {}
    for work in works:
        found.setdefault(work.version, []).append(work)
    return found


def _wanted(
    group: Sequence[Work], audited: Work, possible: Sequence[Audit], count: int | None
) -> tuple[Segment, ...]:
    if count is not None:
        return tuple(audit.segment for audit in possible[:count])
    saved_s = sum(max(work.plan.whole_s - work.plan.estimated_s, 0.0) for work in group)
    cheap = (audit for audit in possible if _cost_s(audited, audit) < _TENTH * saved_s)
    return tuple(audit.segment for audit in cheap)[:1]


def _cost_s(work: Work, audit: Audit) -> float:
    each_s = work.plan.whole_s / max(work.iterations, 1)
    suffix_s = work.plan.suffix_s if audit.segment.goes_to_end else 0.0
    return work.plan.prefix_s + audit.length * each_s + suffix_s


def audits(work: Work) -> list[Audit]:
    """All that are possible, those that prove most for the least first."""
    found = [audit for segment in work.plan.segments for audit in _of_segment(work, segment)]
    return sorted(found, key=lambda audit: (-audit.proofs, audit.length))


def _of_segment(work: Work, segment: Segment) -> Iterator[Audit]:
    partial = [visit for visit in segment.visits if _is_partial(visit)]
    for key in dict.fromkeys((visit.block, visit.loop) for visit in partial):
        yield from _of_loop(work, segment, key)
    if segment.goes_to_end and segment.jumps:
        yield from _of_jump(work, segment)


def _of_loop(work: Work, segment: Segment, key: tuple[int, int]) -> Iterator[Audit]:
    planned = {each.iteration: each for each in segment.visits if (each.block, each.loop) == key}
    loaded = [iteration for iteration, visit in planned.items() if _is_partial(visit)]
    headers = _headers(work, key)
    begins = [at for at in headers if EntryPoint("top", *key, at) in work.plan.enterable]
    for first, last in _stretches(begins, headers, loaded):
        is_proving = last in loaded and planned[last].entry is not None
        visits = [_in_full(work, key, at) for at in range(first, last)]
        visits += [replace(planned[last], entry=None)] if is_proving else []
        is_compared = last in headers
        yield Audit(_between(segment, visits), last - first, is_compared * (1 + bool(first) + is_proving))


def _stretches(begins: Sequence[int], headers: Sequence[int], loaded: Sequence[int]) -> list[tuple[int, int]]:
    """From where to where one may go for the sake of what was loaded, each once: over it, or to it."""
    over = ((at, next((end for end in headers if end > at), at + 1)) for at in loaded)
    to = ((at - 1, at) for at in loaded)
    found = ((max((each for each in begins if each <= at), default=-1), end) for at, end in (*over, *to))
    return [(first, last) for first, last in dict.fromkeys(found) if first >= 0]


def _of_jump(work: Work, segment: Segment) -> Iterator[Audit]:
    """The last loop that is jumped over, executed to its end from a kept state, and all that follows it."""
    last = max(segment.jumps, key=lambda jump: jump.order)
    keys = [key for key in work.lengths if key[0] == last.block]
    key = (last.block, last.loop) if last.kind == "done" else keys[0]
    first = max((at for at in _headers(work, key) if at < work.lengths[key]), default=-1)
    if (last.kind == "done" or len(keys) == 1) and _can_enter(work, key, first):
        earlier = [each for each in segment.visits if (each.block, each.loop) < key]
        visits = (*earlier, _entered(replace(_in_full(work, key, first), is_wanted=False)))
        jumps = tuple(jump for jump in segment.jumps if jump is not last)
        found = replace(segment, visits=visits, jumps=jumps, is_audit=True)
        yield Audit(found, work.lengths[key] - first, 3)


def _headers(work: Work, key: tuple[int, int]) -> list[int]:
    """The iterations of a loop whose headers were kept."""
    return [at for at in range(work.lengths[key] + 1) if EntryPoint("top", *key, at) in work.kept]


def _can_enter(work: Work, key: tuple[int, int], iteration: int) -> bool:
    return EntryPoint("top", *key, iteration) in work.plan.enterable


def _in_full(work: Work, key: tuple[int, int], iteration: int) -> Visit:
    return Visit(*key, iteration, is_wanted=(*key, iteration) in work.plan.wanted)


def _entered(visit: Visit) -> Visit:
    """The same from the state at its header; the program comes to the first header by itself."""
    entry = EntryPoint("top", visit.block, visit.loop, visit.iteration)
    return replace(visit, entry=entry if visit.iteration else None)


def _between(segment: Segment, visits: Sequence[Visit]) -> Segment:
    """What comes before the loop is jumped over as planned."""
    loop = (visits[0].block, 0, visits[0].loop)
    jumps = tuple(jump for jump in segment.jumps if jump.order < loop)
    return Segment((_entered(visits[0]), *visits[1:]), jumps, is_audit=True)
