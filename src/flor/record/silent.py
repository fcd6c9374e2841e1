"""`FLOR_MODE=off`: every call returns its value, and nothing is written."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from flor.errors import ArgumentNotSet
from flor.record import membership
from flor.record.arguments import parse, parse_pairs
from flor.record.context import Node, Root, current
from flor.record.session import NO_DEFAULT

T = TypeVar("T")


def _write_nothing(node: Node, name: str, value: Any) -> None:
    return None


class SilentSession:
    """A session that keeps nothing."""

    def __init__(self) -> None:
        self._root = Root(_write_nothing)
        self._given = parse_pairs(membership.kwargs_tokens())

    @property
    def recorded(self) -> None:
        return None

    def root(self) -> Root:
        current.set(self._root)
        return self._root

    def arg(self, name: str, default: Any) -> Any:
        if name in self._given:
            return parse(name, self._given[name], None if default is NO_DEFAULT else default)
        if default is NO_DEFAULT:
            raise ArgumentNotSet(name)
        return default

    def loop(self, name: str, iterable: Iterable[T]) -> Iterator[T]:
        return iter(iterable)

    def iteration(self, name: str, index: int | None, value: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def checkpointing(self, objects: dict[str, Any]) -> AbstractContextManager[None]:
        return nullcontext()

    def commit(self) -> None:
        return None

    def close(self) -> None:
        return None
