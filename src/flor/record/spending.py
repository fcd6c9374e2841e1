"""What keeping states has cost the thread that trains, and whether it may cost more."""

import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field

from flor.checkpoints import policy
from flor.checkpoints.policy import KEEPING_SHARE, Costs
from flor.checkpoints.writer import Cost

MUCH_BYTES = 1 << 20
"""So much is mostly hashed and written, with the interpreter free meanwhile; what is less takes turns."""
BESIDE_SHARE = 0.1
"""What such work costs the training where another core does it."""
DRAWS_SHARE = 0.25  # the part of what keeping may cost that goes into watching what a loop draws


@dataclass(slots=True)
class Spending:
    """Written by the thread that trains; the one that writes states only notes what it took."""

    epsilon: float
    _costs: Costs = field(default_factory=Costs)
    _began_s: float = field(default_factory=time.perf_counter)
    _noted: deque[float] = field(default_factory=deque)

    @property
    def keeps_all(self) -> bool:
        """Whether no cost is too high."""
        return self.epsilon >= 1

    @property
    def percent(self) -> float:
        """What was spent, of the time since the beginning."""
        return 100 * self._costs.spent_s / max(self._computed_s(), 1e-9)

    def is_affordable(self, count: int = 1, share: float = KEEPING_SHARE) -> bool:
        """Whether so many more states may be kept now, for this share of epsilon."""
        while self._noted:
            self._costs = self._costs.paid(self._noted.popleft())
        return policy.should_keep(self._costs, self._computed_s(), self.epsilon, count, share)

    def affordable_at_s(self, count: int) -> float:
        """When so many more may be kept, as `time.perf_counter` will say."""
        return self._began_s + policy.next_at_s(self._costs, self.epsilon, count)

    def may_draw(self, spent_s: float) -> bool:
        """Whether watching draws may have cost so much by now: a part of what keeping may cost."""
        tolerance = policy.tolerance(self._costs, self.epsilon)
        allowed_s = DRAWS_SHARE * (policy.FREE_S + tolerance * self._computed_s())
        return self.keeps_all or spent_s <= allowed_s

    def kept(self, stall_s: float) -> None:
        """A state was taken, for which the training stood still so long."""
        self._costs = self._costs.after(stall_s)

    def stalled(self, stall_s: float) -> None:
        """Something else stalled the training."""
        self._costs = self._costs.also(stall_s)

    def note(self, cost: Cost) -> None:
        """A state is written: told by the thread that writes."""
        self._noted.append(cost.background_s * (_share() if cost.new_bytes >= MUCH_BYTES else 1.0))

    def _computed_s(self) -> float:
        return time.perf_counter() - self._began_s


def _share() -> float:
    """The part of hashing and writing that the training thread pays for."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch and hasattr(torch, "get_num_threads") else 1
    cores = os.cpu_count() or 1
    return 1.0 if threads >= cores else BESIDE_SHARE
