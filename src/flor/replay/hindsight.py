"""Takes a program through a segment of a replay: over the iterations that are wanted, from state to state."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar, cast

from flor.checkpoints import start
from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.places import Place, Role
from flor.errors import ReentryRefused
from flor.project import Project
from flor.record import tracked
from flor.record.context import Loop, current
from flor.record.environment import age_of_process_s
from flor.record.keeper import OpenBlock
from flor.record.session import Session
from flor.replay import way
from flor.replay.binding import user_frame
from flor.replay.edits import Brought
from flor.replay.marks import Mark
from flor.replay.observing import Observers
from flor.replay.planning.plans import Visit
from flor.replay.player import Player
from flor.replay.restoring import MOST, Restorer
from flor.replay.runtime import BlockIsOver
from flor.replay.tour import Step, Tour
from flor.replay.way import Driven, Way

Tell = Callable[[Mark], None]
T = TypeVar("T")
_MOST_TOLD = 1_000
"""Iterations of a loop: a million would take time."""


@dataclass(slots=True)
class Tourist(Way):
    """The way of a tour, which has no single target.

    Args:
        tell: is told what holds for the records that follow.
        stop: ends the process.
    """

    tell: Tell = lambda _: None
    stop: Callable[[], None] = lambda: None
    is_true: bool = True  # whether the program stands in the state that the run stood in
    entered: EntryPoint | None = None  # the newest state that it was to be put into
    loaded_s: float = 0.0  # of restoring, since it was told last
    startup_s: float = 0.0

    @property
    def has_come_to_loop(self) -> bool:
        """Whether the program has been at the header of a main loop."""
        return bool(self.startup_s)

    @property
    def tour(self) -> Tour:
        """The itinerary."""
        return cast("Tour", self.itinerary)

    def header(self, place: Place, block: OpenBlock, loop: Driven, frame: FrameType) -> Iterator[Any]:
        """At each header of a main loop: go to the next visit, or over the end, or stop."""
        if place.role is not Role.MAIN:
            return
        self.startup_s = self.startup_s or age_of_process_s()
        self._check(EntryPoint("top", block.place.number, place.loop, place.reached), block, frame)
        step = self.tour.at_header(block.place.number, place.loop, place.reached)
        if step.is_over:
            self.stop()
        if step.jump is not None:
            self._jump_to(step, step.jump, block, loop, frame)
        elif step.visit is not None and step.visit.entry is not None:
            yield from self._enter(step.visit, step.visit.entry, place, block, loop, frame)
            self._tell_of_jump(step.visit.entry, step.counts)
        else:
            self.tell(Mark(counts=step.counts))

    def replace(self, place: Place, block: OpenBlock, frame: FrameType) -> EntryPoint | None:
        """A nested loop is over where its effect is restored."""
        jump = Way.replace(self, place, block, frame)
        if jump is not None:
            self._tell_of_jump(jump, None)
        return jump

    def executed(self, entry: EntryPoint | None, block: OpenBlock, frame: FrameType) -> None:
        """A loop is over: behind a main loop, what is logged counts as outside of it."""
        if entry is not None and self._is_telling(entry):
            self._check(entry, block, frame)
        if block.place.main is None:
            self.tell(Mark(counts=self.tour.counts_outside))

    def _is_telling(self, entry: EntryPoint) -> bool:
        """Whether the state behind a loop is compared: where the next header's was not kept, or as proof."""
        following = EntryPoint("top", entry.block, entry.loop, entry.iteration + 1)
        return entry.kind == "done" or self.tour.segment.is_audit or following not in self.restorer.kept

    def _jump_to(
        self, step: Step, over: EntryPoint, block: OpenBlock, loop: Driven, frame: FrameType
    ) -> None:
        if over.kind == "end":
            began = self.began.get(block.place.number)
            if began is None:
                self.entered = over
                raise ReentryRefused(f"{over} belongs to a block that cannot be jumped over.")
            self._jump = (over, block, began)
            raise BlockIsOver
        self.entered = over
        way.refuse_if(loop.statement, over)
        self._restore(over, block, frame)
        self.how = str(self.restorer.facts(over).get("how", ""))
        loop.is_over = self.is_ending = True
        self._landed(over)

    def land(self, frame: FrameType) -> None:
        """The block was jumped over: restore its end."""
        entry = self.entered = self._jump[0] if self._jump else None
        Way.land(self, frame)
        if entry is not None:
            self._landed(entry)

    def _landed(self, over: EntryPoint) -> None:
        self.is_true = True
        self._tell_of_jump(over, self.tour.counts_outside)

    def _restore(self, entry: EntryPoint, block: OpenBlock, frame: FrameType) -> None:
        began, self.entered = time.perf_counter(), entry
        Way._restore(self, entry, block, frame)
        self.loaded_s += time.perf_counter() - began

    def _tell_of_jump(self, entry: EntryPoint, counts: bool | None) -> None:
        startup_s, self.startup_s = self.startup_s, -1.0  # told once
        loaded_s, self.loaded_s = self.loaded_s, 0.0
        mark = Mark(counts=counts, entry=str(entry), startup_s=max(startup_s, 0.0), loaded_s=loaded_s)
        self.tell(mark)

    def _enter(
        self,
        visit: Visit,
        entry: EntryPoint,
        place: Place,
        block: OpenBlock,
        loop: Driven,
        frame: FrameType,
    ) -> Iterator[Any]:
        self.entered = entry
        way.refuse_if(loop.statement, entry)
        way.refuse_if_shared(entry, block, loop)
        first = place.reached
        if visit.iteration > first:
            yield from self._skipped(visit.iteration - first, block, entry, loop, first)
        self._restore(entry, block, frame)
        way.set_position(loop, visit.iteration, first)
        self.is_true = True

    def _check(self, here: EntryPoint, block: OpenBlock, frame: FrameType) -> None:
        """Compare the state with the one that the run kept here, if the program came here by itself."""
        if here.kind == "top" and here.iteration == 0:
            found, self.names = self.restorer.look(block, frame, here)
            self.differences += found
        elif self.is_true and self.restorer.is_readable(here):
            found = self.restorer.differences(here, block, frame)
        else:
            return
        mark = Mark(
            checked=str(here),
            differences=[str(each) for each in found],
            paths=[each.path for each in found],
            contents=[each.after for each in found],
            has_more=len(found) >= MOST,
            is_prefix=here.kind == "top" and here.iteration == 0,
        )
        self.tell(mark)


