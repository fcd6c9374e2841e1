"""Settings of Python and its library that change what a program computes or shows, as simple values."""

import _locale
import gc
import sys
from contextvars import copy_context
from typing import Any

_CONTEXT = "decimal_context"
"""The variable in which the module `decimal` keeps the context of a thread: to ask for it would make one."""
_NUMBERS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
_FIRST = (28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0, ("DivisionByZero", "InvalidOperation", "Overflow"))
"""As the module begins."""


def recursion_and_digits() -> tuple[int, int]:
    """How deep calls may nest, and how long integers may be as text."""
    return sys.getrecursionlimit(), sys.get_int_max_str_digits()


def set_recursion_and_digits(state: tuple[int, int]) -> None:
    """Set both."""
    sys.setrecursionlimit(state[0])
    sys.set_int_max_str_digits(state[1])


def collector() -> tuple[bool, tuple[int, ...]]:
    """Whether and when garbage is looked for: weak references and `__del__` show it."""
    return gc.isenabled(), gc.get_threshold()


def set_collector(state: tuple[bool, tuple[int, int, int]]) -> None:
    """Set both."""
    gc.set_threshold(*state[1])
    (gc.enable if state[0] else gc.disable)()


def decimal_context() -> tuple[Any, ...]:
    """How this thread computes with decimals."""
    decimal = sys.modules.get("decimal")
    made: Any = next((value for name, value in copy_context().items() if name.name == _CONTEXT), None)
    if decimal is None:
        return _FIRST
    found = made or decimal.DefaultContext
    traps = sorted(signal.__name__ for signal, is_trapped in found.traps.items() if is_trapped)
    return *(getattr(found, name) for name in _NUMBERS), tuple(traps)


def set_decimal_context(state: tuple[Any, ...]) -> None:
    """Set all of it, in the object that the program may hold."""
    import decimal

    now = decimal.getcontext()
    for name, value in zip(_NUMBERS, state, strict=False):
        setattr(now, name, value)
    for signal in now.traps:
        now.traps[signal] = signal.__name__ in state[-1]


def conventions() -> tuple[str, ...]:
    """How numbers, texts and times are written and sorted: the program's choice, not the environment's."""
    return tuple(_locale.setlocale(category) for category in _CATEGORIES)


def set_conventions(state: tuple[str, ...]) -> None:
    """Set them.

    Raises:
        ValueError: this machine does not know one of them.
    """
    from locale import Error  # takes long to load, and recording needs none of it

    for category, value in zip(_CATEGORIES, state, strict=True):
        try:
            _locale.setlocale(category, value)
        except Error as error:
            raise ValueError(f"{value}: {error}") from error


_CATEGORIES = (_locale.LC_NUMERIC, _locale.LC_COLLATE, _locale.LC_TIME)


def numpy_printing() -> tuple[tuple[str, Any], ...]:
    """How arrays are shown as text; functions for that are left as they are."""
    options = sys.modules["numpy"].get_printoptions()
    simple = (str, int, float, bool, type(None))
    return tuple((name, options[name]) for name in sorted(options) if type(options[name]) in simple)


def set_numpy_printing(state: tuple[tuple[str, Any], ...]) -> None:
    """Set them."""
    sys.modules["numpy"].set_printoptions(**dict(state))
