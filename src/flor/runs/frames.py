"""Frames of a journal: `magic (4) | length (u32) | xxh3_64 of the payload (u64) | payload`."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

import msgspec
import xxhash

HEADER = b"FLRh"  # msgpack map: who writes here (first frame of a journal)
SLOTS = b"FLRs"  # slots as they stood in the ring
BIG = b"FLRb"  # one head slot, then a payload too big for the ring
META = b"FLRm"  # msgpack map: later facts; a later one wins
_MAGICS = {HEADER, SLOTS, BIG, META}

PREFIX = Struct("<4sIQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame, its hash checked."""

    magic: bytes
    payload: memoryview

    def facts(self) -> dict[str, Any]:
        """The map of a HEADER or META frame."""
        facts: dict[str, Any] = msgspec.msgpack.decode(self.payload)
        return facts


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no whole frame: a torn tail, or damage in the middle."""

    offset: int
    size_bytes: int


def pack(magic: bytes, payload: bytes | bytearray | memoryview) -> bytes:
    """One frame."""
    return PREFIX.pack(magic, len(payload), xxhash.xxh3_64_intdigest(payload)) + payload


def pack_facts(magic: bytes, facts: dict[str, Any]) -> bytes:
    """A HEADER or META frame."""
    return pack(magic, msgspec.msgpack.encode(facts))


def parse(content: bytes) -> Iterator[Frame | Damage]:
    """The frames of a journal, in order; what is between whole frames comes as Damage.

    After damage the next offset at which a whole frame stands is searched, so that one
    flipped bit costs one frame.
    """
    view, offset = memoryview(content), 0
    while offset < len(content):
        frame = _frame_at(view, offset)
        if frame:
            yield frame
            offset += PREFIX.size + len(frame.payload)
        else:
            found = _next_whole_frame(content, view, offset + 1)
            yield Damage(offset, found - offset)
            offset = found


def _frame_at(view: memoryview, offset: int) -> Frame | None:
    if len(view) - offset < PREFIX.size:
        return None
    magic, length, digest = PREFIX.unpack_from(view, offset)
    start = offset + PREFIX.size
    if magic not in _MAGICS or start + length > len(view):
        return None
    payload = view[start : start + length]
    return Frame(magic, payload) if xxhash.xxh3_64_intdigest(payload) == digest else None


def _next_whole_frame(content: bytes, view: memoryview, start: int) -> int:
    offset = content.find(b"FLR", start)
    while offset >= 0:
        if _frame_at(view, offset):
            return offset
        offset = content.find(b"FLR", offset + 1)
    return len(content)
