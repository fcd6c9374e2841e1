"""Compares objects in plain Python, with no part of the walk: values, order, sharing."""

from collections import OrderedDict, deque
from types import CellType, FunctionType, MethodType
from typing import Any

ATOMS = (type(None), bool, int, float, complex, str, bytes, type)


class Comparison:
    """Two graphs of objects, and which object of the one is which of the other."""

    def __init__(self) -> None:
        self.pairs: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.kept: list[Any] = []

    def check(self, one: Any, other: Any, path: str = "") -> None:
        """Raise AssertionError at the first difference."""
        assert type(one) is type(other), path
        if isinstance(one, ATOMS):
            assert repr(one) == repr(other), path
            return
        # Sharing of what never changes cannot be seen.
        is_changeable = not isinstance(one, tuple | frozenset | MethodType)
        if is_changeable and (id(one) in self.pairs or id(other) in self.back):
            assert self.pairs.get(id(one)) == id(other), f"{path}: shared differently"
            return
        self.pairs[id(one)], self.back[id(other)] = id(other), id(one)
        self.kept += [one, other]
        for step, (mine, theirs) in enumerate(zip(self.parts(one), self.parts(other), strict=True)):
            self.check(mine, theirs, f"{path}/{type(one).__name__}[{step}]")

    def parts(self, thing: Any) -> list[Any]:
        """What an object holds, in the order in which a program can see it."""
        found: list[Any] = []
        if isinstance(thing, OrderedDict | dict):
            found += [part for pair in thing.items() for part in pair]
        elif isinstance(thing, list | tuple | deque):
            found += [len(thing), *thing, getattr(thing, "maxlen", None)]
        elif isinstance(thing, set | frozenset):
            found += sorted(thing, key=repr)
        elif isinstance(thing, FunctionType):
            return [
                thing.__code__.co_code,
                thing.__defaults__,
                thing.__kwdefaults__,
                thing.__dict__,
                *(thing.__closure__ or ()),
            ]
        elif isinstance(thing, CellType):
            return [thing.cell_contents]
        elif isinstance(thing, MethodType):
            return [thing.__func__.__name__, thing.__self__]
        own = getattr(thing, "__dict__", None)
        if own is not None and own is not thing:
            found += [part for pair in own.items() for part in pair]
        slots = [
            name
            for cls in type(thing).__mro__
            for name in getattr(cls, "__slots__", ())
            if name != "__dict__"
        ]
        return found + [getattr(thing, name, "unset") for name in slots]


def check(one: Any, other: Any) -> None:
    """Raise AssertionError unless the two graphs of objects cannot be told apart."""
    Comparison().check(one, other)
