"""The way of a running program to an entry point: where it skips, jumps, restores, and when it is there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from types import FrameType
from typing import Any

from flor.checkpoints import draws, randomness
from flor.checkpoints.compare import Difference
from flor.checkpoints.drawing import Draw, how_drawn
from flor.checkpoints.draws import Drawn
from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.leaving import NORMALLY
from flor.checkpoints.places import Place, Role
from flor.errors import ReentryRefused
from flor.record.drawing import Draws, Watched
from flor.record.keeper import OpenBlock
from flor.replay.binding import Names
from flor.replay.reentry import Itinerary
from flor.replay.restoring import Restorer
from flor.replay.runtime import BlockIsOver


@dataclass(slots=True)
class Statement:
    """The `for` statement of a loop, as the rewritten program announces it."""

    problem: str = ""  # why its iterations cannot be skipped
    is_zip: bool = False
    is_taken: bool = False  # its loop is made


@dataclass(slots=True)
class Driven:
    """A loop that is executed, and what it draws from."""

    statement: Statement
    iterable: Any
    iterator: Iterator[Any]
    is_over: bool = False  # its end was restored

    @property
    def how(self) -> Draw:
        """How its items are drawn."""
        return how_drawn(self.iterable, self.iterator)


@dataclass(slots=True)
class Way:
    """Takes a program to the target of an itinerary.

    Args:
        arrive: called when the program is there.
    """

    itinerary: Itinerary
    restorer: Restorer
    arrive: Callable[[], None]
    began: dict[int, int] = field(default_factory=dict)  # where blocks that can be jumped over were opened
    differences: list[Difference] = field(default_factory=list)  # what the way made otherwise
    names: Names | None = None  # that the frame which goes on has to bind
    is_skipping: bool = False
    is_ending: bool = False  # the item that was yielded stands for the end of a loop
    how: str = ""  # the loop that is over was left
    left_by: int = NORMALLY  # the statement by which the block that is over was left
    _jump: tuple[EntryPoint, OpenBlock, int] | None = None  # a block that is being jumped over

    def header(self, place: Place, block: OpenBlock, loop: Driven, frame: FrameType) -> Iterator[Any]:
        """At a header on the way: yields the items that are only counted; then restores what has to be.

        Raises:
            BlockIsOver: the block's end is kept, and comes before the target.
            ReentryRefused: the target cannot be reached.
        """
        if place.role is Role.MAIN:
            if place.reached == 0:
                yield from self._main_begins(place, block, loop, frame)
            if not loop.is_over:
                self._arrive_at(EntryPoint("top", block.place.number, place.loop, place.reached))
        elif place.role is Role.NESTED and place.reached == 0:
            yield from self._nested_begins(place, block, loop, frame)

    def replace(self, place: Place, block: OpenBlock, frame: FrameType) -> EntryPoint | None:
        """The state that takes the place of the nested loop that would begin now; it is restored."""
        jump = self.itinerary.nested_jump(block.place.number, place.loop, place.reached, place.nested_begun)
        if jump is not None:
            self._restore(jump, block, frame)
            self.how = str(self.restorer.facts(jump).get("how", ""))
        return jump

    def executed(self, entry: EntryPoint | None, block: OpenBlock, frame: FrameType) -> None:
        """The program has come to an entry point by executing everything before it."""
        if entry is not None and entry == self.itinerary.target:
            if entry in self.restorer.kept:
                self.restorer.verify(entry, block, frame, None)
            self.arrive()

    def land(self, frame: FrameType) -> None:
        """The block was jumped over, and every `finally` in it executed: restore its end."""
        if self._jump is None:
            raise ReentryRefused("A block was left that was not to be jumped over.")
        (entry, block, began), self._jump = self._jump, None
        self.names = self.restorer.restore(entry, block, frame, began)
        self.left_by = int(self.restorer.facts(entry).get("left_by", NORMALLY))
        self._arrive_at(entry)

    def refuse_if_caught(self) -> None:
        """Raise if the program has caught what was to jump over a block."""
        if self._jump is not None:
            raise ReentryRefused(f"The program caught the jump to {self._jump[0]} by a bare `except`.")

    # -- where loops begin

    def _main_begins(self, place: Place, block: OpenBlock, loop: Driven, frame: FrameType) -> Iterator[Any]:
        number = block.place.number
        found, self.names = self.restorer.look(block, frame, EntryPoint("top", number, place.loop, 0))
        self.differences += found
        self._jump_over(block)
        if self._ends(place, block, loop, frame):
            return
        first = self.itinerary.first_iteration(number, place.loop)
        if first:
            refuse_if(loop.statement, first)
            refuse_if_shared(first, block, loop)
            yield from self._skipped(first.iteration, block, first, loop)
            self._restore(first, block, frame)
            set_position(loop, first.iteration)
        self._watch(block, loop, first)

    def _jump_over(self, block: OpenBlock) -> None:
        """Leave a block whose end was kept."""
        jump, began = self.itinerary.block_jump(block.place.number), self.began.get(block.place.number)
        if jump is not None and began is not None:
            self._jump = (jump, block, began)
            raise BlockIsOver

    def _ends(self, place: Place, block: OpenBlock, loop: Driven, frame: FrameType) -> bool:
        """Whether the main loop is over already; its end is restored then."""
        jump = self.itinerary.loop_jump(block.place.number, place.loop)
        if jump is None or (loop.statement.problem and jump != self.itinerary.target):
            return False
        refuse_if(loop.statement, jump)
        self._restore(jump, block, frame)
        self.how = str(self.restorer.facts(jump).get("how", ""))
        loop.is_over = self.is_ending = True
        return True

    def _watch(self, block: OpenBlock, loop: Driven, first: EntryPoint | None) -> None:
        """From here on draws are noted again: whoever records from the target on needs all of them."""
        if loop.how is Draw.STATES:
            blobs = self.restorer.blobs(first, "draws") if first else {}
            block.draws = Draws.unlimited(self.restorer.scope, blobs or {})
            loop.iterator = Watched(loop.iterator, block.draws, lambda: block.reference)

    def _nested_begins(self, place: Place, block: OpenBlock, loop: Driven, frame: FrameType) -> Iterator[Any]:
        target, main = self.itinerary.target, block.place.main
        here = (block.place.number, place.loop, main.reached if main else -1, place.nested)
        if target.kind != "step" or here != (target.block, target.loop, target.iteration, target.nested):
            return
        refuse_if(loop.statement, target)
        if loop.how is Draw.STATES:
            raise _not_enterable(target, loop)
        yield from self._skipped(target.step, block, target, loop)
        self._restore(target, block, frame)
        set_position(loop, target.step)

    # -- items that are only counted

    def _skipped(
        self, count: int, block: OpenBlock, entry: EntryPoint, loop: Driven, first: int = 0
    ) -> Iterator[Any]:
        """So many items before an entry point: drawn as they were, and passed over by the program.

        Args:
            first: the number of the first of them.
        """
        if loop.how is Draw.POSITION:
            items: Iterator[Any] = iter([None] * count)
        elif loop.how is Draw.AGAIN:
            items = _drawn(count, entry, loop.iterator)
        else:
            items = self._drawn_as_recorded(count, block, entry, loop.iterator, first)
        self.is_skipping = True
        yield from items
        self.is_skipping = False

    def _drawn_as_recorded(
        self, count: int, block: OpenBlock, entry: EntryPoint, iterator: Iterator[Any], first: int
    ) -> Iterator[Any]:
        """Draw each item after putting back the random state it was drawn in; it must be the same again."""
        blobs = self.restorer.blobs(entry, "draws")
        if blobs is None or block.reference is None:
            raise ReentryRefused(f"{entry} stands in a loop over an iterator whose draws were not all kept.")
        generators = draws.generators_of(block.reference)
        recorded = list(draws.unpack(list(blobs.values())))[first:]
        nothing = (Drawn("", []), ())
        for (drawn, places), _ in zip_longest(recorded, range(count), fillvalue=nothing):
            for number, state in drawn.states:
                if places[number] not in generators:
                    raise ReentryRefused(f"{entry}: a random generator that a loop draws from is not there.")
                randomness.write(generators[places[number]], state)
            for item in _drawn(1, entry, iterator):
                if draws.item_hash(item, self.restorer.scope) != drawn.item:
                    raise ReentryRefused(f"{entry}: the loop on the way draws other items than in the run.")
                yield item

    def _restore(self, entry: EntryPoint, block: OpenBlock, frame: FrameType) -> None:
        self.names = self.restorer.restore(entry, block, frame)
        self._arrive_at(entry)

    def _arrive_at(self, entry: EntryPoint) -> None:
        if entry == self.itinerary.target:
            self.arrive()


UNANNOUNCED = Statement("no `for` statement of its own drives it")


def _drawn(count: int, entry: EntryPoint, iterator: Iterator[Any]) -> Iterator[Any]:
    for _ in range(count):
        try:
            item = next(iterator)
        except StopIteration:
            raise ReentryRefused(f"{entry}: the loop on the way ends earlier than in the run.") from None
        yield item
        del item


def refuse_if(statement: Statement, entry: EntryPoint) -> None:
    if statement.problem:
        raise ReentryRefused(f"{entry} stands in a loop that cannot be entered: {statement.problem}.")


def refuse_if_shared(entry: EntryPoint, block: OpenBlock, loop: Driven) -> None:
    """Raise if the loop draws from an iterator that the program has too, and that is restored."""
    reference = block.reference if loop.iterable is loop.iterator else None
    number = reference.number_of(loop.iterator) if reference else None
    if reference and number is not None and reference.graph.nodes[number].kind != "opaque":
        raise ReentryRefused(f"{entry} stands in a loop over an iterator that the program holds too.")


def _not_enterable(entry: EntryPoint, loop: Driven) -> ReentryRefused:
    return ReentryRefused(
        f"{entry} stands in a loop over {type(loop.iterable).__name__}: it cannot be drawn from again.",
        "Start from the beginning of the iteration around it.",
    )


def set_position(loop: Driven, position: int, now: int = 0) -> None:
    """Let a loop over a sequence go on at a position; `now` is how many items it has drawn."""
    if loop.how is Draw.POSITION:
        iterator: Any = loop.iterator
        iterator.__setstate__(position - now if type(iterator) in _RELATIVE else position)


def _moves_on(iterator: Any) -> bool:
    """Whether `__setstate__` counts from where it stands: that of a range does since Python 3.12."""
    next(iterator)
    iterator.__setstate__(1)
    return bool(next(iterator) == 2)


_RELATIVE = frozenset(type(iter(each)) for each in (range(9), range(1 << 99)) if _moves_on(iter(each)))
