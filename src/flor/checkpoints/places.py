"""Which entry point a running program stands at: counts blocks and loops as they are executed. Pure."""

from dataclasses import dataclass, field
from enum import Enum

from flor.checkpoints.entry import EntryPoint


class Role(Enum):
    """What a loop is to the block it runs in."""

    MAIN = "main"  # the outermost of the block
    NESTED = "nested"  # directly inside a main loop
    DEEP = "deep"  # further inside: executed, never entered


@dataclass(slots=True)
class Place:
    """One execution of a loop inside a block."""

    block: "Block"
    role: Role
    loop: int  # which main loop of the block
    nested: int = -1  # which nested loop of the iteration
    reached: int = -1  # the iteration at whose header the loop stands
    nested_begun: int = 0  # nested loops begun in the iteration (of a main loop)

    def header(self) -> EntryPoint | None:
        """The loop is about to draw its next item."""
        self.reached += 1
        number = self.block.number
        if self.role is Role.MAIN:
            self.nested_begun = 0
            return EntryPoint("top", number, self.loop, self.reached)
        if self.role is Role.NESTED and self.block.main is not None:
            return EntryPoint("step", number, self.loop, self.block.main.reached, self.nested, self.reached)
        return None

    def ended(self, is_left: bool) -> EntryPoint | None:
        """The loop is over. One left by return or exception is no place to go on from.

        Args:
            is_left: it was left by return or exception; not by running out of items, nor by break.
        """
        if self.role is Role.MAIN:
            if self.block.main is self:
                self.block.main = None
            return None if is_left else EntryPoint("done", self.block.number, self.loop)
        if self.role is Role.NESTED and not is_left and self.block.main is not None:
            return EntryPoint("after", self.block.number, self.loop, self.block.main.reached, self.nested)
        return None


@dataclass(slots=True)
class Block:
    """One execution of a `checkpointing` block."""

    number: int
    main: Place | None = None
    mains_begun: int = 0

    def loop_begins(self, around: Place | None) -> Place:
        """A loop begins in the block.

        Args:
            around: the innermost loop of this block that it stands in.
        """
        if around is None:
            # A main loop that was left unnoticed is over by now.
            self.main = Place(self, Role.MAIN, self.mains_begun)
            self.mains_begun += 1
            return self.main
        if around.role is Role.MAIN:
            place = Place(self, Role.NESTED, around.loop, around.nested_begun)
            around.nested_begun += 1
            return place
        return Place(self, Role.DEEP, around.loop)

    def end(self) -> EntryPoint:
        """The block closes."""
        return EntryPoint("end", self.number)


@dataclass(slots=True)
class Blocks:
    """The blocks of a process."""

    begun: int = field(default=0)

    def open(self) -> Block:
        """A block begins."""
        block = Block(self.begun)
        self.begun += 1
        return block
