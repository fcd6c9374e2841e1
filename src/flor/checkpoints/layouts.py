"""Where the instances of a class keep what they hold: a dict, slots, and C memory of a base class."""

from collections.abc import Callable
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any

SLOT = "__slots__."
"""Before the name of a slot, so that it is no name of the dict."""

_HEAP_TYPE = 1 << 9
_C_MEMBERS = frozenset(
    map(id, (MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType, GetSetDescriptorType))
)
_OF_EVERY_CLASS = frozenset({"__dict__", "__weakref__"})

# By the descriptors of `type` itself: a metaclass of the user's can answer `cls.__mro__` with anything.
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
namespace_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
_flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__
_module_name: Callable[[type], Any] = type.__dict__["__module__"].__get__
qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__


class Ancestors:
    """The classes that a class is derived from. They are told by identity: a metaclass may answer `==`."""

    def __init__(self, cls: type) -> None:
        self._ids = frozenset(map(id, mro_of(cls)))

    def __contains__(self, cls: type) -> bool:
        return id(cls) in self._ids


def getter(cls: type, name: str) -> Callable[[Any], Any]:
    """Reads an attribute by the descriptor of the class itself, whatever derived classes make of the name."""
    found: Callable[[Any], Any] = namespace_of(cls)[name].__get__
    return found


def setter(cls: type, name: str) -> Callable[[Any, Any], None]:
    """Sets an attribute by the descriptor of the class itself."""
    found: Callable[[Any, Any], None] = namespace_of(cls)[name].__set__
    return found


def module_of(cls: type) -> str:
    """The name of the module that defines the class."""
    name = _module_name(cls)
    return name if type(name) is str else ""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How to reach what an instance holds without `getattr`."""

    base: type  # the first class that may keep state in C memory; `object`: none does
    names: Any | None  # the descriptor of `__dict__`
    slots: dict[str, Any]  # label to descriptor


def layout_of(cls: type) -> Layout:
    """The layout of the instances of a class."""
    names = None
    slots: dict[str, Any] = {}
    for each in mro_of(cls):
        own = namespace_of(each)
        if names is None:
            names = _dict_descriptor(own)
        if not is_python_class(each):
            return Layout(each, names or _inherited_dict(each), slots)
        for name, member in own.items():
            if type(member) is MemberDescriptorType:
                label = SLOT + name
                slots[label if label not in slots else f"{SLOT}{qualname_of(each)}.{name}"] = member
    return Layout(object, names, slots)


def _dict_descriptor(own: Any) -> Any | None:
    found = own.get("__dict__")
    return found if type(found) is GetSetDescriptorType or type(found) is MemberDescriptorType else None


def _inherited_dict(base: type) -> Any | None:
    return next(filter(None, (_dict_descriptor(namespace_of(each)) for each in mro_of(base))), None)


def is_python_class(cls: type) -> bool:
    """Whether a class statement made it: then its own state is in the dict and the slots."""
    if not _flags_of(cls) & _HEAP_TYPE:
        return False
    return not any(_is_c_member(cls, name, member) for name, member in namespace_of(cls).items())


def _is_c_member(cls: type, name: str, member: Any) -> bool:
    if id(type(member)) in _C_MEMBERS:
        return member.__objclass__ is cls and name not in _OF_EVERY_CLASS
    return name == "__new__" and type(member) is BuiltinFunctionType


def defines(cls: type, base: type, names: frozenset[str]) -> bool:
    """Whether a class before `base` overrides one of the names."""
    for each in mro_of(cls):
        if each is base:
            return False
        if not names.isdisjoint(namespace_of(each)):
            return True
    return False