@dataclass(slots=True)
class Hindsight(Player):
    """A session that takes a program through a segment, and records all of it.

    Args:
        recording: what follows a fork, and ends with the process.
        brought: see `Observers`.
    """

    tell: Tell = lambda _: None
    stop: Callable[[], None] = lambda: None
    recording: Session | None = None
    brought: Brought = field(default_factory=dict)
    _observers: Observers = field(init=False)

    def __post_init__(self) -> None:
        Player.__post_init__(self)
        restorer = Restorer(self.kept, self.store, self.scope)
        self._way = Tourist(self.itinerary, restorer, self._arrive, tell=self.tell, stop=self.stop)
        self._observers = Observers(self.scope, self.tell, self.brought)

    @property
    def tour(self) -> Tour:
        """The segment."""
        return cast("Tour", self.itinerary)

    @property
    def tourist(self) -> Tourist:
        """Its way."""
        return cast("Tourist", self._way)

    @property
    def recorded(self) -> Project | None:
        return self.recording.recorded if self.recording else None

    def _begin(self) -> None:
        """At the first call of the run, which is not a probe's."""
        if self._observers.is_evaluating:
            return
        first = None if self._has_begun else self._start()
        if first and start.is_unlike(first.manifest, self._observers.drawn):
            self.tell(Mark(is_unlike_start=True))
        Player._begin(self)

    def arg(self, name: str, default: Any) -> Any:
        """The value that the run had; it is recorded again."""
        self._begin()
        return self.recording.arg(name, default) if self.recording else Player.arg(self, name, default)

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        """A loop; of outermost ones outside of blocks it is told where a second execution can end."""
        is_inside = bool(self._open) or isinstance(current.get(), Loop)
        items = Player.loop(self, name, iterable)
        is_told = not is_inside and threading.get_ident() == self.thread
        return self._telling_of(items) if is_told else items

    def _telling_of(self, items: Iterator[T]) -> Iterator[T]:
        for number, item in enumerate(items):
            if number < _MOST_TOLD:
                self.tell(Mark())
            yield item
            del item

    def close(self) -> None:
        """The program has come to its end."""
        self.tell(Mark(is_over=True))
        if self.recording:
            self.recording.close()

    def rest_is_skipped(self, line: int) -> bool:
        """Whether the rest of the main loop's iteration is left out.

        Its `for` may stand in a function that another main loop calls: there it is executed to its end.
        """
        tour, place = self.tourist, tracked.innermost(current.get() or self.root())
        is_nested = place is not None and place.role is not Role.MAIN
        if is_nested or not self.tour.is_rest_skipped():
            return False
        if self.tour.is_over_after_cut:
            self.stop()
        tour.is_true = False
        return True

    def probe(self, line: int) -> AbstractContextManager[None]:
        """Around the evaluation of a probe: what it changes is put back."""
        block = self._open[0] if self._open else None
        return self._or_refused(self._observers.watch(line, user_frame(), block))

    @contextmanager
    def _or_refused(self, watched: AbstractContextManager[None]) -> Iterator[None]:
        """What cannot be put back ends the process, whatever the program would catch."""
        with self._telling(), watched:
            yield
