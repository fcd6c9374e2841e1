"""`flor.loop` and `flor.iteration`: they put one link on the stack for each iteration."""

import math
import operator
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flor.record.context import MISSING, UNDECLARED, Loop, Node, current, following, iteration_of, leave
from flor.record.echo import make_lock
from flor.runs.values import is_numpy_scalar

T = TypeVar("T")
_SIMPLE = (str, int, float, bool)
_NEVER_SIMPLE = {tuple, list, dict, set, type(None)}  # what loops mostly iterate over, told apart at once


def iterate(name: str, iterable: Iterable[T], parent: Node) -> Iterator[T]:
    """Iterate with one context for each item.

    Each step replaces whatever an inner loop left behind, so a loop abandoned in any way
    (break, exception, return, a generator never finished) is closed by the next step of
    the one around it.

    Between two steps of a training all of this has left the processor's caches, so what an iteration costs is
    how many places it touches. That over batches, by far the most common, is entered here, without a call.
    """
    around, number = Loop(parent, name), 0
    batch: type = tuple
    try:
        for item in with_progress(name, iterable, parent):
            number += 1
            if around.successor:
                around = following(around)
            if type(item) is batch:
                node = Node()
                node.loop, node.number, node.value = around, number, MISSING
                node.ctx = UNDECLARED if around.is_index else around.id
                node.write = around.parent.write
                node.occurrences = node.driven = None
                current.set(node)
            elif enter(around, number, item) is MISSING:
                batch = kind_of_batch(item)
            yield item
    finally:
        leave(around)


def enter(loop: Loop, number: int, item: Any) -> Any:
    """Put an iteration on the stack; its value, or MISSING where the item is not simple."""
    value = item if type(item) in _SIMPLE else simple(item)
    current.set(iteration_of(loop, number, value))
    return value


def kind_of_batch(item: Any) -> type:
    """The type of an item that is not simple; `tuple` where another one of its type may be."""
    return tuple if is_numpy_scalar(item) else type(item)


@contextmanager
def driven(name: str, index: int | None, value: Any, parent: Node) -> Iterator[None]:
    """One iteration of a loop that is driven from outside; `index` counts from 0, None takes the next.

    Raises:
        TypeError: the index is no integer.
    """
    around = parent.driven_loop(name)
    number = next(around.numbers) if index is None else operator.index(index) + 1
    enter(around, number, value)
    try:
        yield
    finally:
        leave(around)


def simple(value: Any) -> Any:
    """The value if it is text, a number or a bool (numpy's too), else MISSING."""
    if type(value) in _NEVER_SIMPLE:
        return MISSING
    if isinstance(value, _SIMPLE):
        return value
    if not is_numpy_scalar(value):
        return MISSING
    item = value.item()
    return item if isinstance(item, _SIMPLE) else MISSING


def with_progress(name: str, iterable: Iterable[T], parent: Node) -> Iterable[T]:
    """The iterable under a progress bar, on a terminal; inner bars are not left behind."""
    if not _has_terminal():
        return iterable
    from tqdm import tqdm

    make_lock(tqdm)
    return tqdm(iterable, desc=name, total=_length(iterable), leave=parent.parent is None)


def _length(iterable: Iterable[Any]) -> float:
    """How many items there are; infinity where nobody knows."""
    try:
        return len(iterable)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  (foreign code; a progress bar must not break training)
        return math.inf


def _has_terminal() -> bool:
    stream = sys.stderr
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False  # closed
