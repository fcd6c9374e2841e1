"""Simple values: they have no identity that matters, and marshal keeps each of them exactly."""

import marshal
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import is_
from types import EllipsisType, NoneType
from typing import Any, ClassVar

_SIMPLE = (NoneType, bool, int, float, complex, str, bytes, EllipsisType)
ATOMS = frozenset(map(id, _SIMPLE))
"""The ids of simple classes: asking a set of classes would call `__hash__` of a metaclass of the user's."""
_DEPTH = 20  # marshal's own limit is far deeper


def is_atom(value: Any, depth: int = _DEPTH) -> bool:
    """Whether the value is simple: one of ATOMS, or a tuple of simple values."""
    if type(value) is not tuple:
        return id(type(value)) in ATOMS
    if ATOMS.issuperset(map(id, map(type, value))):
        return True
    return depth > 0 and all(is_atom(item, depth - 1) for item in value)


def are_of_one_kind(values: Sequence[Any]) -> bool:
    """Whether all values are simple, of one class; answered at C speed, and at the first other one."""
    kind = type(values[0])
    return id(kind) in ATOMS and all(map(is_, map(type, values), repeat(kind)))


class Elsewhere:
    """Set where a program is executed in another place than it was: its paths are kept as they were there."""

    to_kept: ClassVar[Callable[[Any], Any] | None] = None
    to_live: ClassVar[Callable[[Any], Any] | None] = None


def dump(values: Any) -> bytes:
    """The values as bytes; equal values give equal bytes, as version 2 has no references between objects."""
    if Elsewhere.to_kept is not None:
        values = Elsewhere.to_kept(values)
    return marshal.dumps(values, 2)


def load(data: bytes | memoryview) -> Any:
    """The inverse of `dump`."""
    values = marshal.loads(data)  # noqa: S302 - from packs that this store wrote
    return values if Elsewhere.to_live is None else Elsewhere.to_live(values)
