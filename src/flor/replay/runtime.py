"""What a rewritten program calls (see rewrite.py). Without a player every answer is "go on as written"."""

import sys
from typing import Any, Protocol, runtime_checkable

from flor.record import session


class BlockIsOver(BaseException):
    """Jumps over a `checkpointing` block whose end was restored."""


@runtime_checkable
class Player(Protocol):
    """A session that enters a program at a past moment."""

    def replace(self, line: int) -> bool:
        """Whether the loop at this line is over already: its effect was restored."""

    def ended_normally(self) -> bool:
        """Whether the replaced loop ran out of items, so that its `else` follows."""

    def is_skipping(self, line: int) -> bool:
        """Whether this iteration only counts."""

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


def has_names() -> bool:
    player = _player()
    return player is not None and player.names() is not None


def is_bound(name: str) -> bool:
    return name in _names()


def take(name: str) -> Any:
    return _names()[name]


def names_are_done() -> None:
    player = _player()
    if player is not None:
        player.names_are_done()


def assign_module(module: str) -> None:
    """Bind a module's names; names that came with a probe stay."""
    player = _player()
    names = player.names() if player is not None else None
    if player is not None and names is not None:
        vars(sys.modules[module]).update(names)
        player.names_are_done()


def was_left_at(line: int) -> bool:
    player = _player()
    return player is not None and player.was_left_at(line)


def jump_is_done() -> None:
    player = _player()
    if player is not None:
        player.jump_is_done()


def _names() -> dict[str, Any]:
    player = _player()
    return (player.names() if player is not None else None) or {}


def _player() -> Player | None:
    current = session.current()
    return current if isinstance(current, Player) else None
