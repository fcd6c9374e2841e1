"""The 40 bytes of one slot in a ring or journal; everything is little-endian.

    0       8      16       24     28     32     40
    | value | ts    | number | loop | code | seq   |   a scalar
    | length| ts    | number | loop | code | seq   |   head of a record whose payload follows in parts
    | 28 bytes of payload           | code | seq   |   a part; code holds the head's seq
    | parent, name | 0 | number | loop | code | seq   |   a loop begins

`loop` and `number` are the context of a record: the loop it stands in (0: the run level), and
the iteration, counting from 1. Where a loop begins, `value` holds the loop around it and the
name, `number` the iteration of the loop around it, and `code` its occurrence there.

`seq` stands last, and counts from 1: a slot torn by a kill has no valid seq, so it is never
taken for a record. `ts` is in nanoseconds.

The low 24 bits of `code` are the name (a part: the low 24 bits of the head's seq), above them
4 bits of kind, 3 bits of source, and one bit that marks a head.
"""

from struct import Struct

SIZE = 40
PART_BYTES = 28
NAME_LIMIT = 1 << 24

KIND_SHIFT = 24
SOURCE_SHIFT = 28
HEAD = 1 << 31

# Kinds above those of entities.Kind, for slots that are not values.
PART = 12
LOOP = 13  # source 1: an iteration's value is its index unless a row says otherwise; 0: it has none
NAME = 14
PENDING = 15  # a place kept for a record that stands, or will stand, in a frame of its own

FLOAT_SLOT = Struct("<dqqIIQ")
INT_SLOT = Struct("<qqqIIQ")
HEAD_SLOT = Struct("<QqqIIQ")
PART_SLOT = Struct("<28sIQ")
LOOP_SLOT = Struct("<IIqqIIQ")

INT_MIN = -(1 << 63)
INT_MAX = (1 << 63) - 1


def code(kind: int, source: int, name: int, head: bool = False) -> int:
    """The code of a slot."""
    return (HEAD if head else 0) | source << SOURCE_SHIFT | kind << KIND_SHIFT | name
