"""What propagation gives: patched files with line maps, and for each probe where it went or why not."""

import difflib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flor.replay.probes import Probe


@dataclass(frozen=True, slots=True)
class Patch:
    """One statement of a probe, placed in an old file."""

    probe: Probe
    filename: str  # in the old version
    line: int  # of the `flor.log` in the new text
    score: float  # 0 to 1: how certain the place is
    hash: str  # of the probe as placed, its place and the lines carried along; not of formatting
    brought: tuple[str, ...] = ()  # names that carried lines bind: the old version does not know them
    carried: tuple[int, ...] = ()  # lines of the new text that came along


@dataclass(frozen=True, slots=True)
class Present:
    """A statement that the old version has already."""

    probe: Probe
    filename: str
    line: int  # in the old text


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement that has no place in the old version."""

    probe: Probe
    reason: str
    is_absent: bool = False  # the version has no such file, function or loop: it cannot have the value


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """An old file with probes spliced in; nothing else of it changed."""

    filename: str
    text: str
    line_of: Mapping[int, int]  # old line -> new line, of the lines that moved
    inserted: tuple[int, ...] = ()  # new lines that the old text does not have
    old: str = field(default="", repr=False)

    def new_line(self, old: int) -> int:
        """Where a line of the old text stands now."""
        return self.line_of.get(old, old)

    def old_line(self, new: int) -> int | None:
        """Where a line stood in the old text; None for one that was inserted."""
        before = bisect_right(self.inserted, new)
        if before and self.inserted[before - 1] == new:
            return None
        return new - before

    def diff(self) -> str:
        """What was spliced in, as a unified diff."""
        return "".join(_ended(_unified(self.filename, self.old, self.text)))


@dataclass(frozen=True, slots=True)
class Propagated:
    """Where each probe went in one old version."""

    files: tuple[PatchedFile, ...] = ()
    patches: tuple[Patch, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    present: tuple[Present, ...] = ()

    def diff(self) -> str:
        """All that was spliced in, as a unified diff."""
        return "".join(file.diff() for file in self.files)


def _unified(filename: str, old: str, new: str) -> Iterator[str]:
    return difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{filename}", f"b/{filename}"
    )


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
