"""Watches what a main loop draws that is over no sequence, so that it can be drawn again."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flor.checkpoints import draws, randomness
from flor.checkpoints.draws import Drawn, Segment
from flor.checkpoints.packs import hash_of
from flor.checkpoints.reference import Reference
from flor.checkpoints.scope import Scope

ROOM_BYTES = 16 << 20
"""What a loop's draws may take up, in memory and in the store; behind that there is a gap."""


@dataclass(slots=True)
class Draws:
    """What one execution of a main loop has drawn. Complete until a draw was not watched."""

    scope: Scope
    is_affordable: Callable[[float], bool]  # whether so many seconds may be spent now
    on_spent: Callable[[float], None]
    on_fault: Callable[[BaseException], None]
    is_complete: bool = True
    spent_s: float = 0.0
    count: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)  # by hash, in the order drawn
    _generators: Mapping[bytes, Any] = field(default_factory=dict)
    _pending: list[Drawn] = field(default_factory=list)
    _size: int = 0

    @classmethod
    def unlimited(cls, scope: Scope, blobs: dict[str, bytes]) -> "Draws":
        """Whatever it costs; with what was drawn before, by hash."""
        found = cls(scope, lambda _: True, lambda _: None, lambda _: None, blobs=blobs)
        found._size = sum(map(len, blobs.values()))
        return found

    def begin(self, reference: Reference | None) -> None:
        """The loop's first header is over: its random generators are known."""
        if reference is None:
            self.is_complete = False
        else:
            self._generators = draws.generators_of(reference)

    def before(self) -> list[bytes | None]:
        """The states of the generators."""
        return [randomness.read(each) for each in self._generators.values()]

    def note(self, before: list[bytes | None], item: Any) -> None:
        """An item has been drawn."""
        after = self.before()
        changed = [
            (place, then)
            for place, (then, now) in enumerate(zip(before, after, strict=True))
            if then is not None and then != now
        ]
        drawn = Drawn(draws.item_hash(item, self.scope), changed)
        self._pending.append(drawn)
        self._size += 64 + sum(len(state) for _, state in changed)
        self.count += 1
        self.is_complete = bool(drawn.item) and self._size <= ROOM_BYTES

    def spend(self, seconds: float) -> None:
        """So long it took to watch one draw."""
        self.spent_s += seconds
        self.on_spent(seconds)
        if not self.is_affordable(self.spent_s + self.spent_s / max(self.count, 1)):
            self.is_complete = False

    def so_far(self) -> dict[str, bytes] | None:
        """The blobs that hold everything drawn so far; None where there is a gap."""
        if not self.is_complete:
            return None
        if self._pending:
            blob = draws.pack(Segment(list(self._generators), self._pending))
            self.blobs[hash_of(memoryview(blob))] = blob
            self._pending = []
        return dict(self.blobs)


class Watched:
    """An iterator whose draws are watched. It holds no item."""

    __slots__ = ("_begin", "_draws", "_iterator")

    def __init__(
        self, iterator: Iterator[Any], watching: Draws, reference: Callable[[], Reference | None]
    ) -> None:
        self._iterator = iterator
        self._draws = watching
        self._begin: Callable[[], Reference | None] | None = reference

    def __iter__(self) -> "Watched":
        return self

    def __next__(self) -> Any:
        watching = self._draws
        if not watching.is_complete:
            return next(self._iterator)
        started = time.perf_counter()
        before = self._before()
        paused = time.perf_counter()
        item = next(self._iterator)
        resumed = time.perf_counter()
        self._note(before, item)
        watching.spend(paused - started + time.perf_counter() - resumed)
        return item

    def _before(self) -> list[bytes | None]:
        try:
            if self._begin is not None:
                self._draws.begin(self._begin())
                self._begin = None
            return self._draws.before()
        except Exception as error:  # noqa: BLE001  (observing must not break training)
            self._fail(error)
            return []

    def _note(self, before: list[bytes | None], item: Any) -> None:
        if self._draws.is_complete:
            try:
                self._draws.note(before, item)
            except Exception as error:  # noqa: BLE001  (observing must not break training)
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._draws.is_complete = False
        self._draws.on_fault(error)
