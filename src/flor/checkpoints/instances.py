"""Objects of Python classes: their attributes and slots, and what a builtin base class holds for them."""

import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from flor.checkpoints.graph import Node, Ref
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import SLOT, Layout, getter, layout_of, module_of, qualname_of, setter
from flor.checkpoints.plain import BASES, VALUE

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_STR = frozenset({id(str)})
_DICT = "__dict__"
_MACHINERY = "__composable_api"
"""Attributes by which torch finds what spreads a module over ranks; each process names them otherwise."""
_HOOKS = "_hooks"  # ends the names of tables that such machinery enters itself into
_SPREADING = "torch.distributed.fsdp"
"""The module that spreads others over ranks, of whatever class: scripts may import it at any time."""
Attributes = Callable[["Walk", Any], tuple[tuple[str, ...], list[Any]]]


def attributes_of(layout: Layout) -> Attributes:
    """A function that reads the attributes of an instance: labels and values."""
    get_names = layout.names.__get__ if layout.names is not None else None
    slots = [(label, member.__get__) for label, member in layout.slots.items()]

    def read(walk: "Walk", thing: Any) -> tuple[tuple[str, ...], list[Any]]:
        labels: tuple[str, ...] = ()
        values: list[Any] = []
        if get_names is not None:
            names = get_names(thing)
            if type(names) is dict and walk.owns(names) and _STR.issuperset(map(id, map(type, names))):
                labels, values = tuple(names), list(names.values())
            elif names is not None:
                labels, values = (_DICT,), [names]
        for label, get in slots:
            try:
                values.append(get(thing))
            except AttributeError:
                continue
            labels = (*labels, label)
        return labels, values

    return read


def instance_kind(layout: Layout, *, may_be_spread: bool = False) -> Kind:
    """Plain instances of one class.

    Args:
        may_be_spread: torch may spread them over ranks.
    """
    attributes = _without_machinery(attributes_of(layout)) if may_be_spread else attributes_of(layout)

    def read(walk: "Walk", thing: Any) -> Node:
        labels, values = attributes(walk, thing)
        refs, blob = walk.refs(values)
        return Node("instance", walk.ref(type(thing)), None, walk.shape(labels), refs, blob)

    return Kind("instance", read, _make_instance, _fill_instance)


def _without_machinery(attributes: Attributes) -> Attributes:
    def read(walk: "Walk", thing: Any) -> tuple[tuple[str, ...], list[Any]]:
        labels, values = attributes(walk, thing)
        if _SPREADING not in sys.modules or not any(map(_is_machinery, labels, values)):
            return labels, values
        pairs = [pair for pair in zip(labels, values, strict=True) if not _may_be_machinery(*pair)]
        return tuple(label for label, _ in pairs), [value for _, value in pairs]

    return read


def _is_machinery(label: str, value: Any) -> bool:
    """Whether torch has entered itself here."""
    if not label.endswith(_HOOKS) or not isinstance(value, dict):
        return label.startswith(_MACHINERY)
    return any(_home(hook).startswith("torch.distributed") for hook in value.values())


def _may_be_machinery(label: str, value: Any) -> bool:
    """Whether it has, or may later: it enters itself into one table of a module after the other."""
    return _is_machinery(label, value) or (label.endswith(_HOOKS) and isinstance(value, dict) and not value)


def _home(hook: Any) -> str:
    """The module that a hook was written in."""
    if qualname_of(type(hook)) == "_WrappedHook":
        hook = object.__getattribute__(hook, "hook")
    if type(hook) is MethodType:
        hook = hook.__func__
    return str(hook.__module__) if type(hook) is FunctionType else ""


def holder_kind(layout: Layout) -> Kind:
    """Instances of a class derived from a builtin one: the node `content` says what that holds."""
    base, content = content_of(layout)
    attributes = attributes_of(layout)
    name = "holder" if content.fill else "frozen holder"

    def read(walk: "Walk", thing: Any) -> Node:
        inner = walk.node(thing, content)
        labels, values = attributes(walk, thing)
        refs, blob = walk.refs(values)
        others: list[Ref] = [None] * len(values) if refs is None else refs
        return Node(name, walk.ref(type(thing)), name_of(base), walk.shape(labels), [inner, *others], blob)

    return Kind(name, read, _make_holder, _fill_instance if content.fill else None)


def name_of(cls: type) -> str:
    """The library name of a class."""
    return f"{module_of(cls)}:{qualname_of(cls)}"


def content_of(layout: Layout) -> tuple[type, Kind]:
    """The builtin class that holds something for the instances, and how that is read."""
    if layout.base in BASES:
        return layout.base, BASES[layout.base]
    return layout.base, Kind("value", _ATOM_CONTENT[layout.base], VALUE.make)


def _content(convert: Callable[[Any], Any]) -> Callable[["Walk", Any], Node]:
    return lambda walk, thing: VALUE.read(walk, convert(thing))


