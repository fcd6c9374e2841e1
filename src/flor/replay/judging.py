"""What the segments of a run come to: how many values, how sure they are, and what is wrong. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from flor.entities import Status
from flor.replay import agreement, answers, auditing
from flor.replay.executing import Ended
from flor.replay.marks import Mark
from flor.replay.report import RunReport

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Audit:
    """What executing some iterations in full showed; it holds for all runs of the version."""

    is_done: bool = False
    difference: str = ""  # the first; "" where all agreed


NO_AUDIT = Audit()


def audit(ended: Sequence[Ended], volatile: Sequence[str] = ()) -> Audit:
    """The verdict of a run's audits over what its other segments loaded."""
    audits = [each for each in ended if each.segment.is_audit]
    if not audits or any(failure(each) for each in audits):
        return NO_AUDIT
    found = [text for each in audits for text in (*_unlike(each, ended), *_differences(each, volatile))]
    is_checked = all(_is_checked(each) for each in audits)
    return Audit(is_checked or bool(found), found[0] if found else "")


def report(ended: Sequence[Ended], audited: Audit, volatile: Sequence[str] = ()) -> RunReport:
    """The report of one run.

    Args:
        ended: its segments.
        audited: what an audit of its version showed.
        volatile: names of the run's own values that differ from one execution to the next.
    """
    work = ended[0].work
    answering = [each for each in ended if not each.segment.is_audit]
    obtained = sum(each.answers.count for each in answering)
    failures = [text for each in answering if (text := failure(each))]
    differing = [text for each in ended for text in _differences(each, volatile)]
    differing += [audited.difference] if audited.difference else []
    sure = sum(each.answers.count for each in answering if _is_sure(each, audited))
    reasons = [*failures, *differing[:_SHOWN]]
    unsure = 0 if differing else obtained - sure
    if unsure and not reasons:
        reasons.append(_why_unsure(answering, audited))
    return RunReport(
        run=work.run.run,
        tstamp=work.run.tstamp,
        level=work.plan.level,
        segments=len(answering),
        seconds=sum(each.outcome.seconds for each in ended),
        obtained=obtained,
        verified=0 if differing else sure,
        diverged=obtained if differing else 0,
        unverified=unsure,
        reason="; ".join(dict.fromkeys(reasons)),
        is_missing=bool(failures),
        estimated_s=work.plan.estimated_s,
        notes=_notes(ended, volatile),
    )


def failure(ended: Ended) -> str:
    """Why a segment did not do all it had to do; "" if it did."""
    marks = ended.told.marks
    refused = next((mark.refused for mark in marks if mark.refused), "")
    if refused:
        return f"refused: {refused}"
    raised = next((mark.raised for mark in marks if mark.raised), "")
    if raised:
        return f"the probe raised {raised}"
    failed = next((mark.failed for mark in marks if mark.failed), "")
    if failed:
        reason = f" ({ended.outcome.reason})" if ended.outcome.reason else ""
        return f"the script ended with {failed}{reason}"
    has_failed_too = ended.work.run.status is not Status.FINISHED
    if ended.told.is_over and (ended.outcome.is_success or has_failed_too):
        return ""
    return ended.outcome.explanation() or "the script ended before all was answered"


def _is_sure(ended: Ended, audited: Audit) -> bool:
    """Whether its values are proved: by a state reached later, or, where they were loaded, by an audit."""
    if ended.segment.records_outside and _put_back(ended):
        return False
    if auditing.is_loaded_in(ended.segment):
        return audited.is_done and not audited.difference
    return _is_checked(ended)


def _is_checked(ended: Ended) -> bool:
    """Whether it reached a kept state by executing, and was in the same."""
    checked = [mark for mark in ended.told.marks if mark.checked and not mark.is_prefix]
    return bool(checked) and not any(mark.differences for mark in checked)


def _put_back(ended: Ended) -> list[str]:
    """What the way to a loop made differently; it was made what the run had, so what follows is exact."""
    return [text for mark in ended.told.marks if mark.is_prefix for text in mark.differences]


def _unlike(audit_segment: Ended, ended: Sequence[Ended]) -> list[str]:
    """The answers of an audit that are other than those that were loaded."""
    executed = audit_segment.answers
    loaded = [each.answers.records for each in ended if not each.segment.is_audit]
    found = [agreement.compare(executed.records, answers.within(one, executed.contexts)) for one in loaded]
    return [f"{each} when executed in full" for part in found for each in part]


def _differences(ended: Ended, volatile: Sequence[str]) -> list[str]:
    """What came out differently than in the run."""
    states = [text for mark in ended.told.marks if not mark.is_prefix for text in _of_state(mark)]
    values = [str(each) for each in ended.answers.differences if each.name not in volatile]
    return values + states


def _of_state(mark: Mark) -> list[str]:
    return [f"{text} at {mark.checked}" for text in mark.differences]


def _why_unsure(ended: Sequence[Ended], audited: Audit) -> str:
    differing = [text for each in ended if each.segment.records_outside for text in _put_back(each)]
    if differing:
        return f"what comes before the loop came out differently: {differing[0]}"
    if not audited.is_done and any(auditing.is_loaded_in(each.segment) for each in ended):
        return "no iteration was executed in full (--audit 1)"
    return "no state that was kept comes after it"


def _notes(ended: Sequence[Ended], volatile: Sequence[str]) -> tuple[str, ...]:
    notes = [change for each in ended for change in each.changes]
    notes += [f"{name} differs from one execution to the next" for name in volatile]
    notes += [f"made what it was before the loop: {text}" for each in ended for text in _put_back(each)]
    perturbed = [text for each in ended for mark in each.told.marks for text in mark.perturbs]
    notes += [f"the probe changes {text}; it was put back" for text in perturbed[:_SHOWN]]
    return tuple(dict.fromkeys(notes))
