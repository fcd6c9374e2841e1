"""Host memory for copies of the state, kept from one checkpoint to the next.

Fresh memory costs up to eight times a copy (page faults), so buffers are used again.
"""

import ctypes
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

SNAPSHOTS_IN_FLIGHT = 2
"""More copies than this are never in memory at once."""
LARGE_BYTES = 128 << 10
"""From here on a copy by torch is the faster one."""


class BufferPool:
    """Buffers by size; what is given back is handed out again."""

    def __init__(self) -> None:
        self._free: defaultdict[int, list[bytearray]] = defaultdict(list)

    def copy_of(self, content: memoryview) -> bytearray:
        """A copy of these bytes, in a buffer of the pool. Other threads run meanwhile."""
        free = self._free[content.nbytes]
        buffer = free.pop() if free else bytearray(content.nbytes)
        if content.nbytes and not _copied_by_torch(buffer, content):
            target = ctypes.c_char.from_buffer(buffer)
            ctypes.memmove(ctypes.addressof(target), address_of(content), content.nbytes)
        return buffer

    def lacking(self, sizes: Iterable[int]) -> int:
        """How many bytes buffers of these sizes would take beyond those of the pool."""
        free = {size: len(buffers) for size, buffers in list(self._free.items())}
        return sum(size * max(0, count - free.get(size, 0)) for size, count in Counter(sizes).items())

    def give_back(self, buffer: bytearray) -> None:
        """The buffer's content is no longer needed."""
        self._free[len(buffer)].append(buffer)

    def trim(self, sizes: set[int]) -> None:
        """Let go of buffers of sizes that the state no longer has."""
        for size in list(self._free):
            if size not in sizes:
                del self._free[size]


def _copied_by_torch(buffer: bytearray, content: memoryview) -> bool:
    """Copy with several threads, where the program has them: its training stands still meanwhile."""
    if content.nbytes < LARGE_BYTES or content.readonly or "torch" not in sys.modules:
        return False
    from flor.checkpoints.torch import copy

    return copy(buffer, content)


def address_of(content: memoryview) -> int:
    """Where the first byte of a contiguous buffer stands, read-only ones included."""
    view = _PyBuffer()
    _get_buffer(content, ctypes.byref(view), 0)
    address = view.buf or 0
    _release_buffer(ctypes.byref(view))
    return address


class _PyBuffer(ctypes.Structure):
    """CPython's `Py_buffer`."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.c_void_p]
