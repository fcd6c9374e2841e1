"""Answers in hindsight: executes plans, keeps what they find out, and says how sure it is."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa

from flor.entities import Verdict
from flor.executors import choice
from flor.executors.tasks import Executor
from flor.project import Project
from flor.replay import asking, audited, executing, judging
from flor.replay.asking import Asked, Request
from flor.replay.executing import Ended, Work
from flor.replay.judging import Judgement
from flor.replay.planning import outcomes
from flor.replay.planning.costs import Outcome, Parts
from flor.replay.report import Report, RunReport
from flor.replay.rounds import Case, Rounds
from flor.runs import hindsight, verdicts
from flor.runs.catalog import Catalog
from flor.runs.hindsight import Hindsight
from flor.runs.layout import Layout
from flor.runs.metadata import Answered
from flor.runs.records import LoopDefault
from flor.times import to_text

_SHOWN = 5

Covered = list[tuple[int, int, int]] | None
"""The iterations that need not be asked again; None: all."""

Progress = Callable[[Iterable[Ended], int], Iterable[Ended]]


def no_progress(ended: Iterable[Ended], count: int) -> Iterable[Ended]:
    """For callers that show none."""
    return ended


def answer(
    project: Project, catalog: Catalog, request: Request, executor: str, progress: Progress = no_progress
) -> Report:
    """Plan what is asked for, and execute it without asking back.

    Raises:
        FlorError: see `asking.ask`; or there is no such executor.
    """
    asked = asking.ask(project, catalog, request)
    chosen = choice.named(executor, request.workers, Layout(project.home).replays)
    return replay(project, catalog, asked, request.names, chosen, progress)


def replay(
    project: Project,
    catalog: Catalog,
    asked: Asked,
    names: Sequence[str],
    executor: Executor,
    progress: Progress = no_progress,
) -> Report:
    """Execute what was planned. Each run's answers are kept as soon as all of its segments have ended.

    Args:
        progress: is given the segments as they end, and how many there will be; hands them on.
    """
    began = time.monotonic()
    keeping = _Keeping(project, catalog, _stamp(), Rounds(asked.works, asked.audit, asked.audited))
    with executing.workshop(project) as workshop:
        works: Sequence[Work] = asked.works
        while works:
            ended = workshop.ended(works, executor, lambda _: None)
            with keeping.interruptible():
                for each in progress(ended, sum(len(work.segments) * work.rank_count for work in works)):
                    keeping.add(each)
            works = keeping.rounds.next()
        changed = workshop.changed()
    keeping.finish()
    nothing = [_nothing(work) for work in asked.works if not work.segments]
    every = sorted([*keeping.reports, *nothing, *asked.others], key=lambda one: one.tstamp)
    return Report(tuple(names), tuple(every), asked.elapsed_s, time.monotonic() - began, _doubts(changed))


def _stamp() -> str:
    return to_text(datetime.now(UTC).replace(tzinfo=None))


def _doubts(changed: Sequence[str]) -> tuple[str, ...]:
    """What to say of the user's files that are others now: it may have been the user."""
    if not changed:
        return ()
    shown = ", ".join(changed[:_SHOWN])
    return (f"changed while past code was executed, by you or by that code: {shown}",)


