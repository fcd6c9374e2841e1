"""What a rewritten program calls (see rewrite.py). Without a player every answer is "go on as written"."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

from flor.checkpoints.frames import UNBOUND
from flor.record import session


class BlockIsOver(BaseException):
    """Jumps over a `checkpointing` block whose end was restored."""


@runtime_checkable
class Player(Protocol):
    """A session that enters a program at a past moment."""

    def replace(self, line: int) -> bool:
        """Whether the loop at this line is over already: its effect was restored."""

    def ended_normally(self) -> bool:
        """Whether the loop that is over ran out of items, so that its `else` follows."""

    def is_skipping(self, line: int) -> bool:
        """Whether this iteration only counts."""

    def is_over(self, line: int) -> bool:
        """Whether the item that was yielded only stands for the end of the loop."""

    def names(self) -> dict[str, Any] | None:
        """The names to bind in the frame that asks, after a restore; else None."""

    def names_are_done(self) -> None:
        """The frame has its names."""

    def was_left_at(self, line: int) -> bool:
        """Whether the block was left by the statement at this line."""

    def jump_is_done(self) -> None:
        """The block has been jumped over; raises what it was left by, if that was an exception."""


def replace(line: int) -> bool:
    player = _player()
    return player is not None and player.replace(line)


def ended_normally() -> bool:
    player = _player()
    return player is not None and player.ended_normally()


def is_skipping(line: int) -> bool:
    player = _player()
    return player is not None and player.is_skipping(line)


def is_over(line: int) -> bool:
    player = _player()
    return player is not None and player.is_over(line)


def has_names() -> bool:
    player = _player()
    return player is not None and player.names() is not None


def take(names: Sequence[str]) -> list[Any]:
    """The values of these names of the frame that asks; UNBOUND where one has none."""
    player = _player()
    found = player.names() if player is not None else None
    values = [(found or {}).get(name, UNBOUND) for name in names]
    if player is not None:
        player.names_are_done()
    return values


def assign_names() -> None:
    """Bind the names of the module or class body that asks; names that came with a probe stay."""
    player = _player()
    names = player.names() if player is not None else None
    if player is not None and names is not None:
        sys._getframe(1).f_locals.update(names)
        player.names_are_done()


def was_left_at(line: int) -> bool:
    player = _player()
    return player is not None and player.was_left_at(line)


def jump_is_done() -> None:
    player = _player()
    if player is not None:
        player.jump_is_done()


def _player() -> Player | None:
    current: Any = session.current()
    kind: Any = type(current)
    return current if _is_player(kind) else None


@cache  # each step of a loop asks several times, and a protocol takes its time
def _is_player(kind: type) -> bool:
    return issubclass(kind, Player)
