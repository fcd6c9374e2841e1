"""Executes the segments of plans in processes of their own, and reads what they found out."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flor.checkpoints import naming
from flor.checkpoints.entry import EntryPoint
from flor.entities import Run
from flor.errors import StoreError, VersionUnavailable, WritesElsewhere
from flor.executors import logs
from flor.executors.logs import PORT_IN_USE
from flor.executors.tasks import Executor, OnEvent, Outcome, Task
from flor.project import Project
from flor.replay import answers, checkout, conditions, elsewhere, inputs, orders, surroundings, watching
from flor.replay.answers import Answers, Told
from flor.replay.edits import Edits
from flor.replay.elsewhere import Cover
from flor.replay.mapping import Relocation
from flor.replay.orders import Orders
from flor.replay.planning.plans import Plan, Segment
from flor.replay.propagation import Patch
from flor.replay.surroundings import Additions, Place, Surroundings
from flor.replay.watching import Watch
from flor.replay.worktree import Worktree
from flor.runs import files, journals, tables
from flor.runs.decode import columns
from flor.runs.layout import Layout
from flor.runs.records import LoopDefault
from flor.runs.tables import mask, numbers


@dataclass(frozen=True, slots=True)
class Refusal:
    """A state that a segment could not be put into."""

    entry: EntryPoint
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the main process of one rank of a run recorded."""

    table: pa.Table  # by seq
    seqs: Mapping[str, int]  # of the last record before each kept entry point


@dataclass(frozen=True, slots=True)
class Work:
    """One run that is to be asked: its plan, and the version with the probes in it."""

    run: Run
    plan: Plan
    files: Mapping[str, str]  # texts with probes, by path from the root
    edits: Edits
    names: tuple[str, ...]  # of the probes
    hashes: Mapping[str, str]  # of the probes of each name, as they stand in the version
    recorded: Sequence[Recorded]  # of each rank
    loops: Mapping[str, LoopDefault]  # what the run says of loops
    version: str  # the same for runs of the same code under the same interpreter
    lengths: Mapping[tuple[int, int], int]  # how many iterations each main loop had, by block and loop
    loop_names: Mapping[tuple[int, int], str]  # of main loops
    kept: Collection[EntryPoint]  # the states that can be read
    replan: Callable[[Collection[EntryPoint]], Plan]  # another plan, without these entry points
    texts: Mapping[str, str]  # of all files of the version, with probes
    patches: Sequence[Patch]  # the probes in them
    is_proof: bool = False  # all was answered before; it is executed again to prove it
    is_part: bool = False  # only some of the run's iterations are asked for
    audits: tuple[Segment, ...] = ()
    unaudited: str = ""  # why there is none of its version
    refusals: tuple[Refusal, ...] = ()  # of states, when it was tried
    is_again: bool = False  # executed a second time, to tell what comes out differently each time

    @property
    def iterations(self) -> int:
        """Of all main loops."""
        return sum(self.lengths.values())

    def moment(self, entry: EntryPoint) -> str:
        """An entry point in words."""
        return naming.moment(entry, self.loop_names.get((entry.block, entry.loop), "loop"))

    @property
    def rank_count(self) -> int:
        """How many processes execute a segment together."""
        return len(self.recorded)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All that is executed of the run."""
        return (*self.plan.segments, *self.audits)

    def probe_of(self, name: str) -> str:
        """The hash of the probes of a name."""
        return self.hashes.get(name, "")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one segment ended, in the process of one rank."""

    work: Work
    segment: Segment
    outcome: Outcome
    told: Told
    answers: Answers
    loops: Mapping[str, LoopDefault]
    changes: tuple[str, ...]  # conditions that could not be set again, or that turned out to be others
    rank: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """What it is known by among all of its run."""
        return id(self.segment), self.rank


