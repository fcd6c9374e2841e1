"""`from flor import MTK as Flor`: the oldest form of FlorDB's functions, in which loops had no names."""

import atexit
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from flor import api
from flor.api import arg, log
from flor.record.context import chain, current

__all__ = ["arg", "checkpoints", "log", "loop"]

T = TypeVar("T")
_OUTERMOST, _NESTED = "epoch", "step"


def loop(*name_and_iterable: Any) -> Iterator[Any]:
    """Iterate over the last argument. Without a name the outermost loop is `epoch`, one inside it `step`."""
    *name, iterable = name_and_iterable
    return api.loop(name[0] if name else _name(), iterable)


def checkpoints(*objects: Any) -> None:
    """Keep the training state of these objects from here on, under the names that they have in the caller."""
    frame = sys._getframe(1)
    names = _names_of(objects, {**frame.f_globals, **frame.f_locals})
    opened = api.checkpointing(**names)
    opened.__enter__()
    atexit.register(_leave, opened)


def _name() -> str:
    node = current.get()
    return _NESTED if node is not None and chain(node) else _OUTERMOST


def _names_of(objects: Iterable[T], visible: Mapping[str, Any]) -> dict[str, T]:
    """The objects by their names; one that has none by its class."""
    named = {id(value): name for name, value in visible.items()}
    found: dict[str, T] = {}
    for one in objects:
        name = named.get(id(one)) or type(one).__name__.lower()
        found[f"{name}_{len(found) + 1}" if name in found else name] = one
    return found


def _leave(opened: AbstractContextManager[None]) -> None:
    """The program is over. It did not leave the block by a statement that could be repeated."""
    opened.__exit__(SystemExit, SystemExit(), None)
