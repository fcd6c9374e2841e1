"""Which element `set.pop` takes next: a set remembers where it took the last one, and shows it nowhere.

CPython: `finger` in Objects/setobject.c, unchanged from 3.7 to 3.13. Where the layout is another one, nothing
is read and nothing is set.
"""

import ctypes
from functools import cache
from typing import Any


class _Set(ctypes.Structure):
    _fields_ = (
        ("refcount", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("fill", ctypes.c_ssize_t),
        ("used", ctypes.c_ssize_t),
        ("mask", ctypes.c_ssize_t),
        ("table", ctypes.c_void_p),
        ("hash", ctypes.c_ssize_t),
        ("finger", ctypes.c_ssize_t),
    )


class _Entry(ctypes.Structure):
    _fields_ = (("key", ctypes.c_void_p), ("hash", ctypes.c_ssize_t))


_GONE = -1
"""The hash of a slot whose element was taken out."""


def next_popped(thing: set[Any]) -> int:
    """The place, in the order of iteration, of the element that `pop` would take."""
    if not _is_known():
        return 0
    inside = _Set.from_address(id(thing))
    if not inside.finger or not inside.used:
        return 0
    filled = _filled(inside)
    later = [place for place, slot in enumerate(filled) if slot >= inside.finger & inside.mask]
    return later[0] if later else 0


def set_next_popped(thing: set[Any], place: int) -> bool:
    """Let `pop` take the element at this place next; whether it will."""
    if not _is_known():
        return place == 0
    inside = _Set.from_address(id(thing))
    inside.finger = _filled(inside)[place] if place else 0
    return next_popped(thing) == place


def _filled(inside: _Set) -> list[int]:
    """The slots that have an element, in their order."""
    slots = (_Entry * (inside.mask + 1)).from_address(inside.table or 0)
    return [slot for slot, entry in enumerate(slots) if entry.key and entry.hash != _GONE]


@cache
def _is_known() -> bool:
    """Whether sets lie in memory as they are described here."""
    probe = set(range(6))
    probe.discard(1)
    inside = _Set.from_address(id(probe))
    if (inside.type, inside.fill, inside.used) != (id(set), 6, 5) or inside.finger:
        return False
    if not 0 < inside.mask < 1024 or inside.mask & (inside.mask + 1):
        return False
    first = next(iter(probe))
    probe.pop()
    return inside.finger > 0 and first not in probe