@dataclass(slots=True)
class Workshop:
    """Where the segments of one replay are executed."""

    project: Project
    folder: Path  # for the logs of processes
    _stack: ExitStack = field(default_factory=ExitStack)
    _trees: dict[tuple[str, str], Any] = field(default_factory=dict)
    _running: dict[str, "_Running"] = field(default_factory=dict)
    _refused: list[Ended] = field(default_factory=list)
    _watches: list[Watch] = field(default_factory=list)

    def ended(self, works: Sequence[Work], executor: Executor, on_event: OnEvent) -> Iterator[Ended]:
        """How all segments of these runs end, as they end; those that cannot begin come last."""
        alone: list[Outcome] = []
        with executor.run(self._tasks(works), on_event) as outcomes:
            for outcome in outcomes:
                if outcome.reason == PORT_IN_USE:  # two of them cannot run at once
                    alone.append(outcome)
                else:
                    yield from self._collect(self._running.pop(outcome.task), outcome)
        for former in alone:
            with executor.run([self._repeated(former.task)], on_event) as outcomes:
                for each in outcomes:
                    yield from self._collect(self._running.pop(each.task), each)
        while self._refused:
            yield self._refused.pop(0)

    def changed(self) -> tuple[str, ...]:
        """The user's files that changed meanwhile, where processes could reach them past Python."""
        return tuple(dict.fromkeys(path for watch in self._watches for path in watch.changed()))

    def close(self) -> None:
        """Remove what was made for the processes."""
        self._stack.close()

    def _tasks(self, works: Sequence[Work]) -> Iterator[Task]:
        for work in works:
            for number, each in enumerate(work.segments):
                name = f"{work.run.run}.{number}"
                try:
                    task = self._task(work, each, name)
                except (VersionUnavailable, WritesElsewhere) as error:
                    reason = logs.reason(error.message, None, (self.folder,))
                    told = f"{error.message} ({reason})" if reason else error.message
                    self._refused += _refused(work, each, name, told)
                else:
                    yield task

    def _repeated(self, name: str) -> Task:
        """The same task anew; nothing that it has logged counts."""
        former = self._running.pop(name)
        self._clear(former)
        return self._task(former.work, former.segment, name)

    def _task(self, work: Work, each: Segment, name: str) -> Task:
        place = surroundings.place_of(self.project, work.run)
        trees = self._trees_of(place)
        tree: Worktree = trees.take(checkout.code_of(self._repository(), work.run), work.files)
        inputs.withhold(files.of(work.run), tree.path)
        inputs.provide(files.of(work.run), tree.path, self.project.root, Layout(self.project.home))
        scratch = tree.folder / f"store.{name}"
        path = tree.folder / f"{name}.orders"
        home, count = self.project.home.resolve(), work.rank_count
        orders.leave(Orders(home, work.run, each, scratch, self.project, count), path)
        details = {"orders": str(path), "edits": work.edits.to_json()}
        added = Additions(orders.PREPARE, details, covers=_covers(work.run, place, tree))
        surrounded = surroundings.surround(place, work.run, tree, added)
        self._running[name] = _Running(work, each, trees, tree, scratch, surrounded)
        threads = int(work.run.environment.get("torch_threads") or 1)
        return surrounded.task(name, self.folder / f"{name}.log", threads, rank_count=count)

    def _trees_of(self, place: Place) -> Any:
        key = (place.root, place.interpreter.executable)
        if key not in self._trees:
            self._trees[key] = self._stack.enter_context(surroundings.worktrees_of(place))
            if not place.is_mounting:
                self._watches.append(watching.begin(self.project.root, self.project.home))
        return self._trees[key]

    def _repository(self) -> Any:
        if self.project.repository is None:
            raise StoreError(f"{self.project.root} is in no git repository.", "Change to a clone of it.")
        return self.project.repository

    def _collect(self, running: "_Running", outcome: Outcome) -> list[Ended]:
        """How it ended for each rank."""
        logged, loops = _logged(Layout(running.scratch), running.work.loops)
        table = _as_recorded(logged, running.tree.relocation)
        _keep_blobs(Layout(running.scratch), Layout(self.project.home))
        self._clear(running)
        found = [
            _of_rank(running, outcome, rank, table.filter(mask(numbers(table["rank"]) == rank)), loops)
            for rank in range(running.work.rank_count)
        ]
        if outcome.is_success and not any(mark.raised for each in found for mark in each.told.marks):
            (self.folder / f"{outcome.task}.log").unlink(missing_ok=True)
        return found

    def _clear(self, running: "_Running") -> None:
        shutil.rmtree(running.scratch, ignore_errors=True)
        running.trees.give_back(running.tree)


def _of_rank(
    running: "_Running", outcome: Outcome, rank: int, table: pa.Table, loops: Mapping[str, LoopDefault]
) -> Ended:
    work, told = running.work, answers.told(table)
    recorded = work.recorded[rank]
    found = answers.answers(recorded.table, told.stretches, recorded.seqs, work.names)
    changes = (*running.surroundings.changes, *conditions.unlike(work.run.environment, told.facts))
    return Ended(work, running.segment, outcome, told, found, loops, tuple(dict.fromkeys(changes)), rank)


def _covers(run: Run, place: Place, tree: Worktree) -> tuple[Cover, ...]:
    """The folders outside of the project in which the run wrote, covered.

    Raises:
        WritesElsewhere: they cannot be.
    """
    written = next(iter(elsewhere.written(run)), None)
    if written is None or place.is_mounting:
        return elsewhere.covers(run, tree.folder / "elsewhere") if written else ()
    raise WritesElsewhere(
        f"the run wrote {written}, outside of the project, and nothing can be mounted there"
    )


@dataclass(frozen=True, slots=True)
class _Running:
    work: Work
    segment: Segment
    trees: Any
    tree: Worktree
    scratch: Path
    surroundings: Surroundings


@contextmanager
def workshop(project: Project) -> Iterator[Workshop]:
    """A place to execute segments in; afterwards only the logs of failures are left."""
    folder = Layout(project.home).replays
    folder.mkdir(parents=True, exist_ok=True)
    made = Workshop(project, folder)
    try:
        yield made
    finally:
        made.close()


def _refused(work: Work, each: Segment, name: str, reason: str) -> list[Ended]:
    """How a segment ends, for each rank, of which the code cannot be had."""
    outcome = Outcome(name, None, None, 0.0, None, "", reason)
    told = answers.told(tables.build([], work.loops).table)
    nothing = [answers.answers(one.table, (), one.seqs, work.names) for one in work.recorded]
    return [
        Ended(work, each, outcome, told, found, work.loops, (), rank) for rank, found in enumerate(nothing)
    ]


def _logged(layout: Layout, loops: Mapping[str, LoopDefault]) -> tuple[pa.Table, Mapping[str, LoopDefault]]:
    """What a process logged, and what its records say of loops."""
    found = [journals.read(layout, name) for name in journals.names(layout)]
    built = tables.build([(one.name, columns(one, 0)) for one in found if one], loops)
    return built.table, built.loops


def _as_recorded(table: pa.Table, relocation: Relocation) -> pa.Table:
    """The same, with the paths that the program would have logged in its own place."""
    if relocation.is_identity:
        return table
    texts = pc.replace_substring(table["vs"], relocation.target, relocation.originals[0])
    return table.set_column(table.schema.get_field_index("vs"), table.schema.field("vs"), texts)


def _keep_blobs(scratch: Layout, store: Layout) -> None:
    """Move the blobs of values that were logged to the store; each has the name of its content."""
    for path in scratch.blobs.glob("*/*"):
        target = store.blobs / path.parent.name / path.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
