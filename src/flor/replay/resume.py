"""Goes on with a run that was killed, in place, as if it had never been."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flor.checkpoints.entry import parse
from flor.checkpoints.graph import GRAPH_TENSOR, Graph
from flor.checkpoints.paths import Paths
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.entities import Run
from flor.errors import CannotResume, FlorError, Unreadable
from flor.executors import foreground
from flor.executors.foreground import Process
from flor.project import Project
from flor.record import environment, reopening
from flor.replay import agreement, job, preconditions, resuming, set_orders, tail
from flor.replay.agreement import Difference
from flor.replay.job import Job
from flor.replay.outputs import PutBack
from flor.replay.own_files import OwnFiles
from flor.replay.resuming import REFUSED, Arrived, GoOn, Lost, Orders, Refused
from flor.replay.resumption import START, Candidate, PassedOver, candidates, refuse_unless_stopped, told
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


def resume(project: Project, run: Run, say: Say) -> Resumed:
    """Go on with the run from the latest entry point that serves, and wait for its end.

    Args:
        say: is told a line before the script goes on.

    Raises:
        CannotResume: the run or its code does not allow it, or no entry point serves.
    """
    refuse_unless_stopped(run)
    preconditions.refuse_other_folder(project, run)
    preconditions.refuse_other_code(project, run)
    with reopening.claim(Layout(project.home), run.run):
        return _resume(project, run, say)


def _resume(project: Project, run: Run, say: Say) -> Resumed:
    store = CheckpointStore(Layout(project.home).checkpoints)
    own = [one.manifest for one in store.kept(run.run) if one.manifest.rank == 0 == one.manifest.process]
    tries, passed = candidates(own, [one.entry for one in own if store.missing(one.hashes())])
    search = _Search(project, run, say, store, passed)
    for candidate in tries:
        resumed = search.at(candidate)
        if resumed:
            return resumed
    hint = "Run the script again; `flor.restore` puts back what was kept."
    raise CannotResume(run.run, "it can be entered nowhere exactly", "\n".join([*told(passed), hint]))


@dataclass(slots=True)
class _Search:
    """Tries one entry point after the other, the latest first."""

    project: Project
    run: Run
    say: Say
    store: CheckpointStore
    passed: list[PassedOver]
    needs_graphs: bool = False  # of the tensors that have one
    hurdle: Refused | None = None  # the last one that stands in the way of others, too

    def at(self, candidate: Candidate) -> Resumed | None:
        """The run, if it could go on from there."""
        ended = self._known(candidate) or self._attempt(candidate).make()
        if isinstance(ended, Resumed):
            return ended
        reason = ended.reason
        if isinstance(ended, Lost):
            self._went_on(ended)
        elif ended.at:
            self.hurdle, reason = ended, _in_words(ended, candidate)
        self.passed.append(PassedOver(candidate.words, reason))
        return None

    def _known(self, candidate: Candidate) -> Refused | None:
        """Why not, where that is known beforehand: the way there leads through what was refused before."""
        if self.hurdle and parse(self.hurdle.at).order <= candidate.entry.order:
            return self.hurdle
        reason = _graph_of(self.store, candidate) if self.needs_graphs else ""
        return Refused(reason) if reason else None

    def _attempt(self, candidate: Candidate) -> "_Attempt":
        return _Attempt(self.project, self.run, candidate, tuple(self.passed), self.say)

    def _went_on(self, ended: Lost) -> None:
        self.say(f"It cannot go on from there: {ended.reason}")
        self.needs_graphs = True
        self.run = Catalog.open(Layout(self.project.home)).find(self.run.run)


def _in_words(refused: Refused, candidate: Candidate) -> str:
    """The reason, as it concerns an entry point that users know by other words."""
    is_itself = refused.at == str(candidate.entry)
    return refused.reason.replace(refused.at, "it" if is_itself else "the way there", 1)


def _graph_of(store: CheckpointStore, candidate: Candidate) -> str:
    """A tensor whose graph would have to be there, in words; graphs are not kept."""
    if not candidate.graph:
        return ""
    try:
        graph = Graph.from_bytes(store.content(candidate.graph))
    except Unreadable as error:
        return error.message
    number = next((n for n, node in enumerate(graph.nodes) if node.kind == GRAPH_TENSOR), None)
    return "" if number is None else f"{Paths.readable(graph).text(number)} has a graph, which is not kept"


@dataclass(slots=True)
class _Attempt:
    """One process that is to go on from one entry point."""

    project: Project
    run: Run
    candidate: Candidate
    passed: tuple[PassedOver, ...]
    say: Say

    def make(self) -> Resumed | Refused | Lost:
        """Start the process; let it go on if it arrives, and wait for its end.

        Raises:
            CannotResume: data that the run read is no longer there, or its code.
            KeyboardInterrupt: it was ended on the way: nothing else is to be tried.
        """
        ours, theirs = Pipe()
        layout = Layout(self.project.home)
        own = OwnFiles.of(self.run, self.candidate.files, self.project.root, layout)
        preconditions.refuse_other_data(self.project, self.run, own.restored())
        own.rewind()
        with ours, TemporaryDirectory(prefix="flor-") as folder:
            asked, path = _job(self.project, self.run, theirs.fileno()), Path(folder) / "job.json"
            job.write(asked, path)
            environ = _environ(self.run.environment, os.environ)
            with foreground.running(job.command(asked, path), asked.cwd, environ, theirs.fileno()) as made:
                theirs.close()
                ended = self._converse(made.process, ours, own)
            if made.received and not isinstance(ended, Resumed):
                raise KeyboardInterrupt
            return ended

    def _converse(
        self, process: "Process[bytes]", line: Connection, own: OwnFiles
    ) -> Resumed | Refused | Lost:
        answer = self._answer(process, line)
        if isinstance(answer, Refused):
            process.wait()
            own.undo()
            return answer
        try:
            cut = self._let_go_on(answer, line, own)
        except FlorError:
            line.close()
            process.wait()
            own.undo()
            raise
        code = process.wait()
        if code == REFUSED and line.poll():
            lost: Lost = line.recv()
            return lost
        return Resumed(self.candidate, code, self.passed, self._differences(cut))

    def _differences(self, cut: Tail) -> tuple[Difference, ...]:
        """Between what was recorded before the kill and what came out now."""
        listed = Catalog.open(Layout(self.project.home))
        now = supersede.records_from(listed, self.run.run, 0, 0, cut.records.first_seq)
        return tuple(agreement.compare(cut.records.records, now))

    def _answer(self, process: "Process[bytes]", line: Connection) -> Arrived | Refused:
        try:
            line.send(Orders(self.project.home, self.run, str(self.candidate.entry)))
            answer: Arrived | Refused = line.recv()
        except (EOFError, OSError):
            return Refused(f"the script ended before it was reached (exit code {process.wait()})")
        return answer

    def _let_go_on(self, arrived: Arrived, line: Connection, own: OwnFiles) -> Tail:
        """Cut the records off at the entry point, and hand the run over.

        Raises:
            CannotResume: the process has loaded other code than the run, or has its sets in another order.
        """
        preconditions.refuse_other_code(self.project, self.run, arrived.modules)
        self._refuse_other_order(arrived)
        cut = tail.cut(Layout(self.project.home), self.run, self.candidate)
        done = own.put_back()
        self.say(f"Resuming run {self.run.run} ({self.run.filename}): {self.candidate.words}.")
        for text in (*told(self.passed), *_told(done)):
            self.say(text)
        line.send(GoOn(cut.records.first_seq, cut.first_position, cut.arguments, done.sizes))
        return cut

    def _refuse_other_order(self, arrived: Arrived) -> None:
        """Raise CannotResume if the order of sets matters: in every process strings have other hashes."""
        places = _of_order(self.run, self.project.root, arrived.modules)
        if places and (arrived.reordered or self.candidate.entry == START):
            what = arrived.reordered or "what it computes"
            reason = f"{what} depends on the order of a set ({places[0]}), another one in each process"
            hint = "Run the script again; with PYTHONHASHSEED=0 sets of strings have one order."
            raise CannotResume(self.run.run, reason, hint)
        if places:
            where = ", ".join(places[:_SHOWN])
            self.say(
                f"sets of strings may have another order than in the run, without PYTHONHASHSEED: {where}"
            )


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
    executable = str(run.environment.get("executable") or sys.executable)
    return Job(
        executable=executable if os.access(executable, os.X_OK) else sys.executable,
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
    return kept | then | environment.of_devices(recorded, now)
