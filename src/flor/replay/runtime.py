"""What a rewritten program calls (see rewrite.py). Without a player every answer is "go on as written"."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol, runtime_checkable

from flor.checkpoints.frames import UNBOUND
from flor.record import session
from flor.replay.binding import Names


class BlockIsOver(BaseException):
    """Jumps over a `checkpointing` block whose end is restored behind it."""


@runtime_checkable
class Player(Protocol):
    """A session that enters a program at a past moment."""

    def expect_block(self) -> None:
        """The next statement is a block that can be jumped over."""

    def land(self) -> None:
        """A block was jumped over: its end is restored."""

    def was_left_by(self, number: int) -> bool:
        """Whether the block was left by the statement of this number."""

    def replace(self, line: int) -> bool:
        """Whether the loop at this line is over already: its effect was restored."""

    def goes_through(self, function: Any) -> None:
        """What the next loop is given to: it draws the items."""

    def goes_beside(self, argument: Any) -> None:
        """What that is given beside the loop."""

    def ended_normally(self) -> bool:
        """Whether the loop that is over ran out of items, so that its `else` follows."""

    def is_skipping(self, line: int) -> bool:
        """Whether this iteration only counts."""

    def is_over(self, line: int) -> bool:
        """Whether the item that was yielded only stands for the end of the loop."""

    def names(self) -> Names | None:
        """The names to bind in the frame that asks, after a restore; else None."""

    def names_are_done(self) -> None:
        """The frame is given its names."""

    def check_names(self) -> None:
        """The frame must have its names now."""

    def rest_is_skipped(self, line: int) -> bool:
        """Whether the rest of the iteration is left out (see planning/slicing.py)."""

    def probe(self, line: int) -> AbstractContextManager[None]:
        """Around statements that came with a probe (see edits.py)."""


def expect_block() -> None:
    player = _player()
    if player is not None:
        player.expect_block()


def land() -> None:
    player = _player()
    if player is not None:
        player.land()


def was_left_by(number: int) -> bool:
    player = _player()
    return player is not None and player.was_left_by(number)


def replace(line: int) -> bool:
    player = _player()
    return player is not None and player.replace(line)


def through(function: Any) -> Any:
    """The function, which is given a loop."""
    player = _player()
    if player is not None:
        player.goes_through(function)
    return function


def beside(argument: Any) -> Any:
    """The argument, which is given to a function beside a loop."""
    player = _player()
    if player is not None:
        player.goes_beside(argument)
    return argument


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
    if player is None or found is None:
        return [UNBOUND] * len(names)
    player.names_are_done()
    return found.values(sys._getframe(1), names)


def check_names() -> None:
    player = _player()
    if player is not None:
        player.check_names()


def assign_names() -> None:
    """Bind the names of the module or class body that asks; names that came with a probe stay."""
    player = _player()
    found = player.names() if player is not None else None
    if player is not None and found is not None:
        sys._getframe(1).f_locals.update(found.names)
        player.names_are_done()


def rest_is_skipped(line: int) -> bool:
    player = _player()
    return player is not None and player.rest_is_skipped(line)


def probe(line: int) -> AbstractContextManager[None]:
    player = _player()
    return player.probe(line) if player is not None else nullcontext()


def _player() -> Player | None:
    current: Any = session.current()
    kind: Any = type(current)
    return current if _is_player(kind) else None


@cache  # each step of a loop asks several times, and a protocol takes its time
def _is_player(kind: type) -> bool:
    return issubclass(kind, Player)
