"""Fills a set so that it iterates in a given order, where that can be done.

A set iterates over the slots of its hash table. Those follow from the size of the table and, where two
elements want one slot, from who came first (CPython: Objects/setobject.c, unchanged from 3.11 to 3.13).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, permutations
from typing import Any, NamedTuple

_LINEAR_PROBES = 9
_PERTURB_SHIFT = 5
_UNSIGNED = (1 << 64) - 1
_FEW = 6
_PATH = 60  # slots looked at for one element
_STEPS = 20


def fill(thing: Any, wanted: Sequence[Any]) -> bool:
    """Fill the set; whether it then iterates as wanted."""
    order = list(map(id, wanted))
    for insert in _ways(wanted):
        set.clear(thing)
        insert(thing)
        if list(map(id, set.__iter__(thing))) == order:
            return True
    set.clear(thing)
    set.update(thing, wanted)
    return False


def _ways(wanted: Sequence[Any]) -> Iterator[Callable[[Any], None]]:
    """Ways to fill a set, the simplest first."""
    yield lambda thing: set.update(thing, wanted)
    if len(wanted) <= _FEW:
        for some in permutations(wanted):
            yield lambda thing, some=some: set.update(thing, some)  # type: ignore[misc]
        return
    hashes = list(map(hash, wanted))
    size = 8
    while size <= 16 * len(wanted):
        order = _insertion_order(hashes, size - 1) if size > len(wanted) else None
        if order is not None:
            home = [wanted[place] for place in order.at_home]
            rest = [wanted[place] for place in order.displaced]
            # One element at a time the table grows fourfold; a set given as a whole makes it grow at once.
            yield lambda thing, home=home, rest=rest: set.update(thing, home, rest)  # type: ignore[misc]
            yield lambda thing, home=home, rest=rest: set.update(thing, set(home), rest)  # type: ignore[misc]
        size *= 2


class _Order(NamedTuple):
    """In which order to insert elements, by place: those that get the slot of their hash, then the others."""

    at_home: list[int]
    displaced: list[int]


def _insertion_order(hashes: Sequence[int], mask: int) -> _Order | None:
    """An order that puts the elements into a table of this size as they stand; None if none was found."""
    slots = _slots(hashes, mask)
    if slots is None:
        return None
    owners = {slot: place for place, slot in enumerate(slots)}
    at_home = [place for place, slot in enumerate(slots) if slot == hashes[place] & mask]
    done, waiting = set(at_home), sorted(set(range(len(slots))) - set(at_home))
    displaced: list[int] = []
    while waiting:
        ready = [place for place in waiting if _is_pushed_on(hashes[place], mask, slots[place], owners, done)]
        if not ready:
            return None
        displaced += ready
        done.update(ready)
        waiting = [place for place in waiting if place not in done]
    return _Order(at_home, displaced)


def _slots(hashes: Sequence[int], mask: int) -> list[int] | None:
    """Slots that rise, each on the path of its element; found by trying, as some go anywhere."""
    found: list[int] = []
    owners: set[int] = set()
    tries = [_candidates(hashes[0], mask, -1, owners)]
    for _ in range(_STEPS * len(hashes)):
        slot = next(tries[-1], None)
        if slot is not None:
            found.append(slot)
            owners.add(slot)
            if len(found) == len(hashes):
                return found
            tries.append(_candidates(hashes[len(found)], mask, slot, owners))
            continue
        tries.pop()
        if not tries:
            return None
        owners.discard(found.pop())
    return None


def _candidates(hashed: int, mask: int, last: int, owners: set[int]) -> Iterator[int]:
    """The slots after the last that an element can have got, if every one before it on its path was taken."""
    highest = mask
    for slot in islice(_path(hashed, mask), _PATH):
        if last < slot <= highest:
            yield slot
            highest = (
                slot - 1
            )  # whatever comes later, this slot would stay free: a higher one is never reached
        elif slot <= last and slot not in owners:
            return


def _is_pushed_on(hashed: int, mask: int, slot: int, owners: dict[int, int], done: set[int]) -> bool:
    """Whether an element gets this slot: every one before it on its path is taken."""
    for each in islice(_path(hashed, mask), _PATH):
        if each == slot:
            return True
        if owners.get(each) not in done:
            return False
    return False


def _path(hashed: int, mask: int) -> Iterator[int]:
    """The slots that an element tries, in turn."""
    perturb, start = hashed & _UNSIGNED, hashed & mask
    while True:
        yield from range(start, start + 1 + (_LINEAR_PROBES if start + _LINEAR_PROBES <= mask else 0))
        perturb >>= _PERTURB_SHIFT
        start = (start * 5 + 1 + perturb) & mask
