"""A plan: which processes to run for one run of the past, and what each of them executes. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flor.checkpoints.entry import EntryPoint
from flor.replay.planning.costs import NO_TIME, Parts
from flor.replay.planning.places import Level
from flor.times import to_text


@dataclass(frozen=True, slots=True)
class Visit:
    """One iteration of a main loop that is executed, wholly or in part. Counts from 0."""

    block: int
    loop: int
    iteration: int
    entry: EntryPoint | None = None  # restored at its header; None: the program arrives there by itself
    replaced: tuple[EntryPoint, ...] = ()  # nested loops that are not executed: their effect is restored
    is_wanted: bool = True  # what the probes log in it counts
    is_cut: bool = False  # it ends behind the last statement that executes a probe


@dataclass(frozen=True, slots=True)
class Segment:
    """What one process executes. It always begins with the script's first line.

    At the header of a main loop it goes to its next visit there, over the iterations in between. Where there
    is none left it restores the loop's `done` or the block's `end`, whichever is among `jumps`. Without one
    it goes on where it `goes_to_end`, or has further visits or jumps to make; else it stops.
    """

    visits: tuple[Visit, ...] = ()
    jumps: tuple[
        EntryPoint, ...
    ] = ()  # `done` and `end` of loops and blocks that are not executed to their end
    goes_to_end: bool = False  # the script is executed to its end
    records_outside: bool = False  # what is logged outside of the iterations of main loops counts
    is_whole: bool = False  # everything is executed, and everything that is logged counts
    is_audit: bool = False  # it answers nothing new: it proves what others have loaded
    last_mark: int = 0  # it ends when it has said so much of itself; 0: it does not
    estimated_s: float = 0.0
    parts: Parts = NO_TIME  # what it is made of, uncorrected

    @property
    def entry(self) -> EntryPoint | None:
        """The first state that is restored."""
        return min(self.restored, key=lambda entry: entry.order, default=None)

    @property
    def restored(self) -> tuple[EntryPoint, ...]:
        """All states that are restored."""
        found = [entry for visit in self.visits for entry in (visit.entry, *visit.replaced) if entry]
        return (*found, *self.jumps)

    @property
    def iterations(self) -> tuple[int, ...]:
        """The iterations that are visited, in order."""
        return tuple(visit.iteration for visit in self.visits)

    def to_json(self) -> dict[str, Any]:
        """The segment as simple values."""
        return {
            "visits": [_visit_json(visit) for visit in self.visits],
            "jumps": [str(entry) for entry in self.jumps],
            "goes_to_end": self.goes_to_end,
            "records_outside": self.records_outside,
            "is_whole": self.is_whole,
            "estimated_s": round(self.estimated_s, 3),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to execute for one run; without segments there is nothing to do, for the reason given."""

    run: str
    level: Level
    segments: tuple[Segment, ...]
    has_suffix: bool = False
    skipped: tuple[str, ...] = ()  # what is not executed, and why that is safe
    opaque: tuple[str, ...] = ()  # what could not be kept and stands in the way
    reason: str = ""  # why it is executed whole, or not at all; what to change to make it fast
    estimated_s: float = 0.0  # until the last value is there
    prefix_s: float = 0.0
    suffix_s: float = 0.0
    whole_s: float = 0.0  # of running the script again
    enterable: tuple[EntryPoint, ...] = ()  # headers from which whole iterations can be executed
    ends_with_records: bool = False  # the run was killed: what comes behind its last record is no answer
    projid: str = ""
    tstamp: datetime | None = None
    filename: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)  # arguments and last values

    @property
    def is_whole(self) -> bool:
        """Whether the script is simply run again."""
        return any(segment.is_whole for segment in self.segments)

    @property
    def wanted(self) -> tuple[tuple[int, int, int], ...]:
        """Block, loop and iteration of all that counts, in order."""
        visits = [visit for segment in self.segments for visit in segment.visits if visit.is_wanted]
        return tuple(sorted((visit.block, visit.loop, visit.iteration) for visit in visits))

    @property
    def entries(self) -> tuple[EntryPoint, ...]:
        """The states that are restored."""
        found = {entry for segment in self.segments for entry in segment.restored}
        return tuple(sorted(found, key=lambda entry: entry.order))

    @property
    def level_text(self) -> str:
        """The level in words: `outer loop without suffix`."""
        suffix = "with suffix" if self.has_suffix else "without suffix"
        words = {"outer": f"outer loop {suffix}", "nested": f"nested loop {suffix}", "whole": "whole script"}
        return words.get(self.level, self.level)

    def to_json(self) -> dict[str, Any]:
        """The plan as simple values."""
        return {
            "run": self.run,
            "tstamp": to_text(self.tstamp) if self.tstamp else None,
            "filename": self.filename,
            "level": self.level,
            "has_suffix": self.has_suffix,
            "segments": [segment.to_json() for segment in self.segments],
            "skipped": list(self.skipped),
            "opaque": list(self.opaque),
            "reason": self.reason,
            "ends_with_records": self.ends_with_records,
            "estimated_s": round(self.estimated_s, 3),
            "whole_s": round(self.whole_s, 3),
        }


def _visit_json(visit: Visit) -> dict[str, Any]:
    return {
        "block": visit.block,
        "loop": visit.loop,
        "iteration": visit.iteration + 1,
        "entry": str(visit.entry) if visit.entry else None,
        "replaced": [str(entry) for entry in visit.replaced],
        "is_wanted": visit.is_wanted,
        "is_cut": visit.is_cut,
    }
