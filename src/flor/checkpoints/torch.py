"""Copies made by torch: small ones from a device, without ever waiting for it, and large ones on the host."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import torch

Found = TypeVar("Found")


class DeviceReader:
    """Copies small tensors to the host, on the stream that computes them.

    Pinned host memory is slow to get, so buffers are kept and used again.
    """

    def __init__(self) -> None:
        self._free: defaultdict[tuple[torch.dtype, torch.Size], list[torch.Tensor]] = defaultdict(list)

    def start_copy(
        self, tensor: torch.Tensor, read: Callable[[torch.Tensor], Found]
    ) -> Callable[[], Found | None]:
        """Asks whether the value has arrived, and reads it then; the value is that of this call.

        Args:
            read: called with the copy, once, before its memory is used again.
        """
        source = tensor.detach()
        free = self._free[source.dtype, source.shape]
        with torch.cuda.device(source.device):
            buffer = _taken(free)
            if buffer is None:
                buffer = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
            buffer.copy_(source, non_blocking=True)
            event = _new_event()
            event.record()

        def arrived() -> Found | None:
            if not event.query():
                return None
            found = read(buffer)
            free.append(buffer)
            return found

        return arrived


def copy(target: bytearray, source: memoryview) -> bool:
    """Copy with the threads that torch computes with; False where a mode of the program would see it."""
    if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack():
        return False
    torch.frombuffer(target, dtype=torch.uint8).copy_(torch.frombuffer(source, dtype=torch.uint8))
    return True


def _taken(free: list[torch.Tensor]) -> torch.Tensor | None:
    try:
        return free.pop()
    except IndexError:
        return None


def _new_event() -> Any:
    make: Any = torch.cuda.Event  # torch does not say its types
    return make()
