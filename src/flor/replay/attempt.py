"""One try to go on with a run from one entry point: the processes of all ranks go on, or none does."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import Pipe, connection
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flor.checkpoints.scope import Scope
from flor.entities import Run
from flor.errors import CannotResume, FlorError
from flor.executors import foreground, gang
from flor.executors.foreground import Process
from flor.project import Project
from flor.record import appointments, environment
from flor.replay import agreement, conditions, interpreters, job, preconditions, resuming, set_orders, tail
from flor.replay.agreement import Difference
from flor.replay.interpreters import Interpreter
from flor.replay.job import Job
from flor.replay.outputs import PutBack
from flor.replay.own_files import OwnFiles
from flor.replay.resuming import REFUSED, Arrived, GoOn, Lost, Orders, Refused
from flor.replay.resumption import START, Candidate, PassedOver, told
from flor.replay.tail import Tail
from flor.runs import supersede
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

_PREPARE = f"{resuming.__name__}:{resuming.prepare.__name__}"
_SHOWN = 10

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Resumed:
    """How a run went on."""

    at: Candidate
    exit_code: int  # of the script; negative: the signal that ended it
    passed: tuple[PassedOver, ...]  # later entry points that did not serve
    differences: tuple[Difference, ...]  # between what was recorded before the kill and what came out now


@dataclass(slots=True)
class Attempt:
    """Processes that are to go on from one entry point, one for each rank."""

    project: Project
    run: Run
    candidate: Candidate
    passed: tuple[PassedOver, ...]
    say: Say
    _lines: list[Connection] = field(default_factory=list)  # to each

    def make(self) -> Resumed | Refused | Lost:
        """Start the processes; let them go on if all arrive, and wait for their end.

        Raises:
            CannotResume: data that the run read is no longer there, or its code.
            KeyboardInterrupt: they were ended on the way: nothing else is to be tried.
        """
        own = OwnFiles.of(self.run, self.candidate.files, self.project.root, self._layout)
        preconditions.refuse_other_data(self.project, self.run, own.restored())
        own.rewind()
        with ExitStack() as stack:
            theirs = [self._open_line(stack) for _ in range(self.run.rank_count)]
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="flor-")))
            descriptors = [line.fileno() for line in theirs]
            command = self._command(descriptors, folder)
            environ = _environ(self.run.environment, os.environ)
            with foreground.running(command, self.run.cwd, environ, descriptors) as made:
                for line in theirs:
                    line.close()
                ended = self._converse(made.process, own)
            if made.received and not isinstance(ended, Resumed):
                raise KeyboardInterrupt
            return ended

    @property
    def _layout(self) -> Layout:
        return Layout(self.project.home)

    def _open_line(self, stack: ExitStack) -> Connection:
        """The other end of a line to a process."""
        ours, theirs = Pipe()
        self._lines.append(stack.enter_context(ours))
        return theirs

    def _command(self, descriptors: Sequence[int], folder: Path) -> list[str]:
        found = []
        for rank, descriptor in enumerate(descriptors):
            asked, path = _job(self.project, self.run, descriptor), folder / f"job.{rank}.json"
            job.write(asked, path)
            found.append(job.command(asked, path))
        return gang.command(found, descriptors)

    def _converse(self, process: "Process[bytes]", own: OwnFiles) -> Resumed | Refused | Lost:
        answers = self._answers(process)
        if isinstance(answers, Refused):
            self._give_up(process, own)
            return answers
        try:
            tails = self._let_go_on(answers, own)
        except FlorError:
            self._give_up(process, own)
            raise
        code = process.wait()
        lost = self._lost() if code == REFUSED else None
        if lost:
            return lost
        if self.run.rank_count > 1 and code > gang.SIGNALS:
            code = gang.SIGNALS - code
        return Resumed(self.candidate, code, self.passed, self._differences(tails))

    def _give_up(self, process: "Process[bytes]", own: OwnFiles) -> None:
        self._hang_up()
        process.wait()
        own.undo()

    def _hang_up(self) -> None:
        """Let the processes that wait for us end."""
        for line in self._lines:
            line.close()

    def _lost(self) -> Lost | None:
        """Why a rank could not go on, after all."""
        for line in self._lines:
            with suppress(EOFError, OSError):
                if line.poll():
                    lost: Lost = line.recv()
                    return lost
        return None

    def _differences(self, tails: Sequence[Tail]) -> tuple[Difference, ...]:
        """Between what was recorded before the kill and what came out now."""
        listed, found = Catalog.open(self._layout), list[Difference]()
        for rank, cut in enumerate(tails):
            now = supersede.records_from(listed, self.run.run, rank, 0, cut.records.first_seq)
            found += agreement.compare(cut.records.records, now)
        return tuple(found)

    def _answers(self, process: "Process[bytes]") -> list[Arrived] | Refused:
        """That of each process, in the order of the ranks; the first that cannot arrive speaks for all."""
        found: dict[Connection, Arrived] = {}
        try:
            for rank, line in enumerate(self._lines):
                line.send(Orders(self.project.home, self.run, str(self.candidate.entry), rank))
            while len(found) < len(self._lines):
                for line in _with_news([each for each in self._lines if each not in found]):
                    answer: Arrived | Refused = line.recv()
                    if isinstance(answer, Refused):
                        return answer
                    found[line] = answer
        except (EOFError, OSError):
            self._hang_up()
            return Refused(f"the script ended before it was reached (exit code {process.wait()})")
        return [found[line] for line in self._lines]

    def _let_go_on(self, arrived: Sequence[Arrived], own: OwnFiles) -> list[Tail]:
        """Cut the records off at the entry point, and hand the run over.

        Raises:
            CannotResume: a process has loaded other code than the run, or has its sets in another order.
        """
        modules = tuple(dict.fromkeys(module for each in arrived for module in each.modules))
        preconditions.refuse_other_code(self.project, self.run, modules)
        self._refuse_other_order(modules, next((each.reordered for each in arrived if each.reordered), ""))
        tails = [tail.cut(self._layout, self.run, self.candidate, rank) for rank in range(len(arrived))]
        appointments.path_of(self._layout.checkpoints, self.run.run).unlink(missing_ok=True)
        done = own.put_back()
        self.say(f"Resuming run {self.run.run} ({self.run.filename}): {self.candidate.words}.")
        for text in (*told(self.passed), *_told(done), *self._other_conditions()):
            self.say(text)
        for rank, (line, cut) in enumerate(zip(self._lines, tails, strict=True)):
            written = self._written(rank)
            line.send(GoOn(cut.records.first_seq, cut.first_position, cut.arguments, done.sizes, written))
        return tails

    def _other_conditions(self) -> Iterator[str]:
        """What may make the rest of the run compute otherwise than its beginning."""
        recorded = self.run.environment
        changes = conditions.changes(recorded, _facts(interpreters.of_run(recorded)))
        yield from (f"not as in the run: {change}" for change in changes[:_SHOWN])
        if len(changes) > _SHOWN:
            yield f"not as in the run: {len(changes) - _SHOWN} more"

    def _written(self, rank: int) -> frozenset[str] | None:
        """The files that a rank goes on to write; None: a single one, all of the run's."""
        if self.run.rank_count == 1:
            return None
        return frozenset(path for path, writer in self.candidate.writers.items() if writer == rank)

    def _refuse_other_order(self, modules: Sequence[str], reordered: str) -> None:
        """Raise CannotResume if the order of sets matters: in every process strings have other hashes."""
        places = _of_order(self.run, self.project.root, modules)
        if places and (reordered or self.candidate.entry == START):
            what = reordered or "what it computes"
            reason = f"{what} depends on the order of a set ({places[0]}), another one in each process"
            hint = "Run the script again; with PYTHONHASHSEED=0 sets of strings have one order."
            raise CannotResume(self.run.run, reason, hint)
        if places:
            where = ", ".join(places[:_SHOWN])
            self.say(
                f"sets of strings may have another order than in the run, without PYTHONHASHSEED: {where}"
            )


