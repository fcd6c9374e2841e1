"""What to do at each loop and block of a program on the way to a past moment of it. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, field

from flor.checkpoints.entry import EntryPoint


@dataclass(frozen=True, slots=True)
class Itinerary:
    """The way to an entry point: which kept states take the place of execution before it."""

    target: EntryPoint
    kept: Collection[EntryPoint] = field(default_factory=frozenset)

    def block_jump(self, block: int) -> EntryPoint | None:
        """The state that takes the place of a whole block, met at the first header inside."""
        end = EntryPoint("end", block)
        return end if self._is_before_block(block) and end in self.kept else None

    def loop_jump(self, block: int, loop: int) -> EntryPoint | None:
        """The state that takes the place of a whole main loop."""
        done = EntryPoint("done", block, loop)
        if self.target == done:
            return done
        is_before = block == self.target.block and (loop < self.target.loop or self.target.kind == "end")
        return done if is_before and done in self.kept else None

    def first_iteration(self, block: int, loop: int) -> EntryPoint | None:
        """The header at which a main loop is entered; None where it is executed from its beginning."""
        target = self.target
        if (block, loop) != (target.block, target.loop) or target.kind not in ("top", "after", "step"):
            return None
        return EntryPoint("top", block, loop, target.iteration) if target.iteration > 0 else None

    def nested_jump(self, block: int, loop: int, iteration: int, nested: int) -> EntryPoint | None:
        """The state that takes the place of a nested loop, in the iteration of the target."""
        target = self.target
        if target.kind not in ("after", "step") or (block, loop, iteration) != (
            target.block,
            target.loop,
            target.iteration,
        ):
            return None
        last = target.nested if target.kind == "after" else target.nested - 1
        after = EntryPoint("after", block, loop, iteration, nested)
        return after if nested <= last and after in self.kept else None

    def _is_before_block(self, block: int) -> bool:
        return block < self.target.block or (block == self.target.block and self.target.kind == "end")
