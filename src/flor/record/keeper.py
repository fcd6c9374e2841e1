"""Keeps the training state of a run at its entry points, as often as the tolerance allows."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from flor.checkpoints import files, temporary
from flor.checkpoints.drawing import Draw, how_drawn
from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.frames import frames_of
from flor.checkpoints.leaving import Left, left_by
from flor.checkpoints.manifest import OpaqueRecord
from flor.checkpoints.mentions import live_names_of
from flor.checkpoints.places import Block, Blocks, Place, Role
from flor.checkpoints.points import JOB
from flor.checkpoints.reference import Reference
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.walk import walk
from flor.checkpoints.walked import Walked
from flor.checkpoints.writer import Draft, Writer
from flor.record import startup, tracked
from flor.record.appointments import Appointments, path_of
from flor.record.context import Node, iterations_around
from flor.record.drawing import Draws, Watched
from flor.record.process_run import ProcessRun
from flor.record.ranks import job_of_process
from flor.record.spending import Spending
from flor.record.termination import PATIENCE_S, Termination
from flor.runs.layout import Layout

STEP_AFTER_S = 30.0
"""Inside an epoch a state is kept only when the last one is older than this."""
STEP_AGAIN_S = 1.0  # so long after a step that was not kept the next one is looked at
FIRST_HEADER = EntryPoint("top", 0, 0, 0)

T = TypeVar("T")


@dataclass(slots=True)
class OpenBlock:
    """A `checkpointing` block that is running."""

    place: Block
    objects: Mapping[str, Any]
    around: list[tuple[str, int]]  # iterations of loops outside the block
    reference: Reference | None = None  # the state at the first header of its running main loop
    after_count: int = 0  # nested loops that have ended in the iteration: each is kept with its top
    has_top: bool = False  # whether the iteration's top was kept: without it what follows is useless
    draws: Draws | None = None  # of its running main loop, where that is over no sequence
    returned: frozenset[str] = frozenset()  # names that the statement reads by which it is left


@dataclass(slots=True)
class Keeper:
    """Decides at each entry point, walks the state, and hands it to the writer."""

    run: ProcessRun
    scope: Scope
    writer: Writer
    spending: Spending
    blocks: Blocks = field(default_factory=Blocks)
    thread: int = field(default_factory=threading.get_ident)  # whose loops are entry points
    termination: Termination = field(init=False)
    step_at_s: float = 0.0  # before it, headers inside an iteration of the main loop need not be told
    top_at_s: float = 0.0  # before it, headers of the main loop but its first need not be told
    _open: list[OpenBlock] = field(default_factory=list)
    _appointments: Appointments | None = None  # where several ranks must keep the same states
    _kept_s: float = field(default_factory=time.perf_counter)
    _position: int = 0

    def __post_init__(self) -> None:
        self.termination = Termination(self._finish)

    @classmethod
    def of(cls, run: ProcessRun) -> "Keeper":
        """The keeper of a run that has just been opened."""
        store = CheckpointStore(Layout(run.project.home).checkpoints)
        spending = Spending(run.project.config.epsilon)
        return cls(run, Scope(run.project.root), Writer(store, run.fault), spending)

    @property
    def block(self) -> OpenBlock | None:
        """The block that runs now: of nested ones the outermost, whose main loop is the one to enter."""
        return self._open[0] if self._open else None

    @contextmanager
    def checkpointing(self, objects: Mapping[str, Any], node: Node) -> Iterator[None]:
        """A block is open. Its end is an entry point, unless it is left in a way that cannot be repeated."""
        opened = OpenBlock(self.blocks.open(), objects, iterations_around(node))
        self._open.append(opened)
        self._block_opened()
        has_raised = True
        try:
            yield
            has_raised = False
        finally:
            if not has_raised:
                # Above this stand contextlib's frame and then the user's.
                self.close_block(opened, sys._getframe(2))
            self._open.remove(opened)
            self.termination.follow(is_open=bool(self._open))

    def close_block(self, opened: OpenBlock, frame: FrameType) -> None:
        """The block is about to be left by this frame, without an exception."""
        if opened is self.block and opened.reference is not None:
            left = self._left_by(frame)
            if left is not None:
                opened.returned = left.names
                self.reach(opened.place.end(), frame, {"left_by": left.number})

    def _left_by(self, frame: FrameType) -> Left | None:
        try:
            return left_by(frame)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            self.run.fault(error)
            return None

    def drawing(
        self, place: Place, iterable: Iterable[T], iterator: Iterator[T], *, is_bare: bool
    ) -> Iterator[T]:
        """The iterator of a main loop, watched where its items may depend on when they are drawn.

        Args:
            is_bare: no progress bar stands between the iterable and the iterator.
        """
        block = self.block
        if block is None or place.role is not Role.MAIN:
            return iterator
        if how_drawn(iterable, iterator if is_bare else None) is not Draw.STATES:
            return iterator
        block.draws = Draws(self.scope, self.spending.may_draw, self.spending.stalled, self.run.fault)
        return Watched(iterator, block.draws, lambda: block.reference)

    def adopt(self, blocks: Blocks, opened: list[OpenBlock], position: int) -> None:
        """Go on where a program that was run again stands: in these blocks, after so many checkpoints."""
        self.blocks, self._open, self._position = blocks, opened, position
        if opened:
            self._block_opened()

    def _block_opened(self) -> None:
        self.termination.follow(is_open=True)
        job = job_of_process()
        if job and self._appointments is None:
            path = path_of(self.writer.store.folder, self.run.run)
            self._appointments = Appointments(path, is_leader=job.rank == 0)

    def loop(self, name: str, iterable: Iterable[T], node: Node) -> Iterator[T]:
        """Iterate in a named context, while a block is open."""
        return tracked.iterate(name, iterable, node, self)

    def loop_begins(self, around: Place | None) -> Place | None:
        """A loop begins; its place if it runs in a block."""
        if self.block is None:
            return None
        inside = around if around is not None and around.block is self.block.place else None
        place = self.block.place.loop_begins(inside)
        if place.role is Role.MAIN:
            self.block.reference = self.block.draws = None
        return place

    def top_passed(self, place: Place) -> None:
        """The main loop's header was passed by: it was too early for another state."""
        place.nested_begun = 0
        if block := self.block:
            block.has_top, block.after_count = False, 0

    def end_passed(self, place: Place) -> bool:
        """Whether the end of a loop that is no main one is passed by: without its top it is useless."""
        block = self.block
        if block is None or block.has_top:
            return place.role is Role.DEEP
        block.after_count += place.role is Role.NESTED
        return True

    def reach(
        self, entry: EntryPoint | None, frame: FrameType, facts: Mapping[str, Any] | None = None
    ) -> None:
        """The program stands at an entry point: keep it if that is worth its cost. Never raises."""
        if entry is None or self.block is None:
            return
        if self.termination.is_asked:
            self._keep_last(entry, self.block, frame, dict(facts or {}))
        elif self._is_wanted(entry, self.block):
            self._try_to_keep(entry, self.block, frame, dict(facts or {}))

    def close(self) -> None:
        """Wait for what is being written."""
        self.writer.close()
        if self._appointments:
            self._appointments.forget()

    def summary(self) -> str:
        """One line for the end of a run; "" if nothing was kept."""
        if not self.writer.kept_count:
            return ""
        writer = self.writer
        ratio = writer.size_bytes / max(writer.new_bytes, 1)
        return (
            f"checkpoints: {writer.kept_count} kept, {writer.new_bytes / 1e6:.1f} MB "
            f"({ratio:.1f}x deduplicated), {self.spending.percent:.1f} % of run time"
            + (f"; {writer.skipped_count} skipped, as two were being written" if writer.skipped_count else "")
        )

    def _is_wanted(self, entry: EntryPoint, block: OpenBlock) -> bool:
        if self._appointments:
            return self._is_agreed(self._appointments, entry, block)
        if entry.kind == "top":
            block.has_top = self._is_top_wanted(entry, block)
            block.after_count = 0
            return block.has_top
        if entry.kind == "after":
            block.after_count += 1
            return block.has_top
        if entry.kind == "step":
            self._look_again(STEP_AGAIN_S)
            return self._is_step_due(block) and self.spending.is_affordable()
        return block.reference is not None and self.spending.is_affordable()

    def _is_top_wanted(self, entry: EntryPoint, block: OpenBlock) -> bool:
        """Whether to keep it. That of the first header may cost what is not planned: without it are none."""
        if entry.iteration == 0:
            return self._position == 0 or self.spending.is_affordable(share=1.0)
        count = 1 + block.after_count
        if block.reference is not None and self.spending.is_affordable(count):
            return True
        self.top_at_s = self.spending.affordable_at_s(count)
        return False

    def _look_again(self, after_s: float) -> None:
        """Hear of the next step after so long; where ranks count their steps, of each."""
        self.step_at_s = 0.0 if self._appointments else time.perf_counter() + after_s

    def _is_step_due(self, block: OpenBlock) -> bool:
        return block.has_top and time.perf_counter() - self._kept_s >= STEP_AFTER_S

    def _is_agreed(self, agreed: Appointments, entry: EntryPoint, block: OpenBlock) -> bool:
        """Whether all ranks keep this state; rank 0 says when the next one is kept."""
        if entry.kind == "after":
            return block.has_top
        if entry.kind in ("done", "end"):
            return block.reference is not None and (self.spending.keeps_all or agreed.has_met(entry))
        is_always = entry.kind == "top" and (entry.iteration == 0 or self.spending.keeps_all)
        is_met = agreed.is_met(entry) or is_always
        is_due = entry.kind == "top" or self._is_step_due(block)
        if agreed.is_leader and not is_met and is_due and self.spending.is_affordable():
            agreed.name_a_later(entry)
        if entry.kind == "top":
            block.has_top = is_met
        return is_met and block.has_top

    def _keep_last(
        self, entry: EntryPoint, block: OpenBlock, frame: FrameType, facts: dict[str, Any]
    ) -> None:
        """SIGTERM has come: keep the state whatever it costs, and let the process end."""
        if entry.kind in ("step", "after") and not block.has_top:
            return  # of no use without its top: if there is time the next one is waited for
        if self._appointments and not self._is_last_agreed(self._appointments, entry, block):
            return
        try:
            if entry.kind == "top" or block.reference:
                files.write_out(block.reference.files if block.reference else ())
                self._try_to_keep(entry, block, frame, facts)
        finally:
            self.termination.end_process()

    def _is_last_agreed(self, agreed: Appointments, entry: EntryPoint, block: OpenBlock) -> bool:
        """Whether all ranks end with this state."""
        if entry.kind not in ("top", "step") or agreed.is_met(entry, at_once=True):
            return True
        if agreed.is_leader:
            agreed.name_the_next(entry, may_be_step=block.has_top)
        return False

    def _finish(self) -> None:
        self.writer.close(PATIENCE_S)
        self.run.do_tasks()
        self.run.flush()

    def _try_to_keep(
        self, entry: EntryPoint, block: OpenBlock, frame: FrameType, facts: dict[str, Any]
    ) -> None:
        try:
            self._keep(entry, block, frame, facts)
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            self.run.fault(error)

    def _keep(self, entry: EntryPoint, block: OpenBlock, frame: FrameType, facts: dict[str, Any]) -> None:
        if block.reference is not None and self.writer.is_full and not self._must_wait:
            self.writer.skipped_count += 1
            block.has_top = block.has_top and entry.kind != "top"
            return
        started_s = time.perf_counter()
        frames = frames_of(frame, self.scope, live_names_of(self.scope, block.returned))
        walked = walk(frames, block.objects, self.scope, block.reference)
        draft = self._draft(entry, block, walked, facts)
        if block.reference is None:
            block.reference = Reference.of(walked)
        if self.writer.submit(draft, walked.leaves, self.spending.note, self._must_wait):
            self._position += 1
            self._kept_s = time.perf_counter()
            self._look_again(STEP_AFTER_S)
            self.spending.kept(time.perf_counter() - started_s)
        else:
            self.spending.stalled(time.perf_counter() - started_s)
            block.has_top = block.has_top and entry.kind != "top"

    def _draft(self, entry: EntryPoint, block: OpenBlock, walked: Walked, facts: dict[str, Any]) -> Draft:
        name = self.run.identity.name
        graph = walked.graph
        drawn = block.draws.so_far() if block.draws and entry.kind == "top" else None
        if drawn is not None:
            facts["draws"] = list(drawn)
        return Draft(
            run=name.run,
            rank=name.rank,
            process=name.process,
            entry=str(entry),
            position=self._position,
            seq=self.run.spool.position(),
            ts=time.time_ns() // 1_000,
            graph=graph.to_bytes,
            opaque=[OpaqueRecord(one.path, one.reason) for one in walked.opaque],
            around=block.around,
            facts=facts | self._of_job() | _of_files(walked, block.reference),
            files=self.run.files.at_entry(is_prompt=self._must_wait) if self.run.files else None,
            registered=graph.leaves_below("registered") if entry == FIRST_HEADER else None,
            blobs=drawn or {},
            is_follower=self._appointments is not None and not self._appointments.is_leader,
        )

    @property
    def _must_wait(self) -> bool:
        """Whether the training waits for this state rather than go without it."""
        return self.spending.keeps_all or self.termination.is_asked or self._appointments is not None

    def _of_job(self) -> dict[str, Any]:
        """Which rank of how many this is, where several train together."""
        job = job_of_process()
        return {JOB: list(job)} if job else {}


def _of_files(walked: Walked, reference: Reference | None) -> dict[str, Any]:
    return files.facts(walked.files, reference) | temporary.facts(walked.graph, startup.temporaries)
