"""What a process does at each header of a main loop on its way through a segment. Pure."""

from dataclasses import dataclass

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.plans import Segment, Visit


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next at a header."""

    visit: Visit | None = None  # the iteration to go to
    jump: EntryPoint | None = None  # the loop or block is over: this is restored
    is_over: bool = False  # the segment has nothing left to do
    counts: bool = False  # whether what is logged from here on counts


@dataclass(slots=True)
class Tour:
    """Where a process stands in its segment. It is also the itinerary of a `Player`."""

    segment: Segment
    target: None = None  # a tour has no single moment at which it arrives
    visit: Visit | None = None  # that is being executed
    _done: int = 0

    @property
    def counts_outside(self) -> bool:
        """Whether what is logged outside of the iterations of main loops counts."""
        return self.segment.records_outside or self.segment.is_whole

    def at_header(self, block: int, loop: int, reached: int) -> Step:
        """What to do where the program is about to draw the item of an iteration."""
        self.visit = None
        ahead = self._ahead(block, loop)
        if ahead is not None and (ahead.block, ahead.loop) == (block, loop):
            return self._towards(ahead, reached)
        jump = self._jump(block, loop, ahead)
        if jump is not None:
            return Step(jump=jump, counts=self.counts_outside)
        further = ahead is not None or any(each.order > (block, 0, loop, 1) for each in self.segment.jumps)
        goes_on = self.segment.is_whole or self.segment.goes_to_end or further
        return Step(is_over=not goes_on, counts=self.segment.is_whole)

    def is_rest_skipped(self) -> bool:
        """Whether the rest of the iteration that is being executed is left out."""
        return self.visit is not None and self.visit.is_cut

    @property
    def is_over_after_cut(self) -> bool:
        """Whether nothing follows the iteration that is cut short."""
        segment = self.segment
        return self._ahead() is None and not (segment.jumps or segment.goes_to_end or segment.is_whole)

    def nested_jump(self, block: int, loop: int, iteration: int, nested: int) -> EntryPoint | None:
        """The state that takes the place of a nested loop."""
        after = EntryPoint("after", block, loop, iteration, nested)
        return after if self.visit is not None and after in self.visit.replaced else None

    def _ahead(self, block: int = 0, loop: int = 0) -> Visit | None:
        """The next visit in this loop or a later one; a loop may have ended before its last one."""
        visits = self.segment.visits
        while self._done < len(visits) and (visits[self._done].block, visits[self._done].loop) < (
            block,
            loop,
        ):
            self._done += 1
        return visits[self._done] if self._done < len(visits) else None

    def _towards(self, ahead: Visit, reached: int) -> Step:
        """Go to the visit, or execute what comes before it."""
        if ahead.iteration > reached and ahead.entry is None:
            return Step()
        self._done += 1
        self.visit = ahead
        return Step(visit=ahead, counts=ahead.is_wanted)

    def _jump(self, block: int, loop: int, ahead: Visit | None) -> EntryPoint | None:
        over = [EntryPoint("done", block, loop)]
        if ahead is None or ahead.block != block:
            over.append(EntryPoint("end", block))
        return next((entry for entry in over if entry in self.segment.jumps), None)
