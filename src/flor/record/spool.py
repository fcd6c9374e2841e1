"""From a call to the ring, and from the ring to the journal.

The caller pays for one slot (about 0.3 microseconds); a background thread does the rest.
Slots are taken from a counter, which is atomic, so that threads need no lock: a slot that
was taken but never filled (an exception came between) is a hole, skipped after a second.

The forms of the hot path were chosen by measurement, in a loop (`python -m benchmarks log`) and
between two steps of a training (`python -m benchmarks training`), where all this has left the
processor's caches: what a call costs there is how many places it touches. Fields written through
two memory views touch half of what `Struct.pack_into` does, though in a loop it is the faster one.
"""

import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from flor.entities import Kind, Source
from flor.record.arrivals import Arrival, Arrivals, lies_on_device
from flor.record.audience import Audience, Showing
from flor.record.context import MISSING, UNDECLARED, Loop, Node
from flor.record.names import Names
from flor.runs import frames, slots
from flor.runs.journal import JournalWriter
from flor.runs.journals import decoded
from flor.runs.ring import SLOT_COUNT, Ring
from flor.runs.slots import SIZE
from flor.runs.values import KeepBlob, Payload, encode

if TYPE_CHECKING:
    from flor.checkpoints.torch import DeviceReader

FLUSH_INTERVAL_S = 0.25
BIG_BYTES = 64 << 10
"""Longer payloads go to the file at once."""
HOLE_AFTER_S = 1.0
WORDS = SIZE // 8
"""A slot is five words of 64 bits."""
_BLOCK = 4096
_BUILTIN = frozenset((bool, bytes, dict, float, int, list, str, tuple, type(None)))

_PACK_FLOAT, _PACK_INT = slots.FLOAT_SLOT.pack_into, slots.INT_SLOT.pack_into
_PACK_HEAD, _PACK_PART = slots.HEAD_SLOT.pack_into, slots.PART_SLOT.pack_into
_PACK_LOOP = slots.LOOP_SLOT.pack_into


