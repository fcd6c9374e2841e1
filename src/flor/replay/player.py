"""Enters a program at a past moment: executes the way there, restores, and lets it go on."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from flor.checkpoints import start
from flor.checkpoints.compare import Difference
from flor.checkpoints.drawing import Draw, how_drawn
from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.places import Blocks, Place, Role
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore, Kept
from flor.errors import ReentryRefused
from flor.project import Project
from flor.record import loops, tracked
from flor.record.arguments import as_type_of
from flor.record.context import Loop, Node, Root, current, iterations_around
from flor.record.keeper import Keeper, OpenBlock
from flor.record.session import NO_DEFAULT, Session
from flor.replay import headers
from flor.replay.binding import Names, user_frame
from flor.replay.reentry import Itinerary
from flor.replay.restoring import Restorer
from flor.replay.way import UNANNOUNCED, Driven, Statement, Way

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a program stands that has arrived: what a `Keeper` goes on with (see `Keeper.adopt`)."""

    blocks: Blocks
    opened: list[OpenBlock]  # the player's own list: a block that closes leaves it
    position: int  # of the next checkpoint: how many the process had kept when it stood here


@dataclass(slots=True)
class Player:
    """A session that takes a program to an entry point of a run; from there on it logs to `sink`.

    Args:
        kept: the checkpoints of the process that is entered again, by entry point.
        arguments: the run's inputs as they were recorded.
        sink: takes what is logged from the target on.
        on_arrival: told when the target is reached; the session it returns, if any, is `flor` from there on.
        on_refusal: told why the target cannot be reached, before that is raised.
        keeper: once it is set, on arrival, it takes the entry points that the program reaches.
    """

    itinerary: Itinerary
    kept: Mapping[EntryPoint, Kept]
    store: CheckpointStore
    scope: Scope
    arguments: Mapping[str, Any]
    sink: Callable[[Node, str, Any], None]
    on_arrival: Callable[[], Session | None] = lambda: None
    on_refusal: Callable[[Exception], None] = lambda _: None
    then: Session | None = None
    has_arrived: bool = False
    keeper: Keeper | None = None
    thread: int = field(default_factory=threading.get_ident)  # whose loops are entry points
    _blocks: Blocks = field(default_factory=Blocks)
    _open: list[OpenBlock] = field(default_factory=list)
    _has_begun: bool = False
    _statements: dict[int, Statement] = field(default_factory=dict)  # the newest `for` of each frame
    _is_jumpable: bool = False  # the block that is opened next
    _to_check: Names | None = None  # given to the frame, which must have them by now
    _way: Way = field(init=False)
    _root: Root = field(init=False)

    def __post_init__(self) -> None:
        self._root = Root(self._write)
        self._way = Way(self.itinerary, Restorer(self.kept, self.store, self.scope), self._arrive)

    @property
    def prefix_differences(self) -> list[Difference]:
        """What came out otherwise on the way, and was put back."""
        return self._way.differences

    # -- what flor.* means -------------------------------------------------

    @property
    def recorded(self) -> Project | None:
        return self.then.recorded if self.then else None

    @property
    def run_level(self) -> Root:
        """Where the stacks of the program end."""
        return self._root

    def root(self) -> Root:
        self._begin()
        if self.then:
            return self.then.root()
        current.set(self._root)
        return self._root

    def arg(self, name: str, default: Any) -> Any:
        self._begin()
        if self.then:
            return self.then.arg(name, default)
        if name in self.arguments:
            return as_type_of(default, self.arguments[name])
        if default is NO_DEFAULT:
            raise ReentryRefused(f"The run has no argument {name!r}.")
        return default

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        self._begin()
        if self.then:
            return self.then.loop(name, iterable)
        node = current.get() or self.root()
        if not self._open:
            return loops.iterate(name, iterable, node)
        if self.keeper:
            return tracked.iterate(name, iterable, node, self.keeper)
        with self._telling():
            self._way.refuse_if_caught()
        return headers.iterate(self, name, iterable, node, self._statement())

    def iteration(self, name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
        self._begin()
        if self.then:
            return self.then.iteration(name, index, value)
        return loops.driven(name, index, value, current.get() or self.root())

    def checkpointing(self, objects: dict[str, Any]) -> AbstractContextManager[None]:
        self._begin()
        if self.then:
            return self.then.checkpointing(objects)
        is_jumpable, self._is_jumpable = self._is_jumpable, False
        return self._checkpointing(objects, user_frame().f_lasti if is_jumpable else None)

    @contextmanager
    def _checkpointing(self, objects: Mapping[str, Any], began: int | None) -> Iterator[None]:
        node = current.get() or self.root()
        opened = OpenBlock(self._blocks.open(), objects, iterations_around(node))
        if began is not None:
            self._way.began[opened.place.number] = began
        self._open.append(opened)
        has_raised = True
        try:
            yield
            has_raised = False
        finally:
            self._close_block(opened, sys._getframe(2), has_raised)

    def _close_block(self, opened: OpenBlock, frame: FrameType, has_raised: bool) -> None:
        if self.keeper and not has_raised:
            self.keeper.close_block(opened, frame)
        self._open.remove(opened)
        if self.keeper:
            self.keeper.termination.follow(is_open=bool(self._open))

    def adoptable(self) -> Standing:
        """What a `Keeper` goes on with from the target on. The running loops tell `keeper` of their headers.

        Call it when the player has arrived, and set `keeper` to the one that has adopted this.
        """
        target = self.kept.get(self.itinerary.target)
        for block in self._open:
            block.has_top = target is not None
        return Standing(self._blocks, self._open, target.manifest.position + 1 if target else 0)

    def commit(self) -> None:
        self._begin()
        if self.then:
            return self.then.commit()
        raise ReentryRefused("flor.commit() ends a run; such a process cannot be entered again yet.")

    def close(self) -> None:
        if self.then:
            self.then.close()
        elif not self.has_arrived:
            # What ends it before its first block stands in the way of every entry point.
            at = "" if self._blocks.begun else str(start.ENTRY)
            where = "to its first flor.checkpointing block" if at else "there"
            self.on_refusal(ReentryRefused(f"The program ended before it came {where}.", at=at))

    # -- what the rewritten program asks -----------------------------------

    def expect_block(self) -> None:
        self._is_jumpable = True

    def land(self) -> None:
        with self._telling():
            self._way.land(user_frame())

    def was_left_by(self, number: int) -> bool:
        return number == self._way.left_by

    def replace(self, line: int) -> bool:
        if self.has_arrived:
            return False
        frame = user_frame()
        self._statements[id(frame)] = Statement()
        place = self._around(frame)
        if place is None or place.role is not Role.MAIN:
            return False
        with self._telling():
            self._way.refuse_if_caught()
            jump = self._way.replace(place, self._open[0], frame)
        if jump is None:
            return False
        Loop(current.get() or self.root(), str(self.kept[jump].manifest.facts["name"]))  # it counts as one
        self._open[0].place.loop_begins(place)
        return True

    def goes_through(self, function: Any) -> None:
        statement = self._statements.get(id(user_frame()), Statement())
        is_known = function in (zip, enumerate) or str(getattr(function, "__module__", "")).startswith("tqdm")
        statement.is_zip = function is zip
        if not is_known:
            statement.problem = f"its items are drawn by {getattr(function, '__name__', 'something')}"

    def goes_beside(self, argument: Any) -> None:
        statement = self._statements.get(id(user_frame()), Statement())
        if statement.is_zip and how_drawn(argument) is Draw.STATES:
            statement.problem = f"`zip` draws from a {type(argument).__name__} as well"

    def ended_normally(self) -> bool:
        return self._way.how == tracked.EXHAUSTED

    def is_skipping(self, line: int) -> bool:
        return self._way.is_skipping

    def is_over(self, line: int) -> bool:
        is_over, self._way.is_ending = self._way.is_ending, False
        return is_over

    def names(self) -> Names | None:
        names = self._way.names
        return names if names is not None and names.frame == id(user_frame()) else None

    def names_are_done(self) -> None:
        self._to_check, self._way.names = self._way.names, None

    def rest_is_skipped(self, line: int) -> bool:
        return False

    def probe(self, line: int) -> AbstractContextManager[None]:
        return nullcontext()

    def check_names(self) -> None:
        names, self._to_check = self._to_check, None
        wrong = names.unbound_in(user_frame()) if names else ()
        if wrong:
            with self._telling():
                raise ReentryRefused(f"The name {wrong[0]} could not be bound again.")

    # -- the way -----------------------------------------------------------

    def loop_begins(self, around: Place | None) -> Place | None:
        """A loop begins in a block; its place."""
        block = self._open[0]
        inside = around if around is not None and around.block is block.place else None
        place = block.place.loop_begins(inside)
        if place.role is Role.MAIN:
            block.reference = block.draws = None
        return place

    def _begin(self) -> None:
        """At the first call the random state is what it was at that of the run."""
        if self._has_begun:
            return
        self._has_begun = True
        with self._telling():
            first = self._start()
            if first is not None:
                start.put_back(first.manifest, self.store.content)
            if self.itinerary.target == start.ENTRY:
                self._arrive()

    def _start(self) -> Kept | None:
        """The random state with which the run began."""
        known = next(iter(self.kept.values()), None)
        if known is None or start.ENTRY in self.kept:
            return self.kept.get(start.ENTRY)
        return self.store.start(known.manifest.run, known.manifest.rank, known.manifest.process)

    def _statement(self) -> Statement:
        """The statement that drives the loop which is made now."""
        statement = self._statements.get(id(user_frame()))
        if statement is None or statement.is_taken:
            return UNANNOUNCED
        statement.is_taken = True
        return statement

    def _around(self, frame: FrameType) -> Place | None:
        """On the way, the innermost loop of the block that this frame is executed in."""
        if self.has_arrived or not self._open or not tracked.is_watched(frame, self.thread):
            return None
        place = tracked.innermost(current.get() or self.root())
        return place if place is not None and place.block is self._open[0].place else None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.on_refusal(error)
            raise

    def _write(self, node: Node, name: str, value: Any) -> None:
        if self.has_arrived:
            self.sink(node, name, value)

    def header(self, place: Place, loop: Driven, frame: FrameType) -> Iterator[Any]:
        """On the way, at the header of a loop: the items that are only counted."""
        with self._telling():
            yield from self._way.header(place, self._open[0], loop, frame)

    def ended(self, place: Place, frame: FrameType, facts: Mapping[str, Any], how: str) -> None:
        """A loop that was executed is over: on the way that may be the target."""
        if self.keeper:
            tracked.ended(self.keeper, place, frame, facts, how)
        elif self._open:
            is_left = tracked.is_left(frame, how)
            with self._telling():
                self._way.executed(place.ended(is_left), self._open[0], frame)

    def _arrive(self) -> None:
        if not self.has_arrived:
            self.has_arrived = True
            self._statements.clear()
            self.then = self.on_arrival()


def by_entry(kept: Iterable[Kept]) -> dict[EntryPoint, Kept]:
    """Checkpoints by their entry points."""
    return {parse(one.manifest.entry): one for one in kept}


def kept_of(store: CheckpointStore, run: str, rank: int = 0, process: int = 0) -> dict[EntryPoint, Kept]:
    """What one process of a run kept, the random state with which it began included."""
    first = store.start(run, rank, process)
    own = (one for one in store.kept(run) if (one.manifest.rank, one.manifest.process) == (rank, process))
    return by_entry([*([first] if first else ()), *own])
