"""Functions of a project that remember what they returned."""

from functools import cache, lru_cache
from typing import Any

calls: list[Any] = []


@lru_cache(maxsize=3)
def drawn(width: int) -> list[int]:
    """Another list whenever it is forgotten."""
    calls.append(width)
    return [width]


@lru_cache(maxsize=None, typed=True)
def told(*given: Any, **named: Any) -> str:
    """Tells `1` from `1.0`."""
    calls.append((given, tuple(named.items())))
    return f"{given} {named}"


class Model:
    """Remembers for each of its objects."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @cache  # noqa: B019 - as people write it
    def times(self, number: int) -> int:
        """A product."""
        calls.append((self.factor, number))
        return self.factor * number


def remembering(start: int) -> Any:
    """A closure that remembers, and changes a variable when it has to compute."""
    asked = start
    last = [0]

    @cache
    def answer(number: int) -> int:
        nonlocal asked
        asked += 1
        last[0] = number
        return asked * 100 + number

    return answer
