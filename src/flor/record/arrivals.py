"""Values on their way from a device: each has its place among the records, and is written once it is here."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from flor.entities import Kind
from flor.runs import frames, slots
from flor.runs.journal import JournalWriter
from flor.runs.values import MAX_ELEMENTS_AS_VALUES, Payload

Arrival = Callable[[], tuple[Kind, Payload] | None]
"""Asks for a value; None while it has not arrived."""

_PLAIN_TENSORS = ("torch", "torch.nn.parameter")


def lies_on_device(value: Any) -> bool:
    """Whether this is a tensor that is recorded by its values, and reading it would wait for a device."""
    if type(value).__module__ not in _PLAIN_TENSORS or getattr(value, "device", None) is None:
        return False
    is_small = value.device.type == "cuda" and value.numel() <= MAX_ELEMENTS_AS_VALUES
    return is_small and str(value.layout) == "torch.strided" and not value.is_quantized


class _Expected(NamedTuple):
    place: bytes  # a head slot
    arrival: Arrival
    show: Callable[[Kind, Payload], None]


class Arrivals:
    """The values of one process that have not arrived yet."""

    def __init__(self, journal: JournalWriter, on_fault: Callable[[BaseException], None]) -> None:
        self._journal, self._on_fault = journal, on_fault
        self._expected: deque[_Expected] = deque()
        self._lock = threading.Lock()

    def expect(self, place: bytes, arrival: Arrival, show: Callable[[Kind, Payload], None]) -> None:
        """Write a value at its place once it has arrived, and show it then."""
        self._expected.append(_Expected(place, arrival, show))

    def collect(self) -> None:
        """Write what has arrived. Another thread that comes meanwhile leaves it to this one."""
        if not self._expected or not self._lock.acquire(blocking=False):
            return
        try:
            for _ in range(len(self._expected)):
                self._ask(self._expected.popleft())
        finally:
            self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Give what is on its way time to arrive."""
        deadline = time.monotonic() + timeout_s
        while self._expected and time.monotonic() < deadline:
            self.collect()
            time.sleep(0.001)

    def forget(self) -> None:
        """In a forked child: what is on its way is the parent's."""
        self._expected.clear()

    def _ask(self, expected: _Expected) -> None:
        try:
            found = expected.arrival()
        except Exception as error:  # noqa: BLE001  (a device's failure shows at whatever is asked of it next)
            self._on_fault(error)
            return
        if found is None:
            self._expected.append(expected)
        else:
            self._journal.append(frames.pack(frames.BIG, _record(expected.place, *found)))
            expected.show(*found)


def _record(place: bytes, kind: Kind, payload: Payload) -> bytes:
    """The record that takes a place kept for it."""
    _, ts, number, loop, code, seq = slots.HEAD_SLOT.unpack(place)
    code |= int(kind) << slots.KIND_SHIFT
    if isinstance(payload, bytes):
        return slots.HEAD_SLOT.pack(len(payload), ts, number, loop, code | slots.HEAD, seq) + payload
    form = slots.FLOAT_SLOT if isinstance(payload, float) else slots.INT_SLOT
    return form.pack(0 if payload is None else payload, ts, number, loop, code, seq)