_ATOM_CONTENT: dict[type, Callable[["Walk", Any], Node]] = {
    int: _content(int.__int__),
    float: _content(float.__float__),
    complex: _content(complex.__complex__),
    str: _content(lambda text: str.__getitem__(text, slice(None))),
    bytes: _content(lambda data: bytes.__getitem__(data, slice(None))),
}
HOLDING = frozenset(BASES) | frozenset(_ATOM_CONTENT)


def _make_instance(rebuild: "Rebuild", number: int, node: Node) -> Any:
    cls = rebuild.class_of(node)
    base: Any = layout_of(cls).base
    return base.__new__(cls)


def _make_holder(rebuild: "Rebuild", number: int, node: Node) -> Any:
    base = rebuild.library(node.meta)
    cls = rebuild.class_of(node)
    if node.kind == "holder":
        return base.__new__(cls)
    made = base.__new__(cls, rebuild.object((node.refs or [None])[0]))
    _fill_instance(rebuild, number, node, made)
    return made


def _fill_instance(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    put_attributes(thing, dict(zip(rebuild.shape(node), rebuild.named_values(number), strict=True)))


def put_attributes(thing: Any, wanted: dict[str, Any]) -> None:
    """Give the instance these attributes and slots, in this order, and no others."""
    layout = layout_of(type(thing))
    slots = {label: wanted.pop(label) for label in list(wanted) if label.startswith(SLOT)}
    if layout.names is not None:
        _put_names(thing, layout, wanted)
    for label, member in layout.slots.items():
        _put_slot(thing, member, label in slots, slots.get(label))


def _put_names(thing: Any, layout: Layout, wanted: dict[str, Any]) -> None:
    own = wanted.get(_DICT) if len(wanted) == 1 else None
    names = layout.names.__get__(thing)  # type: ignore[union-attr]
    if issubclass(type(own), dict):
        if names is not own:
            layout.names.__set__(thing, own)  # type: ignore[union-attr]
        return
    if tuple(names) != tuple(wanted):
        wanted = _staying(names) | wanted
        dict.clear(names)
    dict.update(names, wanted)


def _staying(names: dict[str, Any]) -> dict[str, Any]:
    """What torch has entered itself in stays, and the other tables of hooks of such a module are emptied."""
    machinery = {name: value for name, value in names.items() if _is_machinery(str(name), value)}
    if not machinery:
        return {}
    tables = {name: value for name, value in names.items() if name.endswith(_HOOKS)}
    emptied = {name: type(value)() for name, value in tables.items() if isinstance(value, dict)}
    return emptied | machinery


def _put_slot(thing: Any, member: Any, is_set: bool, value: Any) -> None:
    if is_set:
        member.__set__(thing, value)
        return
    try:
        member.__delete__(thing)
    except AttributeError:
        return


def exception_kind(layout: Layout) -> Kind:
    """Exceptions, without their traceback: that keeps frames alive, and no program computes with it."""
    attributes = attributes_of(layout)
    base = layout.base

    def read(walk: "Walk", thing: Any) -> Node:
        labels, values = attributes(walk, thing)
        fixed = [_args(thing), _cause(thing), _context(thing)]
        refs, blob = walk.refs([*fixed, *values])
        return Node("exception", walk.ref(type(thing)), name_of(base), walk.shape(labels), refs, blob)

    return Kind("exception", read, _make_exception, _fill_exception)


_args = getter(BaseException, "args")
_cause = getter(BaseException, "__cause__")
_context = getter(BaseException, "__context__")


def _make_exception(rebuild: "Rebuild", number: int, node: Node) -> Any:
    base = rebuild.library(node.meta)
    return base.__new__(rebuild.class_of(node))


def _fill_exception(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    args, cause, context = rebuild.values(number)[:3]
    setter(BaseException, "args")(thing, args)
    setter(BaseException, "__cause__")(thing, cause)
    setter(BaseException, "__context__")(thing, context)
    _fill_instance(rebuild, number, node, thing)


def _read_vars(walk: "Walk", thing: Any) -> Node:
    return Node("vars", refs=[walk.vars_owner[id(thing)]])


def _make_vars(rebuild: "Rebuild", number: int, node: Node) -> Any:
    owner = rebuild.object((node.refs or [None])[0])
    return layout_of(type(owner)).names.__get__(owner)  # type: ignore[union-attr]


VARS = Kind("vars", _read_vars, _make_vars)
INSTANCE = Kind("instance", VARS.read, _make_instance, _fill_instance)
HOLDER = Kind("holder", VARS.read, _make_holder, _fill_instance)
FROZEN_HOLDER = Kind("frozen holder", VARS.read, _make_holder)
EXCEPTION = Kind("exception", VARS.read, _make_exception, _fill_exception)
