"""What is said of where in a run a line of its code can be executed. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Level = Literal["prefix", "outer", "nested", "suffix", "whole"]


class Region(Enum):
    """Which part of a run a place belongs to."""

    PREFIX = "prefix"  # before the first main loop
    SUFFIX = "suffix"  # outside of blocks, behind or between them; or before the main loop of a later one
    BETWEEN = "between"  # in a block, behind a main loop
    BODY = "body"  # in the body of a main loop
    NESTED = "nested"  # in a `flor.loop` inside that body
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Loop:
    """A `for` over a `flor.loop`."""

    filename: str
    qualname: str  # of the function it stands in
    line: int
    end_line: int
    name: str | None  # as it is written; None where it is computed


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a place can be reached."""

    region: Region
    loop: Loop | None = None  # the main loop
    statement: int = 0  # line of the statement of its body that is being executed
    nested: Loop | None = None  # the loop directly inside that body
    in_block: bool = False


ANYWHERE = Way(Region.ANYWHERE)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the program, and where in a run it can be executed."""

    filename: str
    line: int
    ways: frozenset[Way]
    reason: str = ""  # why it may be executed anywhere

    @property
    def level(self) -> Level:
        """How deep a replay has to go for it, by the deepest way."""
        regions = {way.region for way in self.ways}
        if Region.ANYWHERE in regions:
            return "whole"
        if Region.NESTED in regions:
            return "nested"
        if Region.BODY in regions:
            return "outer"
        return "prefix" if regions == {Region.PREFIX} else "suffix"


@dataclass(frozen=True, slots=True)
class Nested:
    """A `flor.loop` inside the body of a main loop."""

    main: Loop
    loop: Loop
    statement: int  # line of the statement of the main loop's body that executes it
