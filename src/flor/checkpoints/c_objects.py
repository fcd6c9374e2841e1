"""Objects of C types, by what they give pickle; builtin iterators among them.

Only `__reduce_ex__` of the C type itself is called: a Python class of the user's that overrides it is opaque.
"""

import copyreg
import gc
from collections.abc import Callable
from itertools import zip_longest
from pathlib import PurePath
from random import Random
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any
from weakref import ref as weakref

from flor.checkpoints.atoms import dump, is_atom, load
from flor.checkpoints.graph import Node
from flor.checkpoints.instances import attributes_of, name_of, put_attributes
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import Layout, defines, module_of, mro_of, namespace_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_PICKLING = frozenset(
    {"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"}
)
_C_FUNCTIONS = (MethodDescriptorType, WrapperDescriptorType, BuiltinFunctionType)
_PURE_LIBRARIES = frozenset({"pandas", "numpy", "pyarrow", "decimal", "datetime", "zoneinfo"})
"""Libraries whose Python `__reduce__` is known to read only."""

_LIST_ITERATOR: type[Any] = type(iter([]))
_TUPLE_ITERATOR: type[Any] = type(iter(()))
Reduce = Callable[[Any], Any]


def reduced_kind(cls: type, layout: Layout) -> Kind | None:
    """How objects of a C type are read; None if they give pickle nothing, or only by code of the user's."""
    reduce = _reduce_of(cls, layout)
    return None if reduce is None else reduced_by(reduce)


def reduced_by(reduce: Reduce) -> Kind:
    """Objects that are read by what a function gives pickle for them."""

    def read(walk: "Walk", thing: Any) -> Node:
        return _read_reduced(walk, thing, reduce)

    return Kind("reduced", read, _make_reduced)


def _reduce_of(cls: type, layout: Layout) -> Reduce | None:
    registered = copyreg.dispatch_table.get(cls)
    if registered is not None and module_of(cls).partition(".")[0] in ("re", "builtins", "types", "numpy"):
        return registered
    if not _is_pure(module_of(cls)) and defines(cls, layout.base, _PICKLING):
        return None
    method = _lookup(cls, "__reduce_ex__")
    if method is None or not _is_trusted(cls, method) or not _is_trusted(cls, _lookup(cls, "__reduce__")):
        return None
    return lambda thing: method(thing, 2)


def _is_pure(module: str) -> bool:
    return module.partition(".")[0] in _PURE_LIBRARIES


def _lookup(cls: type, name: str) -> Any:
    return next((namespace_of(each)[name] for each in mro_of(cls) if name in namespace_of(each)), None)


def _is_trusted(cls: type, method: Any) -> bool:
    if isinstance(method, _C_FUNCTIONS) or type(method).__name__ == "cython_function_or_method":
        return True
    return type(method) is FunctionType and _is_pure(str(method.__module__))


def _read_reduced(walk: "Walk", thing: Any, reduce: Reduce) -> Node:
    """A callable, its arguments, and what is given to the object afterwards."""
    try:
        given = reduce(thing)
    except Exception as error:  # noqa: BLE001 - whatever a C type raises on being pickled, it cannot be kept
        walk.opaque(f"it cannot be copied: {type(error).__name__}")
        return Node("opaque", walk.ref(type(thing)))
    if isinstance(given, str):
        return Node("global", meta=f"{getattr(thing, '__module__', None) or module_of(type(thing))}:{given}")
    function, arguments, *rest = given
    if function is zip_longest:
        arguments = [() if _is_spent(each) else each for each in arguments]
    state, items, pairs = [*rest[:3], None, None, None][:3]
    listed = None if items is None else list(items)
    paired = None if pairs is None else [tuple(pair) for pair in pairs]
    if state is not None and listed is None and paired is None and _sets_state_in_c(type(thing)):
        given_to = _simple_arguments(arguments)
        if given_to is not None:
            refs, blob = walk.refs([function, *arguments, state])
            return Node("stateful", walk.ref(type(thing)), given_to, None, refs, blob)
    cls = type(thing)
    if function is iter and state is None:  # of a dict or set, it goes on over a list of what is left
        cls, state = _LIST_ITERATOR, 0
    refs, blob = walk.refs([function, *arguments, state, listed, paired])
    return Node("reduced", walk.ref(cls), refs=refs, blob=blob)


