"""What stands where an object could not be put back: it raises on any use."""

from collections.abc import Callable
from typing import Any, NoReturn

from flor.errors import StateLost

_OPERATIONS = (
    "call", "iter", "next", "len", "bool", "contains", "getitem", "setitem", "delitem", "enter", "exit",
    "str", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "pow",
    "matmul", "neg", "lt", "le", "gt", "ge", "eq", "ne", "hash", "int", "float", "index", "iadd", "isub",
    "imul", "await",
)  # fmt: skip


class Lost:
    """A stand-in for an object of a class."""

    __slots__ = ("_kind", "_of", "_path", "_reason")

    def __init__(self, path: str, reason: str, kind: str, of: Any) -> None:
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_reason", reason)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_of", of)

    def __getattr__(self, name: str) -> NoReturn:
        _raise(self)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        _raise(self)

    def __repr__(self) -> str:
        return f"<not restored: {read(self, '_path')}>"


def read(lost: Lost, field: str) -> Any:
    """A field of a stand-in."""
    return object.__getattribute__(lost, field)


_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Be told before an exception is raised because something is used that was not put back."""
    _listeners.append(listener)


def raise_on_use(message: str) -> NoReturn:
    """Something is used that was not put back.

    Raises:
        StateLost: always.
    """
    for listener in _listeners:
        listener(message)
    raise StateLost(message, "Start from an earlier entry point, or run the whole script.")


def _raise(lost: Lost, *arguments: Any) -> NoReturn:
    raise_on_use(f"{read(lost, '_path')} was not restored: {read(lost, '_reason')}.")


for _operation in _OPERATIONS:
    setattr(Lost, f"__{_operation}__", _raise)
