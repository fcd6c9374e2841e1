"""From a call to the ring, and from the ring to the journal.

The caller pays for one slot (about 0.3 microseconds); a background thread does the rest.
Slots are taken from a counter, which is atomic, so that threads need no lock: a slot that
was taken but never filled (an exception came between) is a hole, skipped after a second.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from struct import Struct
from typing import Any

from flor.entities import Kind, Source
from flor.record.context import MISSING, UNDECLARED, Node
from flor.runs import frames, slots
from flor.runs.journal import JournalWriter
from flor.runs.ring import SLOT_COUNT, Ring
from flor.runs.values import KeepBlob, Payload, encode

FLUSH_INTERVAL_S = 0.25
BIG_BYTES = 64 << 10
"""Longer payloads go to the file at once."""
HOLE_AFTER_S = 1.0
_MASK = SLOT_COUNT - 1
_BLOCK = 4096
_SIMPLE = (str, int, float, bool)

Arrival = Callable[[], tuple[Kind, Payload] | None]
"""Asks for a value on its way from a device; None while it has not arrived."""


AfterWrite = Callable[[Node, str, Any, int, int], int]
"""Called with (node, name, value, ts, left_out); returns the ts before which no call is wanted,
and is told in `left_out` how many values were logged meanwhile."""


class Spool:
    """The records of one process, on their way to its journal.

    Args:
        ring, journal: where records are written, and where they are moved to.
        keep_blob: see `runs.values.encode`.
        on_fault: told of every exception inside FlorDB; training goes on.
        redirect: takes the records of a forked child, whose parent owns the ring.
        after_write: shows a value that was written.
    """

    def __init__(
        self,
        ring: Ring,
        journal: JournalWriter,
        keep_blob: KeepBlob,
        on_fault: Callable[[BaseException], None],
        redirect: Callable[[Node, str, Any], None],
        after_write: AfterWrite,
    ) -> None:
        self._ring, self._journal, self._keep_blob = ring, journal, keep_blob
        self._slots = count()
        self._drained = 0
        self._drain_lock = threading.RLock()
        self._name_lock = threading.RLock()
        self._context_lock = threading.RLock()
        self._contexts = count(1)
        self._names: dict[str, int] = {}
        self._float_codes: dict[str, int] = {}
        self._hole: tuple[int, float] = (-1, 0.0)
        self._arrivals: deque[tuple[bytes, Arrival]] = deque()
        self._is_detached = False
        self._set_limit: Callable[[int], None]
        self.left_out: Callable[[], int]
        self.write = self._make_write(on_fault, redirect, after_write)

    def _make_write(
        self,
        on_fault: Callable[[BaseException], None],
        redirect: Callable[[Node, str, Any], None],
        after_write: AfterWrite,
    ) -> Callable[[Node, str, Any], None]:
        """The hot path: everything it touches is a local of this closure."""
        limit = SLOT_COUNT
        quiet_until = left_out = 0
        buffer, take, clock = self._ring.buffer, self._slots.__next__, time.time_ns
        pack, codes, make_room = slots.FLOAT_SLOT.pack_into, self._float_codes, self._make_room

        def set_limit(new: int) -> None:
            nonlocal limit
            limit = new

        def write(node: Node, name: str, value: Any) -> None:
            nonlocal quiet_until, left_out
            try:
                ts = clock()
                if type(value) is float and name in codes:
                    ctx = node.ctx
                    if ctx < 0:
                        ctx = self.declare(node)
                    slot = take()
                    if slot >= limit and not make_room(slot):
                        return redirect(node, name, value)
                    pack(buffer, (slot & _MASK) << 5, value, ts, ctx, codes[name], slot + 1)
                elif not self.record(node, name, value, Source.LOG, ts):
                    return redirect(node, name, value)
                if ts < quiet_until:
                    left_out += 1
                else:
                    quiet_until = after_write(node, name, value, ts, left_out)
                    left_out = 0
            except Exception as fault:  # noqa: BLE001  (observing must not break training)
                on_fault(fault)

        self._set_limit = set_limit
        self.left_out = lambda: left_out
        return write

    # -- writing -----------------------------------------------------------

    def record(self, node: Node, name: str | None, value: Any, source: Source, ts: int) -> bool:
        """Write any value; False in a forked child, where nothing was written."""
        if self._is_detached:
            return False
        kind, payload = encode(value, self._keep_blob)
        ctx = node.ctx if node.ctx >= 0 else self.declare(node)
        self._put(slots.code(kind, source, self._name_id(name)), ctx, ts, payload)
        return True

    def defer(self, node: Node, name: str, arrival: Arrival, ts: int) -> None:
        """Keep a place for a value on its way from a device; it counts from when it arrives."""
        ctx = node.ctx if node.ctx >= 0 else self.declare(node)
        name_id = self._name_id(name)
        seq = self._put_slot(slots.INT_SLOT, 0, ts, ctx, slots.code(slots.PENDING, Source.LOG, name_id))
        place = slots.HEAD_SLOT.pack(0, ts, ctx, slots.code(0, Source.LOG, name_id), seq)
        self._arrivals.append((place, arrival))

    def declare(self, node: Node) -> int:
        """Write the iteration that `node` is, and those around it, at their first value."""
        with self._context_lock:
            if node.ctx != UNDECLARED:
                return node.ctx
            parent = node.parent.ctx if node.parent else 0
            if parent == UNDECLARED and node.parent:
                parent = self.declare(node.parent)
            ctx, ts = next(self._contexts), time.time_ns()
            is_index = type(node.value) is int and node.value == node.number - 1
            code = slots.code(slots.ITERATION, int(is_index), node.occurrence)
            self._put_slot(slots.ITERATION_SLOT, parent, self._name_id(node.name), node.number, ctx, code)
            if node.value is not MISSING and not is_index:
                kind, payload = encode(node.value, self._keep_blob)
                self._put(slots.code(kind, Source.LOOP, 0), ctx, ts, payload)
            node.ctx = ctx
            return ctx

    def _name_id(self, name: str | None) -> int:
        """The number of a name (0: none), written before the first record that uses it."""
        if name is None:
            return 0
        known = self._names.get(name)
        return known if known is not None else self._register(name)

    def _register(self, name: str) -> int:
        with self._name_lock:
            if name in self._names:
                return self._names[name]
            number = len(self._names) + 1
            if number >= slots.NAME_LIMIT:
                raise OverflowError("more than 16 million names in one run")
            text = str(name).encode("utf-8", "backslashreplace")
            self._put_payload(slots.code(slots.NAME, 0, number, head=True), 0, 0, text)
            self._names[name] = number
            self._float_codes[name] = slots.code(Kind.FLOAT, Source.LOG, number)
            return number

    def _put(self, code: int, ctx: int, ts: int, payload: Payload) -> None:
        if isinstance(payload, bytes):
            self._put_payload(code | slots.HEAD, ctx, ts, payload)
        elif isinstance(payload, float):
            self._put_slot(slots.FLOAT_SLOT, payload, ts, ctx, code)
        else:
            self._put_slot(slots.INT_SLOT, payload or 0, ts, ctx, code)

    def _put_payload(self, code: int, ctx: int, ts: int, payload: bytes) -> None:
        if len(payload) > BIG_BYTES:
            # Its place in the order is a slot of the ring, its content a frame of the file.
            seq = self._put_slot(slots.INT_SLOT, 0, ts, ctx, slots.code(slots.PENDING, 0, 0))
            head = slots.HEAD_SLOT.pack(len(payload), ts, ctx, code, seq)
            self._journal.append(frames.pack(frames.BIG, head + payload))
            return
        head_seq = self._put_slot(slots.HEAD_SLOT, len(payload), ts, ctx, code)
        link = slots.code(slots.PART, 0, head_seq % slots.NAME_LIMIT)
        for start in range(0, len(payload), slots.PART_BYTES):
            self._put_slot(slots.PART_SLOT, payload[start : start + slots.PART_BYTES], link)

    def _put_slot(self, form: Struct, *fields: Any) -> int:
        """Fill the next slot; its seq."""
        slot = next(self._slots)
        if slot >= self._drained + SLOT_COUNT:
            self._make_room(slot)
        form.pack_into(self._ring.buffer, (slot & _MASK) << 5, *fields, slot + 1)
        return slot + 1

    # -- moving to the file ------------------------------------------------

    def drain(self) -> None:
        """Append every filled slot to the journal. Called again before it ends, it only repeats itself."""
        with self._drain_lock:
            start = self._drained
            stop = self._filled_until(start)
            if stop == start:
                self._skip_hole(start)
            else:
                self._append(start, stop)
                self._drained = max(self._drained, stop)
            self._set_limit(self._drained + SLOT_COUNT if not self._is_detached else -1)
        self._collect_arrivals()

    def detach(self) -> None:
        """In a forked child: write nothing more here, hand every record to `redirect`."""
        self._is_detached = True
        self._set_limit(-1)
        self._journal.abandon()

    def wait_for_arrivals(self, timeout_s: float) -> None:
        """Give values on their way from a device time to arrive."""
        deadline = time.monotonic() + timeout_s
        while self._arrivals and time.monotonic() < deadline:
            self._collect_arrivals()
            time.sleep(0.001)

    def _make_room(self, slot: int) -> bool:
        """Write the ring out until `slot` is free; False in a forked child."""
        while not self._is_detached:
            self.drain()
            if slot < self._drained + SLOT_COUNT:
                return True
            time.sleep(0.0005)  # another thread is about to fill its slot
        return False

    def _filled_until(self, start: int) -> int:
        """The first slot from `start` on that is not filled yet."""
        seqs = memoryview(self._ring.buffer).cast("B").cast("Q")[3::4]
        stop, end = start, start + SLOT_COUNT
        while stop < end:
            position = stop & _MASK
            length = min(_BLOCK, SLOT_COUNT - position, end - stop)
            found = seqs[position : position + length].tolist()
            wanted = range(stop + 1, stop + length + 1)
            if found != list(wanted):
                return stop + next(
                    i for i, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1]
                )
            stop += length
        return stop

    def _append(self, start: int, stop: int) -> None:
        view, first, last = memoryview(self._ring.buffer), start & _MASK, (stop - 1) & _MASK
        if first <= last:
            payload = bytes(view[first * slots.SIZE : (last + 1) * slots.SIZE])
        else:
            payload = bytes(view[first * slots.SIZE :]) + bytes(view[: (last + 1) * slots.SIZE])
        self._journal.append(frames.pack(frames.SLOTS, payload))

    def _skip_hole(self, slot: int) -> None:
        """Pass over a slot that stays empty while later ones are taken."""
        taken = int(repr(self._slots)[len("count(") : -1])  # the counter's state, without taking from it
        if taken <= slot + 1:
            return
        now = time.monotonic()
        if self._hole[0] != slot:
            self._hole = (slot, now)
        elif now - self._hole[1] > HOLE_AFTER_S:
            self._drained = slot + 1

    def _collect_arrivals(self) -> None:
        for _ in range(len(self._arrivals)):
            place, arrival = self._arrivals.popleft()
            found = arrival()
            if found is None:
                self._arrivals.append((place, arrival))
            else:
                self._journal.append(frames.pack(frames.BIG, _arrived(place, *found)))


def _arrived(place: bytes, kind: Kind, payload: Payload) -> bytes:
    """The record that takes a place kept by `defer`."""
    _, ts, ctx, code, seq = slots.HEAD_SLOT.unpack(place)
    code |= int(kind) << slots.KIND_SHIFT
    if isinstance(payload, bytes):
        return slots.HEAD_SLOT.pack(len(payload), ts, ctx, code | slots.HEAD, seq) + payload
    form = slots.FLOAT_SLOT if isinstance(payload, float) else slots.INT_SLOT
    return form.pack(payload or 0, ts, ctx, code, seq)
