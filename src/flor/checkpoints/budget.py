"""What of the kept states goes when they take more room than they may, as a value. Pure.

States of old runs thin out to log-spaced ones: a replay there starts further back. The first state of a
main loop, its newest one, and the ends of loops and blocks stay; so does everything of running runs.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.policy import thinned

_ENTRY_BYTES = 100
"""What the header of a pack says of each blob."""

MOSTLY = 0.5
"""A pack of which a larger part is needed by nobody is written anew."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A kept state, as far as room goes."""

    path: Path  # of the manifest
    size_bytes: int  # of the manifest
    run: str
    entry: EntryPoint
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, as far as room goes."""

    path: Path
    size_bytes: int
    blobs: Mapping[str, int]  # their sizes in the pack
    is_spared: bool = False  # it may belong to a checkpoint that is being written


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the store."""

    runs: Sequence[str] = ()  # the oldest first; those that are not named here are older still
    running: Collection[str] = ()  # nothing of them goes
    unwanted: Collection[str] = ()  # nothing of them stays
    budget_bytes: float = float("inf")


class Reason(StrEnum):
    """Why something goes."""

    THINNED = "checkpoint beyond the storage budget"
    UNWANTED = "checkpoint of no run"
    DEAD = "pack that no checkpoint needs"
    MOSTLY_DEAD = "part of a pack that no checkpoint needs"


@dataclass(frozen=True, slots=True)
class Goes:
    """One file that goes, or becomes smaller."""

    path: Path
    size_bytes: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A pack to be written anew with the blobs that are needed."""

    pack: Pack
    needed: frozenset[str]
    size_bytes: int  # that it frees


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes, in this order."""

    unwanted: tuple[Checkpoint, ...]
    thinned: tuple[Checkpoint, ...]
    dead: tuple[Pack, ...]
    rewrites: tuple[Rewrite, ...]
    size_bytes: int  # of everything that is there
    left_bytes: int  # afterwards

    @property
    def goes(self) -> list[Goes]:
        """Every file that goes, or becomes smaller."""
        return [
            *(Goes(each.path, each.size_bytes, Reason.UNWANTED) for each in self.unwanted),
            *(Goes(each.path, each.size_bytes, Reason.THINNED) for each in self.thinned),
            *(Goes(each.path, each.size_bytes, Reason.DEAD) for each in self.dead),
            *(Goes(each.pack.path, each.size_bytes, Reason.MOSTLY_DEAD) for each in self.rewrites),
        ]


def plan(checkpoints: Sequence[Checkpoint], packs: Sequence[Pack], wanted: Wanted) -> Plan:
    """What goes so that the rest fits into the budget, as far as thinning out can bring that about."""
    room = _Room(packs, checkpoints)
    unwanted = [each for each in checkpoints if each.run in wanted.unwanted]
    room.remove(unwanted)
    goes = _thinned([each for each in checkpoints if each.run not in wanted.unwanted], wanted, room)
    dead, rewrites = room.packs_to_go()
    return Plan(tuple(unwanted), tuple(goes), dead, rewrites, room.before_bytes, room.left_bytes)


def _thinned(checkpoints: Sequence[Checkpoint], wanted: Wanted, room: "_Room") -> list[Checkpoint]:
    """What goes until the rest fits: of the oldest run first, then of newer ones, then sparser still."""
    goes: list[Checkpoint] = []
    thinning = [_Thinning(own) for own in _by_age(checkpoints, wanted)]
    while thinning:
        for one in thinning:
            if room.left_bytes <= wanted.budget_bytes:
                return goes
            goes += one.go_on(room)
        thinning = [one for one in thinning if not one.is_done]
    return goes


def _by_age(checkpoints: Sequence[Checkpoint], wanted: Wanted) -> list[list[Checkpoint]]:
    """The states of each run that may thin out, the oldest run first."""
    by_run: defaultdict[str, list[Checkpoint]] = defaultdict(list)
    for each in checkpoints:
        if each.run not in wanted.running:
            by_run[each.run].append(each)
    age = {run: place for place, run in enumerate(wanted.runs)}
    return [by_run[run] for run in sorted(by_run, key=lambda run: (age.get(run, -1), run))]


@dataclass(slots=True)
class _Thinning:
    """The states of one run, sparser from round to round."""

    rest: list[Checkpoint]
    is_done: bool = False

    def go_on(self, room: "_Room") -> list[Checkpoint]:
        """Let states go, those that are gone being returned, until that frees room.

        What an iteration starts with is what the one before ended with: with one of them nothing is freed.
        """
        goes, before = [], room.live_bytes
        while not self.is_done and room.live_bytes == before:
            some = self.sparser()
            room.remove(some)
            goes += some
        return goes

    def sparser(self) -> list[Checkpoint]:
        """Those that go in this round."""
        series = _series(self.rest)
        stays = {place: frozenset(_sparser(numbers)) for place, numbers in series.items()}
        self.is_done = all(len(stays[place]) == len(numbers) for place, numbers in series.items())
        goes = [each for each in self.rest if not _stays(each.entry, stays)]
        self.rest = [each for each in self.rest if _stays(each.entry, stays)]
        return goes


