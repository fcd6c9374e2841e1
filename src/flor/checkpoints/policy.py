"""Whether to keep the state now: pure arithmetic on what was measured.

The rule is the joint invariant of "Hindsight Logging for Model Training" (Garcia et al.,
PVLDB 14(4), 2021), `M/C < n/(k+1) * min(1/(1+c), epsilon)`, with n executions, k kept, M the
mean cost of keeping, C the mean time of an execution and c restore time by store time. With
totals instead of means it reads: what was spent and what the next one costs stay below
`min(1/(1+c), epsilon)` of the time computed; here below a share of epsilon.
"""

import math
from dataclasses import dataclass, replace

FREE_S = 0.1
"""So much may be spent before anything was computed: a short run keeps its first state."""

KEEPING_SHARE = 0.25
"""The part of epsilon that is planned for keeping states. Epsilon bounds all that a run pays: records,
what was not foreseen, and what cannot be measured from inside, as the caches that a walk leaves cold."""

RESTORE_RATIO = 1.38
"""c before anything was restored; the value measured by the paper's authors."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What keeping has cost a run so far, in seconds of its training thread."""

    spent_s: float = 0.0
    kept_count: int = 0
    expected_s: float = 0.0  # of the next one
    restore_ratio: float = RESTORE_RATIO

    def after(self, stall_s: float) -> "Costs":
        """The costs after one more state was taken, for which the training thread stood still so long."""
        # The first one warms up what the next ones use; then the newest counts as much as all before,
        # so that a state that grew is noticed at once.
        expected = stall_s if self.kept_count <= 1 else (self.expected_s + stall_s) / 2
        return replace(
            self, spent_s=self.spent_s + stall_s, kept_count=self.kept_count + 1, expected_s=expected
        )

    def also(self, stall_s: float) -> "Costs":
        """The costs after something else stalled the training thread for so long."""
        return replace(self, spent_s=self.spent_s + stall_s)

    def paid(self, background_s: float) -> "Costs":
        """The costs after the background work on one state is known: what the training thread paid of it."""
        return replace(
            self, spent_s=self.spent_s + background_s, expected_s=self.expected_s + background_s / 2
        )


def tolerance(costs: Costs, epsilon: float, share: float = KEEPING_SHARE) -> float:
    """The part of the computing time that keeping may cost; from an epsilon of 1 on, whatever it costs.

    Args:
        share: the part of epsilon that counts.
    """
    return min(1 / (1 + costs.restore_ratio), share * epsilon) if epsilon < 1 else math.inf


def should_keep(
    costs: Costs, computed_s: float, epsilon: float, count: int = 1, share: float = KEEPING_SHARE
) -> bool:
    """Whether `count` more states may be kept after `computed_s` seconds of computing."""
    allowed = math.inf if epsilon >= 1 else FREE_S + tolerance(costs, epsilon, share) * computed_s
    return costs.spent_s + count * costs.expected_s <= allowed


def next_at_s(costs: Costs, epsilon: float, count: int = 1) -> float:
    """After how many seconds of computing the next states may be kept."""
    return max(0.0, (costs.spent_s + count * costs.expected_s - FREE_S) / tolerance(costs, epsilon))


def thinned(positions: list[int]) -> list[int]:
    """Which of a run's kept iterations stay when space is short: log-spaced from the newest back."""
    newest_first = sorted(positions, reverse=True)
    picked, distance = [], 1
    index = 0
    while index < len(newest_first):
        picked.append(newest_first[index])
        index += distance
        distance *= 2
    return sorted(picked)