class Spool:
    """The records of one process, on their way to its journal.

    Args:
        ring, journal: where records are written, and where they are moved to.
        keep_blob: see `runs.values.encode`.
        on_fault: told of every exception inside FlorDB; training goes on.
        redirect: takes the records of a forked child, whose parent owns the ring.
        audience: is shown the values that were written.
        on_repr: told of every value of which only the `repr` can be kept.
        first_seq: of the first slot; greater than 1 where a process goes on with another's records.
    """

    def __init__(
        self,
        ring: Ring,
        journal: JournalWriter,
        keep_blob: KeepBlob,
        on_fault: Callable[[BaseException], None],
        redirect: Callable[[Node, str, Any], None],
        audience: Audience,
        on_repr: Callable[[str | None, Any], None],
        first_seq: int = 1,
    ) -> None:
        self._ring, self._journal, self._keep_blob = ring, journal, keep_blob
        self._redirect = redirect
        self._seqs = count(first_seq)
        self._drained = first_seq - 1  # how many slots are in the journal, or before its begin
        self._drain_lock = threading.RLock()
        self._loop_lock = threading.RLock()
        self._loops = count(1)
        self._names = Names(self._put_name)
        self._on_repr = on_repr
        self._hole: tuple[int, float] = (-1, 0.0)
        self._late: list[int] = []  # slots passed over; one may have been about to be filled
        self._arrivals = Arrivals(journal, on_fault)
        self._device_reader: DeviceReader | None = None
        self._is_detached = False
        self._showing = Showing(audience, self._names.known)
        self._set_limit: Callable[[int], None]
        self.write = self._make_write(on_fault)

    def left_out(self) -> int:
        """How many values were written since the last one that was shown."""
        return self._showing.left_out

    def _make_write(self, on_fault: Callable[[BaseException], None]) -> Callable[[Node, str, Any], None]:
        """The hot path: everything it touches is a local of this closure."""
        limit, low, high = self._drained + SLOT_COUNT, slots.INT_MIN, slots.INT_MAX
        seqs, clock, showing, redirect = self._seqs, time.time_ns, self._showing, self._redirect
        # The words of a slot are written as this machine has them, and are little-endian.
        known_names = self._names.known if sys.byteorder == "little" else {}
        view = memoryview(self._ring.buffer)[: SLOT_COUNT * SIZE].cast("B")
        floats, words = view.cast("d"), view.cast("q")

        def set_limit(new: int) -> None:
            nonlocal limit
            limit = new

        def write(node: Node, name: Any, value: Any) -> None:  # any name: a wrong one is kept too
            try:
                fields: Any = None
                if name in known_names:
                    known = known_names[name]
                    if isinstance(value, float):  # a numpy.float64 is one
                        fields, word = floats, known.float_word
                    elif type(value) is int and low <= value <= high:
                        fields, word = words, known.int_word
                if fields is None:
                    return self._write_any(node, name, value)
                loop = node.ctx if node.ctx >= 0 else self.declare(node)
                ts, seq = clock(), next(seqs)
                if seq > limit and not self._make_room(seq):
                    return redirect(node, name, value)
                place = (seq - 1) % SLOT_COUNT * WORDS
                fields[place] = value
                words[place + 1] = ts
                words[place + 2] = node.number
                words[place + 3] = word | loop
                words[place + 4] = seq  # last: a slot without its seq is not filled
                if ts < known.quiet_until:
                    showing.left_out += 1
                else:
                    showing.offer(node, name, value, ts)
            except Exception as fault:  # noqa: BLE001  (observing must not break training)
                on_fault(fault)

        self._set_limit = set_limit
        return write

    # -- writing -----------------------------------------------------------

    def _write_any(self, node: Node, name: Any, value: Any) -> None:
        """Write what is no number, or stands under a new name, and show it."""
        ts = time.time_ns()
        if type(value) not in _BUILTIN and lies_on_device(value):
            if not self._defer_copy(node, name, value, ts):
                self._redirect(node, name, value)
        elif self.record(node, "None" if name is None else name, value, Source.LOG, ts):
            self._showing.offer(node, name, value, ts)
        else:
            self._redirect(node, name, value)

    def record(self, node: Node, name: str | None, value: Any, source: Source, ts: int) -> bool:
        """Write any value; False in a forked child, where nothing was written."""
        if self._is_detached:
            return False
        kind, payload = encode(value, self._keep_blob)
        loop = node.ctx if node.ctx >= 0 else self.declare(node)
        self._put(slots.code(kind, source, self._name_id(name)), node.number, loop, ts, payload)
        if kind is Kind.REPR:
            self._on_repr(name, value)
        return True

    def defer(self, node: Node, name: str, arrival: Arrival, ts: int) -> None:
        """Keep a place for a value on its way from a device; it counts from when it arrives."""
        place, name_id = self._place(node), self._name_id(name)
        seq = self._put_slot(_PACK_INT, 0, ts, *place, slots.code(slots.PENDING, Source.LOG, name_id))
        head = slots.HEAD_SLOT.pack(0, ts, *place, slots.code(0, Source.LOG, name_id), seq)
        self._arrivals.expect(
            head, arrival, lambda *found: self._showing.offer(node, name, decoded(*found), ts)
        )

    def _defer_copy(self, node: Node, name: str, tensor: Any, ts: int) -> bool:
        """Record a tensor on a device without waiting for it; False in a forked child."""
        if self._is_detached:
            return False
        if self._device_reader is None:
            from flor.checkpoints.torch import DeviceReader

            self._device_reader = DeviceReader()
        copy = self._device_reader.start_copy(tensor, lambda host: encode(host, self._keep_blob))
        self.defer(node, name, copy, ts)
        return True

    def declare(self, node: Node) -> int:
        """Write what a reader needs to know of an iteration, at its first value; the number of its loop."""
        loop = node.loop
        if loop is None or self._is_detached:  # the ring, and perhaps the lock, are the parent's
            return 0
        with self._loop_lock:
            if loop.id == UNDECLARED:
                loop.id = self._begin(loop, node)
            is_index = type(node.value) is int and node.value == node.number - 1
            if node.ctx == UNDECLARED and (
                is_index != loop.is_index or not (is_index or node.value is MISSING)
            ):
                kind, payload = encode(None if node.value is MISSING else node.value, self._keep_blob)
                code = slots.code(kind, Source.LOOP, 0)
                self._put(code, node.number, loop.id, time.time_ns(), payload)
            node.ctx = loop.id
            return loop.id

    def _begin(self, loop: Loop, first: Node) -> int:
        """Write that a loop begins, and what its iterations' values are by default."""
        above_number, above_loop = self._place(loop.parent)
        loop.is_index = type(first.value) is int and first.value == first.number - 1
        number, name_id = next(self._loops), self._name_id(loop.name)
        code = slots.code(slots.LOOP, int(loop.is_index), min(loop.occurrence, slots.NAME_LIMIT - 1))
        self._put_slot(_PACK_LOOP, above_loop, name_id, 0, above_number, number, code)
        return number

    def _place(self, node: Node) -> tuple[int, int]:
        """A context as slots hold it: the iteration, and the number of its loop."""
        return node.number, node.ctx if node.ctx >= 0 else self.declare(node)

    def _name_id(self, name: str | None) -> int:
        """The number of a name (0: none), written before the first record that uses it."""
        return 0 if name is None else self._names.number(name)

    def _put_name(self, number: int, text: bytes) -> None:
        self._put_payload(slots.code(slots.NAME, 0, number, head=True), 0, 0, 0, text)

    def _put(self, code: int, number: int, loop: int, ts: int, payload: Payload) -> None:
        if isinstance(payload, bytes):
            self._put_payload(code | slots.HEAD, number, loop, ts, payload)
        else:
            pack = _PACK_FLOAT if isinstance(payload, float) else _PACK_INT
            self._put_slot(pack, 0 if payload is None else payload, ts, number, loop, code)

    def _put_payload(self, code: int, number: int, loop: int, ts: int, payload: bytes) -> None:
        if len(payload) > BIG_BYTES:
            # Its place in the order is a slot of the ring, its content a frame of the file.
            seq = self._put_slot(_PACK_INT, 0, ts, number, loop, slots.code(slots.PENDING, 0, 0))
            head = slots.HEAD_SLOT.pack(len(payload), ts, number, loop, code, seq)
            self._journal.append(frames.pack(frames.BIG, head + payload))
            return
        head_seq = self._put_slot(_PACK_HEAD, len(payload), ts, number, loop, code)
        link = slots.code(slots.PART, 0, head_seq % slots.NAME_LIMIT)
        for start in range(0, len(payload), slots.PART_BYTES):
            self._put_slot(_PACK_PART, payload[start : start + slots.PART_BYTES], link)

    def _put_slot(self, pack: Callable[..., None], *fields: Any) -> int:
        """Fill the next slot; its seq."""
        seq = next(self._seqs)
        if seq > self._drained + SLOT_COUNT:
            self._make_room(seq)
        pack(self._ring.buffer, (seq - 1) % SLOT_COUNT * SIZE, *fields, seq)
        return seq

    # -- moving to the file ------------------------------------------------

    def drain(self) -> None:
        """Append every filled slot to the journal. Called again before it ends, it only repeats itself."""
        with self._drain_lock:
            start = self._drained
            stop = self._filled_until(start)
            if stop > start:
                self._append(start, stop)
                self._drained = max(self._drained, stop)
            elif self._is_old_hole(start):
                self._pass_over(start)
            self._late = [slot for slot in self._late if not self._has_come(slot)]
            self._set_limit(self._drained + SLOT_COUNT if not self._is_detached else -1)
        self._arrivals.collect()

    def drain_to_end(self) -> None:
        """Append every filled slot, also those behind one that is not."""
        with self._drain_lock:
            self.drain()
            while self._drained < self.position():
                self._pass_over(self._drained)
                self.drain()

    def detach(self) -> None:
        """In a forked child: write nothing more here, hand every record to `redirect`."""
        self._is_detached = True
        self._set_limit(-1)
        self._arrivals.forget()
        self._journal.abandon()

    def wait_for_arrivals(self, timeout_s: float) -> None:
        """Give values on their way from a device time to arrive."""
        self._arrivals.wait(timeout_s)

    def _make_room(self, seq: int) -> bool:
        """Write the ring out until the slot of `seq` is free; False in a forked child."""
        while not self._is_detached:
            self.drain()
            if seq <= self._drained + SLOT_COUNT:
                return True
            time.sleep(0.0005)  # another thread is about to fill its slot
        return False

    def _filled_until(self, start: int) -> int:
        """The first slot from `start` on that is not filled yet."""
        seqs = memoryview(self._ring.buffer).cast("B")[: SLOT_COUNT * slots.SIZE].cast("Q")[4::5]
        stop, end = start, min(start + SLOT_COUNT, self.position())
        while stop < end:
            position = stop % SLOT_COUNT
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
        view = memoryview(self._ring.buffer)[: SLOT_COUNT * slots.SIZE]
        first, last = start % SLOT_COUNT, (stop - 1) % SLOT_COUNT
        if first <= last:
            payload = bytes(view[first * slots.SIZE : (last + 1) * slots.SIZE])
        else:
            payload = bytes(view[first * slots.SIZE :]) + bytes(view[: (last + 1) * slots.SIZE])
        self._journal.append(frames.pack(frames.SLOTS, payload))

    def position(self) -> int:
        """How many slots have been taken, filled or not, those before the begin of this journal included."""
        return int(repr(self._seqs)[len("count(") : -1]) - 1  # the counter's state, without taking from it

    def _is_old_hole(self, slot: int) -> bool:
        """Whether a slot has stayed empty for long while later ones were taken."""
        if self.position() <= slot + 1:
            return False
        now = time.monotonic()
        if self._hole[0] != slot:
            self._hole = (slot, now)
        return now - self._hole[1] > HOLE_AFTER_S

    def _pass_over(self, slot: int) -> None:
        self._drained = slot + 1
        self._late.append(slot)

    def _has_come(self, slot: int) -> bool:
        """Whether a slot that was passed over needs no further look: it is written now, or taken again."""
        if self.position() > slot + SLOT_COUNT:
            return True
        if self._filled_until(slot) == slot:
            return False
        self._append(slot, slot + 1)
        return True