_Place = tuple[int, ...]
"""What counts its own iterations: a main loop (block, loop), or a nested one (with iteration and nested)."""


def _series(checkpoints: Sequence[Checkpoint]) -> dict[_Place, set[int]]:
    """The kept iterations of each main loop, and the kept steps of each nested one."""
    found: defaultdict[_Place, set[int]] = defaultdict(set)
    for each in checkpoints:
        for place, number in _numbers(each.entry):
            found[place].add(number)
    return found


def _numbers(entry: EntryPoint) -> Iterator[tuple[_Place, int]]:
    if entry.iteration >= 0:
        yield (entry.block, entry.loop), entry.iteration
    if entry.kind == "step":
        yield (entry.block, entry.loop, entry.iteration, entry.nested), entry.step


def _stays(entry: EntryPoint, stays: Mapping[_Place, frozenset[int]]) -> bool:
    """What stands in an iteration is of no use without its top, and stays or goes with it."""
    return all(number in stays[place] for place, number in _numbers(entry))


def _sparser(numbers: Collection[int]) -> list[int]:
    """Log-spaced from the newest back; in the end only that. The first of a loop always stays."""
    later = sorted(number for number in numbers if number > 0)
    picked = thinned(later)
    if len(picked) == len(later):
        picked = later[-1:]
    return [number for number in numbers if number == 0] + picked


class _Room:
    """How much room everything takes, while one state after the other goes."""

    def __init__(self, packs: Sequence[Pack], checkpoints: Sequence[Checkpoint]) -> None:
        self._packs = packs
        # Of a blob in several packs, the one in the first pack counts.
        self._holder = {
            digest: number for number, pack in reversed([*enumerate(packs)]) for digest in pack.blobs
        }
        self._needed = Counter(digest for each in checkpoints for digest in each.hashes)
        self._weights = [sum(size + _ENTRY_BYTES for size in pack.blobs.values()) for pack in packs]
        self._live_bytes = [0] * len(packs)
        for digest in self._needed:
            self._count(digest, 1)
        self.live_bytes = sum(self._live_bytes)  # what somebody needs now
        self._manifest_bytes = sum(each.size_bytes for each in checkpoints)
        self.before_bytes = self._manifest_bytes + sum(pack.size_bytes for pack in packs)
        self._pack_bytes = sum(map(self._left, range(len(packs))))

    @property
    def left_bytes(self) -> int:
        """What is left when everything goes that nobody needs now."""
        return self._manifest_bytes + self._pack_bytes

    def remove(self, checkpoints: Sequence[Checkpoint]) -> None:
        """These go."""
        self._manifest_bytes -= sum(each.size_bytes for each in checkpoints)
        self._needed.subtract(digest for each in checkpoints for digest in each.hashes)
        dead = {digest for each in checkpoints for digest in each.hashes if not self._needed[digest]}
        # Only these are counted anew: there may be thousands of packs, and as many steps.
        touched = {self._holder[digest] for digest in dead if digest in self._holder}
        before = self._sums(touched)
        for digest in dead:
            self._count(digest, -1)
        after = self._sums(touched)
        self.live_bytes += after[0] - before[0]
        self._pack_bytes += after[1] - before[1]

    def _sums(self, packs: Collection[int]) -> tuple[int, int]:
        """What is needed of these packs, and what is left of them."""
        return sum(self._live_bytes[number] for number in packs), sum(map(self._left, packs))

    def packs_to_go(self) -> tuple[tuple[Pack, ...], tuple[Rewrite, ...]]:
        """Packs that nobody needs, and those to be written anew."""
        places = [(number, pack) for number, pack in enumerate(self._packs) if not pack.is_spared]
        dead = tuple(pack for number, pack in places if not self._live_bytes[number])
        rewrites = tuple(
            self._rewrite(number)
            for number, _ in places
            if self._live_bytes[number] and self._is_mostly_dead(number)
        )
        return dead, rewrites

    def _rewrite(self, number: int) -> Rewrite:
        pack = self._packs[number]
        needed = frozenset(
            digest for digest in pack.blobs if self._needed[digest] and self._holder[digest] == number
        )
        return Rewrite(pack, needed, pack.size_bytes - self._left(number))

    def _count(self, digest: str, sign: int) -> None:
        number = self._holder.get(digest)
        if number is not None:
            self._live_bytes[number] += sign * (self._packs[number].blobs[digest] + _ENTRY_BYTES)

    def _is_mostly_dead(self, number: int) -> bool:
        return self._live_bytes[number] < (1 - MOSTLY) * self._weights[number]

    def _left(self, number: int) -> int:
        pack = self._packs[number]
        if pack.is_spared or not self._is_mostly_dead(number):
            return pack.size_bytes
        return pack.size_bytes * self._live_bytes[number] // self._weights[number]
