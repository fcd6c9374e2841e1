"""The table of kinds: which one reads an object of a class, and which one puts a node back."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from enum import Enum
from functools import cache, partial
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
    UnionType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any
from weakref import KeyedRef, ReferenceType, WeakMethod

from flor.checkpoints import (
    c_objects,
    classes,
    files,
    function_caches,
    functions,
    instances,
    opaque,
    plain,
    root_kinds,
)
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import Ancestors, Layout, layout_of, module_of, mro_of

if TYPE_CHECKING:
    from types import ModuleType as Family

_DESCRIPTORS = (
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
)

_TYPES: dict[type, Kind] = {
    **plain.BASES,
    **plain.VIEWS,
    **dict.fromkeys((int, float, complex, str, bytes), plain.VALUE),
    FunctionType: functions.FUNCTION,
    CellType: functions.CELL_KIND,
    MethodType: functions.METHOD,
    partial: functions.PARTIAL,
    function_caches.CACHE: function_caches.FUNCTION_CACHE,
    BuiltinFunctionType: functions.BUILTIN,
    MethodWrapperType: functions.BUILTIN,
    property: functions.PROPERTY,
    staticmethod: functions.STATIC,
    classmethod: functions.CLASSMETHOD,
    **dict.fromkeys(_DESCRIPTORS, functions.MEMBER),
    MappingProxyType: c_objects.PROXY,
    **dict.fromkeys((ReferenceType, KeyedRef, WeakMethod), c_objects.WEAKREF),
    **opaque.TYPES,
    **files.TYPES,
    **root_kinds.TYPES,
}
_BASES: dict[type, Kind] = {
    type: classes.CLASS,
    ModuleType: classes.MODULE,
    Enum: classes.ENUM,
    PurePath: c_objects.PATH,
    GenericAlias: opaque.OUTSIDE,
    UnionType: opaque.OUTSIDE,
    **{base: kind for base, kind in opaque.TYPES.items() if base.__flags__ & (1 << 10)},
    **files.TYPES,
}
"""Kinds that hold for derived classes too."""

_READ_BY = {id(cls): kind for cls, kind in _TYPES.items()}
_READ_BY_BASE = {id(cls): kind for cls, kind in _BASES.items()}
"""By the id of a class: a metaclass of the user's may answer `==` and `hash`."""

_HOLDING = frozenset(map(id, instances.HOLDING))
_FAMILIES = {
    "torch": "flor.checkpoints.tensors",
    "numpy": "flor.checkpoints.arrays",
    "numpy.random": "flor.checkpoints.generators",
    "pandas": "flor.checkpoints.tables",
    "pyarrow": "flor.checkpoints.arrow",
}
"""Libraries with kinds of their own: imported only where the program has imported the library."""

_LASTING = frozenset({"builtins", "collections", "flor", "numpy", "random", "torch"})
"""Whose classes stay as they are: how to read them is found out once, not by each walk."""

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *_TYPES.values(),
        *_BASES.values(),
        instances.INSTANCE,
        instances.HOLDER,
        instances.FROZEN_HOLDER,
        instances.EXCEPTION,
        instances.VARS,
        c_objects.REDUCED,
        c_objects.STATEFUL,
        c_objects.GLOBAL,
        c_objects.RANDOM,
        opaque.OUTSIDE,
        opaque.LOCK,
        opaque.OPAQUE,
    )
}
"""How a node of each kind is put back; those of libraries come with their family."""


def families() -> Iterator["Family"]:
    """The modules with the kinds of libraries that are loaded."""
    for library, module in _FAMILIES.items():
        if library in sys.modules:
            __import__(module)
            yield sys.modules[module]


def guards() -> list[AbstractContextManager[Any]]:
    """What must be entered for the time of a walk, so that libraries call nothing of the user's."""
    return [guard for family in families() for guard in family.guards()]


def kind_named(name: str) -> Kind:
    """The kind that puts a node back."""
    return KINDS.get(name) or _of_family(name)


def _of_family(name: str) -> Kind:
    for family in families():
        KINDS.update(family.KINDS)
    return KINDS[name]


def plan(cls: type) -> Kind:
    """The kind that reads objects of a class."""
    found = _READ_BY.get(id(cls))
    if found is not None:
        return found
    is_lasting = module_of(cls).partition(".")[0] in _LASTING and type(cls).__hash__ is type.__hash__
    return _lasting_plan(cls) if is_lasting else _plan(cls)


@cache
def _lasting_plan(cls: type) -> Kind:
    return _plan(cls)


def _plan(cls: type) -> Kind:
    mro = Ancestors(cls)
    for family in families():
        planned: Kind | None = family.plan(cls, mro)
        if planned is not None:
            return planned
    for base in mro_of(cls):
        if id(base) in _READ_BY_BASE:
            return _READ_BY_BASE[id(base)]
    return opaque.by_module(cls) or _by_layout(cls, layout_of(cls))


def _by_layout(cls: type, layout: Layout) -> Kind:
    """By the first class of the MRO that may keep state in C memory."""
    base = layout.base
    if base is object or base is SimpleNamespace:
        return instances.instance_kind(layout)
    if id(base) in _HOLDING:
        return instances.holder_kind(layout)
    if BaseException in Ancestors(base):
        return instances.exception_kind(layout)
    if module_of(base) == "_random":
        return c_objects.random_kind(layout)
    return c_objects.reduced_kind(cls, layout) or opaque.OPAQUE
