"""By which statement a block was left is told from the code that closes it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flor.checkpoints.leaving import NORMALLY, Left, left_by

_UNKNOWN = None


class _Closed:
    """What was found where blocks closed."""

    def __init__(self) -> None:
        self.found: list[Left | None] = []

    @contextmanager
    def block(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.found.append(left_by(sys._getframe(2)))

    def numbers(self, function: Callable[..., Any], *arguments: Any) -> list[int | None]:
        self.found.clear()
        function(*arguments, self.block)
        return [each if each is None else each.number for each in self.found]


def _many(way: int, block: Any) -> Any:  # noqa: C901  (a way out each)
    for turn in range(2):
        with block():
            if way == 0:
                return way
            if way == 1:
                break
            if way == 2:
                continue
            if way == 3:
                return None
            if way == 4:
                return [way, 5]  # cannot be executed again
            for inner in range(3):
                if way == 5:
                    break  # leaves the inner loop only
                if way == 6:
                    return way, inner
            else:
                if way == 7:
                    continue
        if way == 8:
            return turn
    return "end"


def _in_another(way: int, block: Any) -> Any:
    with block():
        with open("/dev/null"):
            if way == 0:
                return way
        while True:
            if way == 1:
                break
    return "behind"


def _always(way: int, block: Any) -> Any:
    with block():
        way += 1
        return way


def _guarded(way: int, block: Any) -> Any:
    with block():
        try:
            if way == 0:
                return way
        finally:
            way = 3
    return "behind"


def _plain(way: int, block: Any) -> Any:
    with block():
        way += 1
    return way


def test_each_way_out_has_its_number() -> None:
    closed = _Closed()

    ways = [closed.numbers(_many, way) for way in range(9)]
    assert ways == [
        *([0], [1], [2, 2], [3], [_UNKNOWN]),
        *([NORMALLY] * 2, [5], [6, 6], [NORMALLY]),
    ]
    assert [closed.numbers(_in_another, way) for way in range(2)] == [[0], [NORMALLY]]
    assert closed.numbers(_always, 1) == [0]
    assert closed.numbers(_plain, 1) == [NORMALLY]


def test_the_names_that_a_return_reads_are_told() -> None:
    closed = _Closed()
    closed.numbers(_many, 6)

    assert closed.found == [Left(5, frozenset({"way", "inner"}))]


def test_where_code_stands_twice_nothing_is_claimed() -> None:
    assert _Closed().numbers(_guarded, 0) == [_UNKNOWN]
