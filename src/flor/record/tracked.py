"""Loops inside a `checkpointing` block: iterated like any other, and watched for entry points."""

import inspect
import linecache
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flor.checkpoints.drawing import Draw, how_drawn
from flor.checkpoints.places import Place, Role
from flor.record import loops
from flor.record.context import MISSING, UNDECLARED, Loop, Node, current, following, leave

if TYPE_CHECKING:
    from flor.record.keeper import Keeper

T = TypeVar("T")
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
EXHAUSTED = "exhausted"


def iterate(name: str, iterable: Iterable[T], parent: Node, keeper: "Keeper") -> Iterator[T]:
    """Iterate with one context for each item; each header, and the end, may be an entry point.

    The header comes before the item is drawn: what the iterator draws of randomness belongs to
    the iteration. Nothing here holds on to an item, or to the generator itself, whose end tells
    how the loop was left.
    """
    place = place_of(parent, keeper, sys._getframe(1))
    if place is None:
        yield from loops.iterate(name, iterable, parent)
        return
    around = Loop(parent, name)
    around.place = place
    number, how, is_main, clock = 0, "", place.role is Role.MAIN, time.perf_counter
    batch: type = tuple
    facts: Mapping[str, Any] = {}
    try:
        shown = loops.with_progress(name, iterable, parent)
        iterator = keeper.drawing(place, iterable, iter(shown), is_bare=shown is iterable)
        while True:
            due_at_s = keeper.step_at_s if not is_main else keeper.top_at_s if number else 0.0
            if clock() < due_at_s and not keeper.termination.is_asked:
                place.reached += 1
                if is_main:
                    keeper.top_passed(place)
            else:
                source = iterator if shown is iterable else None
                facts = facts or header_facts(name, place, iterable, source)
                _reach_header(keeper, place, sys._getframe(1), facts)
            try:
                item = next(iterator)
            except StopIteration:
                how = EXHAUSTED
                return
            number += 1
            around = following(around) if around.successor else around
            if type(item) is batch:  # as in `loops.iterate`
                node = Node()
                node.loop, node.number, node.value = around, number, MISSING
                node.ctx = UNDECLARED if around.is_index else around.id
                node.write = around.parent.write
                node.occurrences = node.driven = None
                current.set(node)
            elif loops.enter(around, number, item) is MISSING:
                batch = loops.kind_of_batch(item)
            yield item
            del item
    finally:
        leave(around)
        ended(keeper, place, sys._getframe(1), {"name": name, "iterations": number}, how)


def _reach_header(keeper: "Keeper", place: Place, frame: FrameType, facts: Mapping[str, Any]) -> None:
    entry = place.header()
    if place.role is not Role.DEEP and facts.get("drawn") != Draw.STATES.value:
        keeper.reach(entry, frame, facts)


def header_facts(name: str, place: Place, iterable: Any, iterator: Any) -> Mapping[str, Any]:
    """What is said of a loop at its headers; of one inside another also how its items are drawn."""
    if place.role is not Role.NESTED:
        return {"name": name}
    return {"name": name, "drawn": how_drawn(iterable, iterator).value}


def ended(keeper: "Keeper", place: Place, frame: FrameType, facts: Mapping[str, Any], how: str) -> None:
    """A loop of this frame is over; `how` is "" where it was left before its items had run out."""
    if place.role is not Role.MAIN and keeper.end_passed(place):
        return
    facts = {**facts, **_leaving(frame, how)}
    keeper.reach(place.ended(_leaves_frame(facts["how"])), frame, facts)


def is_left(frame: FrameType, how: str) -> bool:
    """Whether a loop of this frame is left by return or exception."""
    return _leaves_frame(_leaving(frame, how)["how"])


def _leaves_frame(how: str) -> bool:
    return how not in (EXHAUSTED, "break")


class Counting(Protocol):
    """What counts the loops of a thread."""

    @property
    def thread(self) -> int:
        """Whose loops are counted."""

    def loop_begins(self, around: Place | None) -> Place | None:
        """A loop begins; its place if it runs in a block."""


def place_of(parent: Node, counting: Counting, frame: FrameType) -> Place | None:
    """Where the loop stands among the entry points; None in a thread, generator or coroutine."""
    return counting.loop_begins(innermost(parent)) if is_watched(frame, counting.thread) else None


def is_watched(frame: FrameType, thread: int) -> bool:
    """Whether loops of this frame can have entry points."""
    return threading.get_ident() == thread and not frame.f_code.co_flags & _SUSPENDABLE


def innermost(node: Node) -> Place | None:
    """The place of the innermost loop around that has one."""
    loop = node.loop
    while loop is not None and loop.place is None:
        loop = loop.parent.loop
    return loop.place if loop is not None else None


def _leaving(frame: FrameType, how: str) -> dict[str, Any]:
    """How a loop was left, and by which line. Break, return and raise all close the generator.

    They are told apart by the statement at which the frame stands: one that raised stands at no
    `break` and no `return`.
    """
    if how:
        return {"how": how, "line": frame.f_lineno}
    position = _position(frame)
    if position is None:
        return {"how": "raise", "line": frame.f_lineno}
    line, column = position
    text = linecache.getline(frame.f_code.co_filename, line).encode()[column:]
    word = next((word for word in ("break", "return", "continue") if text.startswith(word.encode())), "raise")
    return {"how": word, "line": line}


def _position(frame: FrameType) -> tuple[int, int] | None:
    """Line and column (in bytes) of the instruction that the frame executes."""
    positions = list(frame.f_code.co_positions())
    index = frame.f_lasti // 2
    if not 0 <= index < len(positions):
        return None
    line, _, column, _ = positions[index]
    return None if line is None or column is None else (line, column)
