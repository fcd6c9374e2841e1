"""What the segments of a run come to: how many values, how sure they are, and what is wrong. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from flor.checkpoints.entry import EntryPoint, parse
from flor.entities import Status, Verdict
from flor.replay import agreement, answers, auditing, causes
from flor.replay.executing import Ended, Refusal, Work
from flor.replay.marks import Mark
from flor.replay.report import RunReport
from flor.replay.varying import NOTHING, Varying
from flor.runs import verdicts

_SHOWN = 3
_SHOWN_LINES = 12
_LOST = "flor.errors.StateLost"
_END = 1 << 40
"""A mark that never comes."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What executing some iterations in full showed; it holds for all runs of the version."""

    is_done: bool = False
    difference: str = ""  # the first; "" where all agreed
    failure: str = ""  # why it showed nothing


NO_AUDIT = Audit()


def audit(ended: Sequence[Ended], varying: Varying = NOTHING) -> Audit:
    """The verdict of a run's audits over what its other segments loaded."""
    audits = [each for each in ended if each.segment.is_audit]
    failed = next(filter(None, map(failure, audits)), "")
    if not audits or failed:
        return Audit(failure=failed and f"executing an iteration in full, to prove it, failed: {failed}")
    found = [
        text for each in audits for text in (*_unlike(each, ended, varying), *_differences(each, varying))
    ]
    is_checked = all(_is_checked(each, varying) or each.answers.compared for each in audits)
    return Audit(is_checked or bool(found), found[0] if found else "")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a run's segments come to."""

    report: RunReport
    verdicts: Sequence[Sequence[Verdict]]  # of each value of each segment that answers


def judge(ended: Sequence[Ended], audited: Audit, varying: Varying = NOTHING) -> Judgement:
    """The verdict of each value of one run, and the report, which counts them.

    Args:
        ended: its segments.
        audited: what an audit of its version showed.
        varying: what comes out differently each time.
    """
    differing = _divergence(ended, audited, varying)
    found = [_verdicts(each, bool(differing), audited, varying) for each in answering(ended)]
    return Judgement(_report(ended, audited, varying, differing, list(chain(*found))), found)


def unproved(ended: Sequence[Ended], reason: str) -> Judgement:
    """The judgement of answers of which nobody knows yet how sure they are."""
    found = [[Verdict.UNVERIFIED] * each.answers.count for each in answering(ended)]
    told = _report(ended, NO_AUDIT, NOTHING, [reason], list(chain(*found)))
    return Judgement(told, found)


def answering(ended: Sequence[Ended]) -> list[Ended]:
    """The segments that answer; what audits log serves to prove."""
    return [each for each in ended if not each.segment.is_audit]


def _report(
    ended: Sequence[Ended],
    audited: Audit,
    varying: Varying,
    differing: Sequence[str],
    found: Sequence[Verdict],
) -> RunReport:
    work = ended[0].work
    failures = [text for each in answering(ended) if (text := failure(each))]
    reasons = [*failures, *differing]
    if Verdict.UNVERIFIED in found and not reasons:
        reasons.append(_why_unsure(answering(ended), audited, varying))
    return RunReport(
        run=work.run.run,
        tstamp=work.run.tstamp,
        level=work.plan.level,
        segments=len({id(each.segment) for each in answering(ended)}),
        seconds=sum(each.outcome.seconds for each in ended if not each.rank),
        **verdicts.counts(found),
        reason="; ".join(dict.fromkeys([*reasons, *_perturbing(ended), *_refusals(work)])),
        is_missing=bool(failures),
        estimated_s=work.plan.estimated_s,
        notes=_notes(ended, varying),
        outputs=tuple(dict.fromkeys(_output(each) for each in answering(ended) if failure(each))),
    )


def failure(ended: Ended) -> str:
    """Why a segment did not do all it had to do; "" if it did."""
    marks = ended.told.marks
    refused = next((mark.refused for mark in marks if mark.refused), "")
    if refused:
        return f"refused: {refused}"
    raised = next((mark for mark in marks if mark.raised), None)
    if raised:
        return f"the probe raised {raised.raised}{_where(ended, *raised.raised_at)}"
    failed = next((mark.failed for mark in marks if mark.failed), "")
    if failed:
        reason = f" ({ended.outcome.reason})" if ended.outcome.reason else ""
        return f"the script ended with {failed}{reason}"
    has_failed_too = ended.work.run.status is not Status.FINISHED
    if ended.told.is_over and (ended.outcome.is_success or has_failed_too):
        return ""
    return ended.outcome.explanation() or "the script ended before all was answered"


