"""The loops of a program on its way to a past moment: iterated as when it was recorded, or skipped."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flor.record import loops, tracked
from flor.record.context import Loop, Node, leave
from flor.replay.way import Driven, Statement

if TYPE_CHECKING:
    from flor.replay.player import Player


def iterate(
    player: "Player", name: str, iterable: Iterable[Any], parent: Node, statement: Statement
) -> Iterator[Any]:
    """Iterate; before the target, headers are asked which items are only counted."""
    place = tracked.place_of(parent, player, sys._getframe(1))
    if place is None:
        yield from loops.iterate(name, iterable, parent)
        return
    around = Loop(parent, name)
    around.place = place
    number, how = 0, ""
    loop = Driven(statement, iterable, iter(iterable))
    try:
        facts = tracked.header_facts(name, place, iterable, loop.iterator)
        while True:
            entry = place.header()
            if player.keeper:
                player.keeper.reach(entry, sys._getframe(1), facts)
            elif not player.has_arrived:
                for item in player.header(place, loop, sys._getframe(1)):
                    number += 1
                    loops.enter(around, number, item)
                    yield item
                    place.header()
                if loop.is_over:
                    yield None  # the rewritten loop ends as it was recorded to end
                    return
            try:
                item = next(loop.iterator)
            except StopIteration:
                how = tracked.EXHAUSTED
                return
            number += 1
            loops.enter(around, number, item)
            yield item
            del item
    finally:
        leave(around)
        if loop.is_over:
            place.ended(is_left=True)
        else:
            player.ended(place, sys._getframe(1), {"name": name, "iterations": number}, how)
