"""The 32 bytes of one slot in a ring or journal.

    0       8      16     20     24      32
    | value | ts    | ctx  | code | seq   |      one scalar
    | length| ts    | ctx  | code | seq   |      head of a record whose payload follows in parts
    | 20 bytes of payload  | code | seq   |      a part; code holds the head's seq
    | parent, loop | number | ctx | code | seq   |  an iteration: its parent's ctx, its loop's name

`seq` stands last, and counts from 1: a slot torn by a kill has no valid seq, so it is
never taken for a record. `ts` is in nanoseconds; everything is little-endian.

The low 24 bits of `code` are the name (a part: the low 24 bits of the head's seq; an
iteration: the occurrence of its loop in the parent), above them 4 bits of kind, 3 bits of
source, and one bit that marks a head.
"""

from struct import Struct

SIZE = 32
PART_BYTES = 20
NAME_LIMIT = 1 << 24

KIND_SHIFT = 24
SOURCE_SHIFT = 28
HEAD = 1 << 31

# Kinds above those of entities.Kind, for slots that are not values.
PART = 12
ITERATION = 13
NAME = 14
PENDING = 15  # a value still on its way from a device; `value` is its ticket

FLOAT_SLOT = Struct("<dqIIQ")
INT_SLOT = Struct("<qqIIQ")
HEAD_SLOT = Struct("<QqIIQ")
PART_SLOT = Struct("<20sIQ")
ITERATION_SLOT = Struct("<IIqIIQ")

INT_MIN = -(1 << 63)
INT_MAX = (1 << 63) - 1


def code(kind: int, source: int, name: int, head: bool = False) -> int:
    """The code of a slot."""
    return (HEAD if head else 0) | source << SOURCE_SHIFT | kind << KIND_SHIFT | name


def parts_of(payload: bytes) -> int:
    """How many parts follow the head of a record with this payload."""
    return -(-len(payload) // PART_BYTES)