def refusal(ended: Ended) -> Refusal | None:
    """The state that the segment could not go on from; None if it did, or another one would not help."""
    entered: EntryPoint | None = None
    if ended.outcome.reason:
        return None  # a disk, memory or a port, and not the state
    for mark in ended.told.marks:
        entered = parse(mark.entry) if mark.entry else entered
        if mark.refused:
            return Refusal(parse(mark.entered), mark.refused) if mark.entered else None
        lost = mark.failed or (mark.raised if mark.raised.startswith(_LOST) else "")
        if lost and entered:
            return Refusal(entered, lost)
    return None


def _where(ended: Ended, filename: str, line: int) -> str:
    """The user's line: of today's statement, or the text of one that came along with it."""
    for patch in ended.work.patches:
        probe = patch.probe
        if patch.filename == filename and 0 <= line - patch.line <= probe.end_line - probe.line:
            return f" ({probe.filename}, line {probe.line + line - patch.line})"
    text = ended.work.texts.get(filename, "").splitlines()[line - 1 : line]
    return f" (at `{text[0].strip()}`)" if text and line else ""


def doubt(ended: Ended, others: Sequence[Ended], known: Collection[str] = ()) -> int:
    """How far a second execution has to go, in marks, to tell if what came out differently does so each time.

    0 where there is nothing to tell.

    Args:
        known: paths of which it is known.
    """
    if failure(ended):
        return 0
    values = (_mark_of(ended, each) for each in ended.answers.differences)
    found = [*values, *_differing_marks(ended, known)]
    found += _unseeded_marks(ended)
    is_unlike = ended.segment.is_audit and _unlike(ended, others, NOTHING)
    return max([*found, *([_END] if is_unlike else [])], default=0)


def _mark_of(ended: Ended, difference: agreement.Difference) -> int:
    """The mark behind the record that is different."""
    place = ((difference.path, difference.iterations), difference.name)
    found = [
        mark
        for stretch in ended.told.stretches
        for key, mark in zip(agreement.keys_of(stretch.table), stretch.marks.tolist(), strict=True)
        if key[:2] == place
    ]
    return max(found, default=_END) + 1


def _differing_marks(ended: Ended, known: Collection[str]) -> Iterator[int]:
    """The marks that tell of another state, as far as they name something for the first time."""
    seen = set(known)
    for number, mark in enumerate(ended.told.marks):
        if not seen.issuperset(mark.paths) and (ended.segment.records_outside or not mark.is_prefix):
            seen.update(mark.paths)
            yield number


def _unseeded_marks(ended: Ended) -> list[int]:
    """The marks behind the values before the first loop, where they may come of what no seed decides."""
    marks = ended.told.marks
    if not any(mark.is_unlike_start for mark in marks):
        return []
    first = next((at for at, mark in enumerate(marks) if mark.checked or mark.entry), len(marks))
    return [mark + 1 for mark in ended.answers.marks if mark < first]


def _divergence(ended: Sequence[Ended], audited: Audit, varying: Varying) -> list[str]:
    """What came out differently than in the run, and why it probably did."""
    found = [text for each in ended for text in _differences(each, varying)]
    found += [audited.difference] if audited.difference else []
    work = ended[0].work
    if not found and varying.names.intersection(work.names) and causes.unseeded(work.texts):
        # Not a clock: what the run computes with is another each time.
        found = [text for each in ended for text in _differences(each, NOTHING)]
    if not found:
        return []
    changes = [change for each in ended for change in each.changes]
    return [*found[:_SHOWN], causes.likely(changes, work.texts)]


def _verdicts(ended: Ended, is_divergent: bool, audited: Audit, varying: Varying) -> list[Verdict]:
    """Of each value: proved by a state reached later, or, where it was loaded, by an audit; or not."""
    if is_divergent:
        return [Verdict.DIVERGED] * ended.answers.count
    is_audited = auditing.is_loaded_in(ended.segment) and audited.is_done and not audited.difference
    is_audited = is_audited and not (ended.segment.records_outside and _put_back(ended, varying))
    pairs = zip(ended.answers.names, ended.answers.proofs, strict=True)
    is_sure = (
        name not in varying.names and (is_audited or _is_proof(ended, proof, varying))
        for name, proof in pairs
    )
    return [Verdict.VERIFIED if each else Verdict.UNVERIFIED for each in is_sure]


