"""What is executed next, given what has ended: plans without refused states, second executions. Pure.

A run is done when all of its segments have ended, what came out differently was executed a second time, and
an audit of its version has shown whether what was loaded is right.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flor.replay import auditing, causes, clocks, judging, varying
from flor.replay.executing import Ended, Refusal, Work
from flor.replay.judging import Audit
from flor.replay.planning.plans import Segment
from flor.replay.varying import Varying

_MOST_REFUSALS = 4
"""After so many no state of the run is tried any more: the script is run again."""
_UNANSWERED = "the replay was interrupted"
_UNREPEATED = "it was not executed a second time yet, to tell what differs from one execution to the next"
_UNAUDITED = "no iteration was executed in full yet, to prove it (--audit 1 does that)"


@dataclass(slots=True)
class Case:
    """One run: what has ended of it."""

    work: Work
    ended: list[Ended] = field(default_factory=list)
    again: list[Ended] = field(default_factory=list)
    repeated: Work | None = None  # what is executed a second time
    first: Mapping[tuple[int, int], Ended] = field(default_factory=dict)  # of each of its places
    is_kept: bool = False  # its answers are kept, though nobody knows yet how sure they are

    @property
    def varying(self) -> Varying:
        """What comes out differently each time."""
        pairs = [(self.first[each.place], each) for each in self.again if not judging.failure(each)]
        found = varying.between(pairs)
        return replace(found, paths=found.paths | self.clocks)

    @property
    def clocks(self) -> frozenset[str]:
        """What need not be executed a second time to tell that it does."""
        paths = {path for each in self.ended for mark in each.told.marks for path in mark.paths}
        return clocks.explained(paths, self.work.texts, self.work.edits.probes)

    @property
    def is_answered(self) -> bool:
        """Whether all that answers has ended."""
        ended = [each for each in self.ended if not each.segment.is_audit]
        return bool(ended) and len(ended) == len(self.work.plan.segments) * self.work.rank_count

    @property
    def is_in_doubt(self) -> bool:
        """Whether something came out differently."""
        known = self.clocks
        return any(judging.doubt(each, self.ended, known) for each in self.ended)

    @property
    def missing(self) -> str:
        """What would show how sure its answers are."""
        if not self.is_answered:
            return _UNANSWERED
        return _UNREPEATED if self.repeated or self.is_in_doubt else _UNAUDITED

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is left to execute."""
        repeated = _count(self.repeated) if self.repeated else 0
        return len(self.ended) == _count(self.work) and len(self.again) == repeated


@dataclass(slots=True)
class Rounds:
    """Goes from what has ended to what is executed next.

    Args:
        audit: see `asking.Request`.
        audited: versions that were audited before, see audited.py.
    """

    works: Sequence[Work]
    audit: int | None = None
    audited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _cases: dict[str, Case] = field(default_factory=dict)
    _audits: dict[str, Audit] = field(default_factory=dict)
    _next: list[Work] = field(default_factory=list)

    def add(self, each: Ended) -> list[Case]:
        """One more segment has ended; the runs that are done by it."""
        case = self._cases.setdefault(each.work.run.run, Case(each.work))
        (case.again if each.work.is_again else case.ended).append(each)
        if len(case.ended) == _count(case.work) and not case.again:
            self._go_on(case)
        case = self._cases[each.work.run.run]  # perhaps another one now
        if case.work.audits and case.is_complete:
            self._audits[case.work.version] = judging.audit(case.ended, case.varying)
        return self._taken(lambda one: one.is_complete and not self._waits(one.work))

    def waiting(self, each: Ended) -> Iterator[Case]:
        """The run of a segment that has ended, if it is answered and waits to be proved."""
        case = self._cases.get(each.work.run.run)
        if case is not None and case.is_answered and not case.is_kept:
            yield case

    def next(self) -> Sequence[Work]:
        """What is executed in the next round."""
        works, self._next = self._next, []
        return works

    def left(self) -> list[Case]:
        """The runs of which segments never came, or an audit."""
        return self._taken(lambda case: bool(case.ended))

    def audit_of(self, case: Case) -> Audit:
        """What the audit of its version showed; an earlier one counts under the same conditions."""
        version, changes = case.work.version, case.ended[0].changes
        if version not in self._audits and self.audited.get(version) == changes:
            return Audit(is_done=True)
        return self._audits.get(version, judging.NO_AUDIT)

    def _taken(self, wanted: Callable[[Case], bool]) -> list[Case]:
        names = [run for run, case in self._cases.items() if wanted(case)]
        return [self._cases.pop(run) for run in names]

    def _waits(self, work: Work) -> bool:
        is_audited = any(one.audits and one.version == work.version for one in self.works)
        return is_audited and work.version not in self._audits

    def _go_on(self, case: Case) -> None:
        """Plan it anew without the states that were refused, or execute again what came out differently."""
        refused = list(_refused(case))
        if refused:
            work = self._planned_anew(case.work, refused)
            self.works = [work if one.run.run == work.run.run else one for one in self.works]
            self._cases[work.run.run] = Case(work)
            self._next.append(work)
            return
        doubtful = _repeated(case)
        if doubtful:
            case.first = {(id(again), one.rank): one for again, each in doubtful for one in each}
            plan = replace(case.work.plan, segments=tuple(segment for segment, _ in doubtful))
            case.repeated = replace(case.work, plan=plan, audits=(), is_again=True)
            self._next.append(case.repeated)

    def _planned_anew(self, work: Work, refused: Sequence[Refusal]) -> Work:
        refusals = (*work.refusals, *refused)
        entries = [each.entry for each in refusals]
        reasons = {each.reason.partition(":")[2] for each in refusals}
        if len(entries) >= _MOST_REFUSALS or len(reasons) < len(refusals):
            entries = list(work.kept)
        anew = replace(work, plan=work.replan(entries), refusals=refusals, audits=(), unaudited="")
        return auditing.with_audits([anew], self.audit, self.audited)[0]


def _refused(case: Case) -> Iterator[Refusal]:
    """The states that its segments could not go on from, each once."""
    known = {each.entry for each in case.work.refusals}
    for each in case.ended:
        refusal = judging.refusal(each)
        if refusal is not None and refusal.entry not in known:
            known.add(refusal.entry)
            yield refusal


def _count(work: Work) -> int:
    """How many segments end: each for every rank."""
    return len(work.segments) * work.rank_count


def _repeated(case: Case) -> list[tuple[Segment, list[Ended]]]:
    """The segments that are executed a second time, and how each ended for every rank the first time.

    That of a single process goes no further than it has to; ranks go together to where they went.
    """
    found = []
    for segment, mark in {id(each.segment): (each.segment, mark) for each, mark in _doubtful(case)}.values():
        last_mark = mark if case.work.rank_count == 1 else 0
        first = [each for each in case.ended if each.segment is segment]
        found.append((replace(segment, last_mark=last_mark), first))
    return found


def _doubtful(case: Case) -> Sequence[tuple[Ended, int]]:
    """What is executed a second time, and until which mark; of a probe that is only suspicious, one value."""
    known = case.clocks
    found = [(each, mark) for each in case.ended if (mark := judging.doubt(each, case.ended, known))]
    if found or not causes.depend_on_clocks(case.work.texts, case.work.edits.probes):
        return found
    answering = [each for each in case.ended if each.answers.count and not judging.failure(each)]
    nearest = sorted(answering, key=lambda each: each.outcome.seconds)[:1]
    return [(each, each.answers.marks[0] + 1) for each in nearest]
