"""Which states the ranks of a job keep: rank 0 names them some iterations ahead, and the others read that.

Only what every rank has kept is a state, so all must keep the same ones. Asking one another at a header would
make ranks wait, and hang where one of them never comes. So rank 0 names a header that is to come, in a file
of the store; before it lies at least one step that ranks take together, by which the others have read it.
Where none lies there, a rank may miss it: then the state is not complete, and is never used.
"""

import math
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from flor.checkpoints.entry import EntryPoint, Kind

LEAD_S = 0.5
"""So long before its time a state is named: on a shared disk it takes a while until others see that."""
_SHARE = 100
"""Looking costs no more than one part in so many of the time."""


def path_of(folder: Path, run: str) -> Path:
    """The file of a run in the folder of checkpoints."""
    return folder / f"{run}.appointments.tmp"


@dataclass(slots=True)
class Appointments:
    """The states that all ranks keep, besides the first of each main loop."""

    path: Path
    is_leader: bool  # rank 0 names them
    _named: set[str] = field(default_factory=set)
    _next: EntryPoint | None = None  # the latest that rank 0 has named
    _met: set[tuple[int, int]] = field(default_factory=set)  # main loops in which one was kept
    _reached_s: dict[Kind, float] = field(default_factory=dict)
    _pace_s: dict[Kind, float] = field(default_factory=dict)  # time from header to header
    _look_at_s: float = 0.0

    def is_met(self, entry: EntryPoint, *, at_once: bool = False) -> bool:
        """Whether all ranks keep the state at this header, which is reached now.

        Args:
            at_once: look even if one has looked a moment ago.
        """
        now_s = time.perf_counter()
        self._pace_s[entry.kind] = now_s - self._reached_s.get(entry.kind, now_s)
        self._reached_s[entry.kind] = now_s
        if not self.is_leader and (at_once or now_s >= self._look_at_s):
            self._look(now_s)
        is_met = str(entry) in self._named
        if is_met:
            self._met.add((entry.block, entry.loop))
        return is_met

    def has_met(self, entry: EntryPoint) -> bool:
        """Whether a state was kept in the main loop, or in the block, that ends at this entry point."""
        return any(
            block == entry.block and (entry.kind == "end" or loop == entry.loop) for block, loop in self._met
        )

    def name_a_later(self, entry: EntryPoint) -> None:
        """Name a header of the same loop, far enough ahead; nothing while one is still to come."""
        last = self._next
        if last and (last.block, last.loop) == (entry.block, entry.loop) and last.order > entry.order:
            return
        ahead = max(1, math.ceil(LEAD_S / max(self._pace_s.get(entry.kind, 0.0), 1e-4)))
        self._next = _ahead(entry, ahead)
        self._name([self._next])

    def name_the_next(self, entry: EntryPoint, *, may_be_step: bool) -> None:
        """Name the next headers that can be entered: what is under way is to end."""
        nearest = [replace(entry, kind="top", iteration=entry.iteration + 1, nested=-1, step=-1)]
        if entry.kind == "step" and may_be_step:
            nearest.append(_ahead(entry, 1))
        self._name([each for each in nearest if str(each) not in self._named])

    def forget(self) -> None:
        """The job is over."""
        if self.is_leader:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _name(self, entries: list[EntryPoint]) -> None:
        self._named |= set(map(str, entries))
        with suppress(OSError):  # then the others miss it
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{entry}\n" for entry in entries))

    def _look(self, now_s: float) -> None:
        with suppress(OSError):
            whole_lines = self.path.read_text("utf-8").rpartition("\n")[0]
            self._named |= set(whole_lines.splitlines())
        spent_s = time.perf_counter() - now_s
        self._look_at_s = now_s + min(_SHARE * spent_s, LEAD_S / 2)


def _ahead(entry: EntryPoint, count: int) -> EntryPoint:
    """The header so many iterations later."""
    if entry.kind == "step":
        return replace(entry, step=entry.step + count)
    return replace(entry, iteration=entry.iteration + count)