@dataclass(slots=True)
class _Keeping:
    """Keeps what segments find out, run by run."""

    project: Project
    catalog: Catalog
    stamp: str
    rounds: Rounds
    reports: list[RunReport] = field(default_factory=list)

    def add(self, each: Ended) -> None:
        """One more segment has ended."""
        for case in self.rounds.add(each):
            self._keep(case)
        for case in self.rounds.waiting(each):
            self._keep_for_now(case)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Whatever ends the block, what is answered until then is kept, and not asked again."""
        try:
            yield
        except BaseException:
            for case in self.rounds.left():
                if not case.is_kept:
                    self._keep_for_now(case)
            raise

    def finish(self) -> None:
        """Keep what is left of segments that never came."""
        for case in self.rounds.left():
            self._keep(case)

    def _keep_for_now(self, case: Case) -> None:
        """Keep answers that are not proved yet, under a stamp of their own: others take their place."""
        parts = _in_order(case)
        judged = judging.unproved(parts, case.missing)
        case.is_kept = True
        if judged.report.obtained:
            self._write(parts, judged, _covered_for_now(case, judged.report), _stamp())

    def _write(self, parts: Sequence[Ended], judged: Judgement, covered: Covered, stamp: str) -> None:
        about = self.catalog.entry(parts[0].work.run.run).metadata
        found = _found(parts, judged, covered, stamp, about.loops)
        hindsight.keep(Layout(self.project.home), about, found)

    def _keep(self, case: Case) -> None:
        work, parts = case.work, _in_order(case)
        outcomes.add(Layout(self.project.home), filter(None, map(_outcome, parts)))
        audit = self.rounds.audit_of(case)
        if work.audits and audit.is_done and not audit.difference:
            audited.add(Layout(self.project.home), work.version, parts[0].changes)
        judged = judging.judge(parts, audit, case.varying)
        self.reports.append(judged.report)
        if judged.report.obtained or not judged.report.is_missing:
            self._write(parts, judged, _covered(work, judged.report), self.stamp)


def _in_order(case: Case) -> list[Ended]:
    """What has ended, which it did in any order; only theirs tells that of the records in some runs."""
    return sorted(case.ended, key=lambda each: case.work.segments.index(each.segment))


def _outcome(ended: Ended) -> Outcome | None:
    """How long a segment took, beside what was expected; None of one that failed."""
    marks = ended.told.marks
    startup_s = max((mark.startup_s for mark in marks), default=0.0)
    if not startup_s or judging.failure(ended) or ended.segment.is_audit or ended.rank:
        return None
    loaded_s = sum(mark.loaded_s for mark in marks)
    rest_s = max(ended.outcome.seconds - startup_s - loaded_s, 0.0)
    return Outcome(ended.work.run.filename, ended.segment.parts, Parts(startup_s, loaded_s, rest_s))


def _found(
    parts: Sequence[Ended],
    judged: Judgement,
    covered: Covered,
    stamp: str,
    known: Mapping[str, LoopDefault],
) -> Hindsight:
    """What is to be kept of a run's segments."""
    found = judging.answering(parts)
    tables = [each.answers.records for each in found]
    sure = [verdicts.spread(*each) for each in zip(tables, judged.verdicts, strict=True)]
    loops = {path: default for each in parts for path, default in each.loops.items()}
    fresh = {path: default for path, default in loops.items() if path and path not in known}
    answered = _answered(found, judged, covered, stamp)
    return hindsight.in_order(answered, pa.concat_tables(tables), fresh, np.concatenate(sure))


def _answered(parts: Sequence[Ended], judged: Judgement, covered: Covered, stamp: str) -> list[Answered]:
    """Under each name what was found out of it."""
    work, of_name = parts[0].work, defaultdict[str, list[Verdict]](list)
    for each, found in zip(parts, judged.verdicts, strict=True):
        for name, verdict in zip(each.answers.names, found, strict=True):
            of_name[name].append(verdict)
    about = partial(_of_name, work=work, report=judged.report, covered=covered, stamp=stamp)
    return [about(name, of_name[name]) for name in work.names]


def _of_name(
    name: str, found: Sequence[Verdict], work: Work, report: RunReport, covered: Covered, stamp: str
) -> Answered:
    return Answered(
        name=name,
        probe=work.probe_of(name),
        replay=stamp,
        level=report.level,
        iterations=covered,
        segments=report.segments,
        seconds=report.seconds,
        reason=report.reason,
        **verdicts.counts(found),
    )


def _covered(work: Work, report: RunReport) -> Covered:
    if report.is_missing or report.diverged:
        return []
    return list(work.plan.wanted) if work.is_part else None


def _covered_for_now(case: Case, report: RunReport) -> Covered:
    """What may be another value than in the run is asked again, and what has not ended."""
    if case.is_in_doubt:
        return []
    if case.is_answered:
        return _covered(case.work, report)
    ended = [each.segment for each in judging.answering(case.ended) if not judging.failure(each)]
    visits = [visit for segment in ended for visit in segment.visits if visit.is_wanted]
    return sorted((visit.block, visit.loop, visit.iteration) for visit in visits)


def _nothing(work: Work) -> RunReport:
    return RunReport(work.run.run, work.run.tstamp, work.plan.level, reason=work.plan.reason)