def _is_spent(iterator: Any) -> bool:
    """Whether it is what `zip_longest` holds where one of its iterators had come to its end."""
    return type(iterator) is _TUPLE_ITERATOR and not iterator.__length_hint__()


def _sets_state_in_c(cls: type) -> bool:
    return isinstance(_lookup(cls, "__setstate__"), _C_FUNCTIONS)


def _simple_arguments(arguments: Any) -> bytes | None:
    """What the object was made with, as bytes; None where that is not simple values and library classes."""
    named = [name_of(each) if issubclass(type(each), type) else each for each in arguments]
    return dump(named) if all(map(is_atom, named)) else None


def _make_stateful(rebuild: "Rebuild", number: int, node: Node) -> Any:
    function, *arguments, _ = rebuild.values(number)
    return function(*arguments)


def _fill_stateful(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    thing.__setstate__(rebuild.values(number)[-1])


def _make_reduced(rebuild: "Rebuild", number: int, node: Node) -> Any:
    function, *arguments, state, listed, paired = rebuild.values(number)
    made = function(*arguments)
    if state is not None:
        _set_state(made, state)
    for item in listed or ():
        made.append(item)
    for key, value in paired or ():
        made[key] = value
    return made


def _set_state(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    names, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if isinstance(names, dict):
        made.__dict__.update(names)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _read_global(walk: "Walk", thing: Any) -> Node:
    return Node("global")


def _make_global(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.library(node.meta)


def random_kind(layout: Layout) -> Kind:
    """Generators of the module `random`, and of classes derived from its."""
    attributes = attributes_of(layout)

    def read(walk: "Walk", thing: Any) -> Node:
        labels, values = attributes(walk, thing)
        refs, blob = walk.refs([dump(_random_state(thing)), *values])
        return Node("random", walk.ref(type(thing)), None, walk.shape(labels), refs, blob)

    return Kind("random", read, _make_random, _fill_random)


_RANDOM: Any = Random.__base__
_random_state = _RANDOM.getstate


def _make_random(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return _RANDOM.__new__(rebuild.class_of(node), 0)


def _fill_random(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    state, *values = rebuild.values(number)
    _RANDOM.setstate(thing, load(state))
    put_attributes(thing, dict(zip(rebuild.shape(node), values, strict=True)))


def _read_weakref(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs([_referent(thing), thing.__callback__])
    return Node("weakref", walk.ref(type(thing)), refs=refs, blob=blob)


_referent = weakref.__call__


def _make_weakref(rebuild: "Rebuild", number: int, node: Node) -> Any:
    referent, callback = rebuild.values(number)
    if referent is None:
        return rebuild.dead_reference(number)
    made: Any = rebuild.class_of(node)
    return made(referent, callback) if callback is not None else made(referent)


def _read_path(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs([PurePath.__str__(thing)])
    return Node("path", walk.ref(type(thing)), refs=refs, blob=blob)


def _make_path(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.class_of(node)(rebuild.values(number)[0])


def _read_proxy(walk: "Walk", thing: Any) -> Node:
    """The garbage collector knows what it shows. The names of a class are no object of the program's."""
    shown = gc.get_referents(thing)
    if len(shown) != 1 or (type(shown[0]) is dict and "__module__" in shown[0] and "__doc__" in shown[0]):
        walk.opaque("it shows the names of a class")
        return Node("opaque", walk.ref(type(thing)))
    return Node("mapping proxy", refs=walk.all_refs(shown))


def _make_proxy(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return MappingProxyType(rebuild.values(number)[0])


STATEFUL = Kind("stateful", _read_global, _make_stateful, _fill_stateful, same_meta=True, parts_first=True)
REDUCED = Kind("reduced", _read_global, _make_reduced)
GLOBAL = Kind("global", _read_global, _make_global)
RANDOM = Kind("random", _read_global, _make_random, _fill_random)
WEAKREF = Kind("weakref", _read_weakref, _make_weakref)
PATH = Kind("path", _read_path, _make_path)
PROXY = Kind("mapping proxy", _read_proxy, _make_proxy)
