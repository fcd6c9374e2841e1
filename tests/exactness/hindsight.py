"""Asks past runs of a script what it did not log, and finds what differs from having logged it then.

    asked = Asked.of(script, interpreter, folder)
    answer = asked.answer(asked.questions[0], Replayer(ForkingExecutor(other_interpreter)))
    assert answer.problems == ()

Foresight is a run with every question in it, hindsight one without any, which is asked when it is over.
Questions only read, so that both compute the same; that they do is compared too.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from exactness import said
from exactness.interpreters import Interpreter
from exactness.matrix import Script
from exactness.project import Project, State
from exactness.questions import Question, questions_of, with_questions
from exactness.resume import KEEP_EVERYTHING
from flor import project as projects
from flor.executors.tasks import Executor
from flor.replay import asking, replaying
from flor.replay.asking import Asked as Planned
from flor.replay.asking import Request
from flor.replay.executing import Work
from flor.replay.planning import outcomes
from flor.replay.planning.costs import Outcome, Parts
from flor.replay.planning.plans import Plan
from flor.replay.report import RunReport

HELPER = Path(__file__).parent / "fingerprints.py"
_NO_TIME_TO_LOAD = Outcome("", Parts(1.0, 1.0, 1.0), Parts(1.0, 0.01, 100.0))


@dataclass(frozen=True)
class Replayer:
    """How past runs are asked."""

    executor: Executor
    workers: int = 1
    is_sliced: bool = True
    audit: int | None = 1
    restores: bool = True  # wherever that is exact, however short the run; else where it is faster


@dataclass(frozen=True)
class Answer:
    """What became of one question, over all runs of the script."""

    question: Question
    plans: tuple[Plan, ...]
    reports: tuple[RunReport, ...]
    problems: tuple[str, ...]
    differences: tuple[str, ...]  # of answers that are said to be unverified, as foresight differs each time
    rows: int  # that foresight has
    executed: int  # iterations of main loops, in full
    entered: int  # and in part
    iterations: int  # of all that there are

    @property
    def outcome(self) -> Literal["exact", "refused", "diverged", "unverified", "wrong"]:
        if self.problems:
            return "wrong"
        if any(one.diverged for one in self.reports):
            return "diverged"
        if self.differences:
            return "unverified"
        return "refused" if self.reason else "exact"

    @property
    def level(self) -> str:
        """Of the plans."""
        return ", ".join(dict.fromkeys("whole" if plan.is_whole else plan.level for plan in self.plans))

    @property
    def reason(self) -> str:
        """Why something was not answered, or why not surely."""
        is_unsure = bool(self.differences)
        told = [one.reason for one in self.reports if one.is_missing or one.diverged or is_unsure]
        return "; ".join(dict.fromkeys(told))


@dataclass(frozen=True)
class Asked:
    """A script that has run twice: with every question, and without any."""

    script: Script
    questions: tuple[Question, ...]
    foresight: Project
    hindsight: Project
    wanted: list[list[said.Place]] = field(repr=False)  # what foresight recorded, run by run

    @classmethod
    def of(
        cls,
        script: Script,
        interpreter: Interpreter,
        folder: Path,
        settings: Mapping[str, str] = KEEP_EVERYTHING,
    ) -> "Asked":
        """Let it run."""
        plain = replace(script, files={**script.files, HELPER.name: HELPER.read_bytes()})
        questions = tuple(questions_of(script))
        probed = replace(plain, files={**plain.files, **with_questions(script, questions)})
        foresight = _have_run(probed, interpreter, folder / "foresight", settings)
        hindsight = _have_run(plain, interpreter, folder / "hindsight", settings)
        return cls(script, questions, foresight, hindsight, said.kept(foresight.place, script.volatile))

    def answer(self, question: Question, replayer: Replayer) -> Answer:
        """Put the statement into today's file, ask, compare, and take it out again."""
        self._write(with_questions(self.script, [question]))
        before = self.hindsight.state()
        planned, reports = self._replay(question, replayer)
        changed, differing = _of_state(before, self.hindsight.state()), self._of_answers(question, reports)
        is_told = not self.script.is_deterministic and not any(one.verified for one in reports)
        problems, told = ([], differing) if is_told else (differing, [])
        self._write(self.script.files)
        counts = map(sum, zip(*([0, 0, 0], *map(_counts, planned.works)), strict=True))
        answers = planned.plans, reports, (*changed, *problems), tuple(told)
        return Answer(question, *answers, self._rows(question), *counts)

    def _write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            (self.hindsight.root / name).write_bytes(content)

    def _replay(self, question: Question, replayer: Replayer) -> tuple[Planned, tuple[RunReport, ...]]:
        """As `flor replay NAME --yes` does it, in this process."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOR_")}
        project = projects.for_reading(self.hindsight.root, environ)
        if replayer.restores:
            self._teach_to_restore()
        how = replayer.workers, replayer.is_sliced, replayer.audit
        request = Request((question.name,), None, (), *how)
        catalog = self.hindsight.place.catalog()
        planned = asking.ask(project, catalog, request)
        report = replaying.replay(project, catalog, planned, request.names, replayer.executor)
        return planned, report.runs

    def _teach_to_restore(self) -> None:
        """Let former replays say that restoring takes no time beside executing."""
        layout = self.hindsight.place.layout
        outcomes.path_of(layout).unlink(missing_ok=True)
        outcomes.add(layout, [replace(_NO_TIME_TO_LOAD, script=self.script.main)])

    def _rows(self, question: Question) -> int:
        """How many foresight has."""
        return sum(one.name == question.name for run in self.wanted for one in run)

    def _of_answers(self, question: Question, reports: Sequence[RunReport]) -> list[str]:
        """Only of a script that comes out differently each time an answer may be said to be another."""
        diverged = [f"diverged: {one.reason}" for one in reports if one.diverged]
        if diverged:
            return diverged if self.script.is_deterministic else []
        return self.differences(question, {report.run for report in reports if report.is_missing})

    def differences(self, question: Question, missing: Collection[str] = ()) -> list[str]:
        """What the runs have now, beside what foresight has: as records, and in the data frame.

        Args:
            missing: runs that do not have every answer.
        """
        others = {one.name for one in self.questions} - {question.name}
        volatile, catalog = self.script.volatile, self.hindsight.place.catalog()
        found = []
        for run, wanted in zip(catalog.runs, self.wanted, strict=True):
            has = said.answered(catalog, run.run, volatile, {question.name})
            own = [one for one in wanted if one.name not in others]
            if run.run in missing:
                own = [one for one in own if one.name != question.name or one in has]
            found.append(said.first_difference(own, has))
        if not missing and self._rows(question):
            frames = (
                said.frame(each.place, question.name, volatile) for each in (self.foresight, self.hindsight)
            )
            found.append(said.first_difference(*frames))
        return [text for text in found if text]


def _have_run(script: Script, interpreter: Interpreter, folder: Path, settings: Mapping[str, str]) -> Project:
    project = Project.make(folder, script)
    for command in script.commands:
        ended = project.run(interpreter, command, **settings)
        expected = script.exit_code if command == script.command else 0
        if ended.code != expected:
            raise RuntimeError(f"{script} ended with {ended.code}, not {expected}: {ended.stderr}")
    return project


def _counts(work: Work) -> tuple[int, int, int]:
    """Iterations of main loops that are executed in full, and in part, of how many."""
    if work.plan.is_whole:
        return work.iterations, 0, work.iterations
    visits = {
        (visit.block, visit.loop, visit.iteration, visit.is_cut or bool(visit.replaced))
        for segment in work.plan.segments
        for visit in segment.visits
    }
    in_part = sum(is_part for *_, is_part in visits)
    return len(visits) - in_part, in_part, work.iterations


def _of_state(before: State, after: State) -> list[str]:
    found = [f"git: {key} changed" for key in before.git if before.git[key] != after.git[key]]
    names = sorted(before.files.keys() | after.files.keys())
    changed = [name for name in names if before.files.get(name) != after.files.get(name)]
    found += [f"files changed: {', '.join(changed)}"] if changed else []
    return found + ([] if before.status == after.status else [f"status changed: {after.status}"])