def _is_proof(ended: Ended, number: int, varying: Varying) -> bool:
    """Whether the program arrived at a kept state by itself, and in the same."""
    return number >= 0 and varying.explains(ended.told.marks[number])


def _is_checked(ended: Ended, varying: Varying) -> bool:
    checked = [mark for mark in ended.told.marks if mark.checked and not mark.is_prefix]
    return bool(checked) and all(map(varying.explains, checked))


def _put_back(ended: Ended, varying: Varying) -> list[str]:
    """What the way to a loop made differently; it was made what the run had, so what follows is exact."""
    return [text for mark in ended.told.marks if mark.is_prefix for text in _unexplained(mark, varying)]


def _unlike(audit_segment: Ended, ended: Sequence[Ended], varying: Varying) -> list[str]:
    """The answers of an audit that are other than those that were loaded."""
    executed = audit_segment.answers
    loaded = [each.answers.records for each in answering(ended) if each.rank == audit_segment.rank]
    same = answers.within(pa.concat_tables(loaded).unify_dictionaries(), executed.contexts)
    found = agreement.compare(executed.records, same)
    return [f"{each} when executed in full" for each in found if each.name not in varying.names]


def _differences(ended: Ended, varying: Varying) -> list[str]:
    """What came out differently than in the run."""
    states = [
        text for mark in ended.told.marks if not mark.is_prefix for text in _of_state(ended, mark, varying)
    ]
    values = [str(each) for each in ended.answers.differences if each.name not in varying.names]
    return values + states


def _of_state(ended: Ended, mark: Mark, varying: Varying) -> Iterator[str]:
    moment = ended.work.moment(parse(mark.checked)) if mark.checked else ""
    return (f"{text} {moment}" for text in _unexplained(mark, varying))


def _unexplained(mark: Mark, varying: Varying) -> list[str]:
    if mark.has_more:
        return mark.differences
    pairs = zip(mark.paths, mark.differences, strict=True)
    return [text for path, text in pairs if path not in varying.paths]


def _why_unsure(ended: Sequence[Ended], audited: Audit, varying: Varying) -> str:
    observed = sorted(varying.names.intersection(ended[0].work.names))
    if observed:
        return f"{', '.join(observed)} differs from one execution to the next, as a clock does"
    differing = [text for each in ended if each.segment.records_outside for text in _put_back(each, varying)]
    if differing:
        return f"what comes before the loop came out differently: {differing[0]}"
    if not audited.is_done and any(auditing.is_loaded_in(each.segment) for each in ended):
        return audited.failure or ended[0].work.unaudited or "no iteration was executed in full (--audit 1)"
    return "no state that was kept comes after it"


def _output(ended: Ended) -> str:
    """What a process printed last, with the name of its log."""
    lines = ended.outcome.tail.splitlines()[-_SHOWN_LINES:]
    return "\n".join((f"{ended.outcome.task}.log ends with:", *(f"  {line}" for line in lines)))


def _perturbing(ended: Sequence[Ended]) -> Iterator[str]:
    """What the probe does besides looking."""
    marks = [mark for each in ended for mark in each.told.marks]
    drawn = dict.fromkeys(name for mark in marks for name in mark.draws)
    if words := _shortened([path for mark in marks for path in mark.perturbs]):
        yield f"the probe changes {', '.join(words)}: it was put back"
    if drawn:
        yield f"the probe draws random numbers ({', '.join(drawn)}): it was put back"


def _shortened(paths: Sequence[str]) -> list[str]:
    """The first paths, and of the others the names they begin with."""
    each = list(dict.fromkeys(paths))
    names = {path.partition(".")[0] for path in each[:_SHOWN]}
    more = dict.fromkeys(path.partition(".")[0] for path in each[_SHOWN:])
    return [*each[:_SHOWN], *(name for name in more if name not in names)]


def _refusals(work: Work) -> list[str]:
    found = [f"the state {work.moment(each.entry)} was not entered: {each.reason}" for each in work.refusals]
    return found[:_SHOWN]


def _notes(ended: Sequence[Ended], varying: Varying) -> tuple[str, ...]:
    notes = [change for each in ended for change in each.changes]
    varied = sorted(varying.names.union(varying.paths))
    notes += [f"{name} differs from one execution to the next" for name in varied]
    notes += [
        f"made what it was before the loop: {text}" for each in ended for text in _put_back(each, varying)
    ]
    return tuple(dict.fromkeys(notes))
