"""The bytes of a state: what is stored by its hash."""

import ctypes
from typing import Any

import msgspec


class Leaf(msgspec.Struct, frozen=True, eq=False):
    """The bytes of one storage, array or long value, where they lie now."""

    size_bytes: int
    source: Any  # keeps them alive: bytes, a numpy array, a torch storage
    address: int = 0  # 0: `source` is the bytes themselves, or there are none to be read (CUDA, meta)
    device: str = "cpu"

    def view(self) -> memoryview:
        """The live bytes; a copy only of what lies on a device. Use it before the program goes on."""
        if not self.size_bytes:
            return memoryview(b"")
        if type(self.source) is bytes:
            return memoryview(self.source)
        host, address = (self.source, self.address) if self.address else self._on_host()
        buffer = (ctypes.c_char * self.size_bytes).from_address(address)
        buffer.kept_alive = host  # type: ignore[attr-defined]
        return memoryview(buffer).cast("B")

    def _on_host(self) -> tuple[Any, int]:
        """A copy of what lies on another device."""
        host = self.source.cpu()
        return host, host.data_ptr()

    @property
    def is_addressable(self) -> bool:
        """Whether `view` can read it: it lies in this process's memory."""
        return not self.size_bytes or bool(self.address) or type(self.source) is bytes


def write(address: int, data: bytes | memoryview) -> None:
    """Put bytes where they belong."""
    size = len(data)
    if size:
        target = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
        target[:] = memoryview(data).cast("B")
