"""Things that no checkpoint can hold."""

from collections.abc import Iterator


def numbers() -> Iterator[int]:
    yield from range(5)


class Countdown:
    """An iterator of a class of the project: an ordinary object."""

    def __init__(self, start: int) -> None:
        self.now = start

    def __iter__(self) -> "Countdown":
        return self

    def __next__(self) -> int:
        if not self.now:
            raise StopIteration
        self.now -= 1
        return self.now
