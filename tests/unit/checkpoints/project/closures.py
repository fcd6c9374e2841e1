"""Functions of a project that share variables with a running function."""

import functools
from collections.abc import Callable
from typing import Any

Probe = Callable[[int, dict[str, Any]], None]


def train(probe: Probe, rounds: int = 3) -> list[Any]:
    """A loop whose body makes functions; `probe` is told of each header, with a rewritten program's cells."""
    best = None
    hooks: list[Any] = []

    def on_end() -> Any:
        return best

    for i in range(rounds):
        cells = (lambda: (best,)).__closure__ or ()  # noqa: B023 - as a rewritten program asks for them
        probe(i, {"best": cells[0]})
        hooks.append(lambda: best)  # noqa: B023 - it shares the variable on purpose
        best = i * 1.5
    return [on_end(), *(hook() for hook in hooks)]


def train_late(probe: Probe, rounds: int = 3) -> list[Any]:
    """The only closures over the variable are made in the loop."""
    last = None
    hooks: list[Any] = []
    for i in range(rounds):
        cells = (lambda: (last,)).__closure__ or ()  # noqa: B023 - as a rewritten program asks for them
        probe(i, {"last": cells[0]})
        hooks.append(lambda: last)  # noqa: B023 - it shares the variable on purpose
        last = i * 2.5
    return [hook() for hook in hooks]


def adders(count: int) -> list[Any]:
    """Functions of one name: they differ by a default, or by code."""
    return [*(lambda x, n=n: x + n for n in range(count)), lambda x: x * 10, lambda x: x - 10]


def make_adder(n: Any) -> Any:
    def add(x: Any, *, extra: Any = 0) -> Any:
        return x + n + extra

    return add


class Callbacks:
    registered: list[Any] = []  # noqa: RUF012
    count = 0

    def __init__(self) -> None:
        self.bound = self.step
        self.partial = functools.partial(self.step, 2)
        self.append = self.registered.append

    def step(self, by: int = 1) -> int:
        type(self).count += by
        return self.count

    @classmethod
    def total(cls) -> int:
        return cls.count

    @staticmethod
    def nothing() -> None:
        """It does nothing."""

    @property
    def double(self) -> int:
        return 2 * self.count


def counted(x: Any) -> Any:
    counted.calls += 1  # type: ignore[attr-defined]
    return x


counted.calls = 0  # type: ignore[attr-defined]
TOTAL = [0]
setting = 1


def set_global(value: Any) -> None:
    global setting  # noqa: PLW0603
    setting = value
