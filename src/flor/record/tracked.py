"""Loops inside a `checkpointing` block: iterated like any other, and watched for entry points."""

import inspect
import linecache
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, TypeVar

from flor.checkpoints.places import Place
from flor.record import loops
from flor.record.context import Loop, Node, chain, current, following, leave
from flor.record.keeper import Keeper

T = TypeVar("T")
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
EXHAUSTED = "exhausted"


def iterate(name: str, iterable: Iterable[T], parent: Node, keeper: Keeper) -> Iterator[T]:
    """Iterate with one context for each item; each header, and the end, may be an entry point.

    The header comes before the item is drawn: what the iterator draws of randomness belongs to
    the iteration. Nothing here holds on to an item, or to the generator itself, whose end tells
    how the loop was left.
    """
    place = _place(parent, keeper, sys._getframe(1))
    if place is None:
        yield from loops.iterate(name, iterable, parent)
        return
    around = Loop(parent, name)
    around.place = place
    number, how = 0, ""
    try:
        iterator = iter(loops.with_progress(name, iterable, parent))
        while True:
            keeper.reach(place.header(), sys._getframe(1), {"name": name})
            try:
                item = next(iterator)
            except StopIteration:
                how = EXHAUSTED
                return
            number += 1
            around = following(around) if around.successor else around
            current.set(Node(around, number, loops.simple(item)))
            yield item
            del item
    finally:
        leave(around)
        ended(keeper, place, sys._getframe(1), {"name": name, "iterations": number}, how)


def ended(keeper: Keeper, place: Place, frame: FrameType, facts: Mapping[str, Any], how: str) -> None:
    """A loop of this frame is over; `how` is "" where it was left before its items had run out."""
    facts = {**facts, **_leaving(frame, how)}
    is_left = facts["how"] not in (EXHAUSTED, "break")
    keeper.reach(place.ended(is_left), frame, facts)


def _place(parent: Node, keeper: Keeper, frame: FrameType) -> Place | None:
    """Where the loop stands among the entry points; None in a thread, generator or coroutine."""
    if threading.get_ident() != keeper.thread or frame.f_code.co_flags & _SUSPENDABLE:
        return None
    around = (link.loop.place for link in reversed(chain(parent)) if link.loop and link.loop.place)
    return keeper.loop_begins(next(around, None))


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
