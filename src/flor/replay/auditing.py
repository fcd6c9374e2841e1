"""Which iterations are executed in full, to prove that what was loaded is what executing gives. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flor.checkpoints.entry import EntryPoint
from flor.replay.executing import Work
from flor.replay.planning.plans import Segment, Visit

_TENTH = 0.1


def with_audits(works: Sequence[Work], count: int | None) -> tuple[Work, ...]:
    """The works, those that are audited first: of each version, one run.

    Args:
        count: iterations for each version; None: one, where it costs under a tenth of the time that is saved.
    """
    found: list[Work] = []
    others: list[Work] = []
    for group in _by_version(works).values():
        audited = next((work for work in group if _auditable(work)), None)
        wanted = _count(group, audited, count) if audited else 0
        if audited and wanted:
            audits = tuple(_audit(audited, visit) for visit in _auditable(audited)[:wanted])
            found.append(replace(audited, audits=audits))
        else:
            audited = None
        others += [work for work in group if work is not audited]
    return (*found, *others)


def is_loaded_in(segment: Segment) -> bool:
    """Whether something of what counts is not executed in full."""
    return any(_is_partial(visit) for visit in segment.visits) or bool(segment.jumps)


def _is_partial(visit: Visit) -> bool:
    return visit.is_wanted and (visit.is_cut or bool(visit.replaced))


def _by_version(works: Sequence[Work]) -> Mapping[str, list[Work]]:
    found: dict[str, list[Work]] = {}
    for work in works:
        found.setdefault(work.version, []).append(work)
    return found


def _auditable(work: Work) -> list[Visit]:
    """The iterations of what is loaded that can be executed in full, between two states that were kept."""
    visits = [visit for segment in work.plan.segments for visit in segment.visits if _is_partial(visit)]
    return [visit for visit in visits if _has_both_ends(work, visit)]


def _has_both_ends(work: Work, visit: Visit) -> bool:
    first, last = (EntryPoint("top", visit.block, visit.loop, visit.iteration + more) for more in (0, 1))
    return first in work.plan.enterable and str(first) in work.seqs and str(last) in work.seqs


def _count(group: Sequence[Work], audited: Work, count: int | None) -> int:
    if count is not None:
        return count
    saved = sum(max(work.plan.whole_s - work.plan.estimated_s, 0.0) for work in group)
    cost = audited.plan.whole_s / max(audited.iterations, 1) + audited.plan.prefix_s
    return int(cost < _TENTH * saved)


def _audit(work: Work, visit: Visit) -> Segment:
    """The iteration from its header to the next; what comes before its loop is jumped over as planned."""
    entry = EntryPoint("top", visit.block, visit.loop, visit.iteration)
    whole = replace(visit, entry=entry if visit.iteration else None, replaced=(), is_cut=False)
    planned = next(each for each in work.plan.segments if visit in each.visits)
    jumps = tuple(jump for jump in planned.jumps if jump.order < entry.order)
    return Segment((whole,), jumps, is_audit=True)
