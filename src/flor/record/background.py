"""What work in the background costs the thread that trains."""

import os
import sys
from collections import deque

from flor.checkpoints.policy import Costs
from flor.checkpoints.writer import Cost

MUCH_BYTES = 1 << 20
"""So much is mostly hashed and written, with the interpreter free meanwhile; what is less takes turns."""
BESIDE_SHARE = 0.1
"""What such work costs the training where another core does it."""


class Background:
    """Noted by the thread that writes, counted by the one that trains."""

    def __init__(self) -> None:
        self._paid: deque[float] = deque()

    def note(self, cost: Cost) -> None:
        """A state is written."""
        self._paid.append(cost.background_s * (_share() if cost.new_bytes >= MUCH_BYTES else 1.0))

    def counted(self, costs: Costs) -> Costs:
        """The costs with what was noted since the last call."""
        while self._paid:
            costs = costs.paid(self._paid.popleft())
        return costs


def _share() -> float:
    """The part of hashing and writing that the training thread pays for."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch and hasattr(torch, "get_num_threads") else 1
    cores = os.cpu_count() or 1
    return 1.0 if threads >= cores else BESIDE_SHARE
