"""`flor.loop` and `flor.iteration`: they put one link on the stack for each iteration."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flor.record.context import MISSING, Loop, Node, current, is_within

T = TypeVar("T")
_SIMPLE = (str, int, float, bool)


def iterate(name: str, iterable: Iterable[T], parent: Node) -> Iterator[T]:
    """Iterate with one context for each item.

    Each step replaces whatever an inner loop left behind, so a loop abandoned in any way
    (break, exception, return, a generator never finished) is closed by the next step of
    the one around it.
    """
    around, number, node = Loop(parent, name), 0, parent
    try:
        for item in _with_progress(name, iterable, parent):
            number += 1
            node = Node(around, number, item if type(item) in _SIMPLE else simple(item))
            current.set(node)
            yield item
    finally:
        _leave(node, parent)


@contextmanager
def driven(name: str, index: int | None, value: Any, parent: Node) -> Iterator[None]:
    """One iteration of a loop that is driven from outside; `index` counts from 0, None takes the next."""
    around = parent.driven_loop(name)
    number = next(around.numbers) if index is None else index + 1
    node = Node(around, number, simple(value))
    current.set(node)
    try:
        yield
    finally:
        _leave(node, parent)


def simple(value: Any) -> Any:
    """The value if it is text, a number or a bool (numpy's too), else MISSING."""
    if isinstance(value, _SIMPLE):
        return value
    kind = type(value)
    if kind.__module__ == "numpy" and kind.__name__ != "ndarray":
        item = value.item()
        return item if isinstance(item, _SIMPLE) else MISSING
    return MISSING


def _leave(node: Node, parent: Node) -> None:
    """Go back to `parent`, unless the stack has moved on without this loop."""
    if node is not parent and is_within(current.get(), node):
        current.set(parent)


def _with_progress(name: str, iterable: Iterable[T], parent: Node) -> Iterable[T]:
    """The iterable under a progress bar, on a terminal; inner bars are not left behind."""
    if not _has_terminal():
        return iterable
    from tqdm import tqdm

    return tqdm(iterable, desc=name, leave=parent.parent is None)


def _has_terminal() -> bool:
    stream = sys.stderr
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False  # closed