def _with_news(lines: Sequence[Connection]) -> list[Connection]:
    """Wait until a process has said something, or has ended."""
    ready = connection.wait(lines)
    return [line for line in lines if line in ready]


def _of_order(run: Run, root: Path, modules: Iterable[str]) -> list[str]:
    """Where the project's modules may depend on the hashes of strings, if these were drawn at random."""
    if run.environment.get("variables", {}).get("PYTHONHASHSEED", "random") != "random":
        return []
    scope, found = Scope(root), []
    for module in filter(scope.has_file, dict.fromkeys(modules)):
        with suppress(OSError, SyntaxError, ValueError):  # a module need not be a source file
            lines = set_orders.lines_of(Path(module).read_text("utf-8"))
            found += [f"{scope.relative(module)}:{line}" for line in lines]
    return found


def _told(done: PutBack) -> Iterator[str]:
    """What was done to the user's files."""
    changed = (*done.restored, *done.truncated, *done.removed)
    if changed:
        where = f"; what stood in them is in {done.set_aside}" if done.set_aside else ""
        yield f"put back as they were then: {', '.join(changed[:_SHOWN])}{where}"
    for path, reason in done.unknown:
        yield f"not put back: {path}: {reason}"


def _job(project: Project, run: Run, descriptor: int) -> Job:
    return Job(
        executable=interpreters.of_run(run.environment).executable,
        orig_argv=tuple(run.environment.get("orig_argv") or ()),
        cwd=run.cwd,
        root=str(project.root),
        prepare=_PREPARE,
        details={"fd": descriptor},
    )


def _environ(facts: Mapping[str, Any], now: Mapping[str, str]) -> dict[str, str]:
    """Today's environment, with the variables that change results as they were."""
    recorded = facts.get("variables", {})
    kept = {name: value for name, value in now.items() if not environment.changes_results(name)}
    then = {name: value for name, value in recorded.items() if environment.changes_results(name)}
    alike = conditions.arithmetic(facts, _facts(interpreters.of_run(facts)))
    return kept | then | alike | environment.of_devices(recorded, now)


@cache
def _facts(interpreter: Interpreter) -> dict[str, Any]:
    return interpreters.facts(interpreter)
