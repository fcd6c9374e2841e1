"""Containers of Python itself: lists, dicts, tuples, sets, deques.

They are read by the methods of the builtin class, also where the object is of a class derived from it.
"""

import gc
from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any

from flor.checkpoints import set_finger, set_order
from flor.checkpoints.atoms import ATOMS, dump, is_atom
from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import getter, layout_of, module_of, qualname_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk


def _read_list(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs(list.copy(thing))
    return Node("list", refs=refs, blob=blob)


def _fill_list(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    list.__setitem__(thing, slice(None), rebuild.values(number))


def _read_tuple(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs(list(tuple.__iter__(thing)))
    return Node("tuple", refs=refs, blob=blob)


def _make_tuple(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return tuple(rebuild.values(number))


def _mapping(walk: "Walk", kind: str, before: list[Any], keys: list[Any], values: list[Any]) -> Node:
    """A node with the keys as its names where all are text, else with pairs."""
    if all(type(key) is str for key in keys):
        refs, blob = walk.refs([*before, *values] if before else values)
        return Node(kind, shape=walk.shape(tuple(keys)), refs=refs, blob=blob)
    refs, blob = walk.refs([*before, *keys, *values])
    return Node(kind, refs=refs, blob=blob, pairs=True)


def _read_dict(walk: "Walk", thing: Any) -> Node:
    return _mapping(walk, "dict", [], list(dict.keys(thing)), list(dict.values(thing)))


_factory = getter(defaultdict, "default_factory")
_maxlen = getter(deque, "maxlen")


def _read_defaultdict(walk: "Walk", thing: Any) -> Node:
    factory = _factory(thing)
    return _mapping(walk, "defaultdict", [factory], list(dict.keys(thing)), list(dict.values(thing)))


def _read_ordered(walk: "Walk", thing: Any) -> Node:
    keys = _ordered_keys(thing)
    values = dict(zip(map(id, dict.keys(thing)), dict.values(thing), strict=True))
    return _mapping(walk, "OrderedDict", [], keys, [values[id(key)] for key in keys])


def _ordered_keys(thing: Any) -> list[Any]:
    """The keys in their order, which is not that of the dict inside.

    The iterator looks every key up, so it calls `__hash__` of the keys' classes; the garbage collector's view
    of the object lists the same keys, in order, before the dict's own.
    """
    stored = list(dict.keys(thing))
    if all(map(is_atom, stored)):
        return list(OrderedDict.__iter__(thing))
    wanted = set(map(id, stored))
    found = {id(each): each for each in gc.get_referents(thing) if id(each) in wanted}
    return list(found.values())


def _fill_dict(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    _put_items(dict, thing, *rebuild.items(number))


def _fill_ordered(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    keys, values = rebuild.items(number)
    OrderedDict.clear(thing)
    for key, value in zip(keys, values, strict=True):
        OrderedDict.__setitem__(thing, key, value)


def _fill_defaultdict(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    thing.default_factory = rebuild.values(number)[0]
    _put_items(dict, thing, *rebuild.items(number))


def _put_items(base: type[dict[Any, Any]], thing: Any, keys: list[Any], values: list[Any]) -> None:
    """Put the values at their keys; the dict is emptied first only where keys or their order differ."""
    now = list(base.keys(thing))
    if len(now) == len(keys) and all(map(_same_key, now, keys)):
        keys = now  # a NaN of the same bits is another key
    else:
        base.clear(thing)
    base.update(thing, zip(keys, values, strict=True))


def _same_key(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and is_atom(one) and dump(one) == dump(other))


def _read_view(walk: "Walk", thing: Any) -> Node:
    """Keys, items or values of a mapping, which is known to the garbage collector for each of the three."""
    return Node("dict view", meta=qualname_of(type(thing)), refs=walk.all_refs(gc.get_referents(thing)[:1]))


def _make_view(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return _VIEWS[str(node.meta)](rebuild.values(number)[0])


_OF_MAPPINGS: Any = [
    (view, type(view(base())))
    for base in (dict, OrderedDict)
    for view in (base.keys, base.items, base.values)
]
_VIEWS = {qualname_of(kind): view for view, kind in _OF_MAPPINGS}


def _read_set(walk: "Walk", thing: Any) -> Node:
    return _any_set(walk, "set", list(set.__iter__(thing)), set_finger.next_popped(thing))


def _read_frozenset(walk: "Walk", thing: Any) -> Node:
    return _any_set(walk, "frozenset", list(frozenset.__iter__(thing)))


def _any_set(walk: "Walk", kind: str, iterated: list[Any], next_popped: int = 0) -> Node:
    """Sorted, as two processes iterate over equal sets in different orders; the order is a hint.

    So is what `pop` takes next, as a number below 0 behind the order, where that is not the first.
    """
    order = sorted(range(len(iterated)), key=_sort_keys(iterated).__getitem__)
    hint = [place for _, place in sorted(zip(order, range(len(order)), strict=True))]
    walk.hint([*hint, -next_popped] if next_popped else hint)
    refs, blob = walk.refs([iterated[place] for place in order])
    return Node(kind, refs=refs, blob=blob)


def _sort_keys(items: list[Any]) -> list[Any]:
    kinds = set(map(id, map(type, items)))
    if len(kinds) == 1 and kinds <= _ORDERED:
        return items
    return [_sort_key(item) for item in items]


_ORDERED = frozenset(map(id, (str, int, bytes)))


def _sort_key(item: Any) -> bytes:
    """Simple values by their bytes, then objects by what is simple in them: never by address."""
    if is_atom(item):
        return b"0" + dump(item)
    cls = type(item)
    names = layout_of(cls).names
    held = None if names is None else names.__get__(item)
    simple = [value for value in dict.values(held) if id(type(value)) in ATOMS] if type(held) is dict else []
    return b"1" + dump((module_of(cls), qualname_of(cls), tuple(simple)))


SET_ORDER = "the iteration order of the set"


def _fill_set(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    if not set_order.fill(thing, rebuild.in_order(number)):
        rebuild.refuse(number, SET_ORDER)
        return
    hint = rebuild.graph.hints.get(number) or [0]
    if not set_finger.set_next_popped(thing, -min(hint[-1], 0)):
        rebuild.refuse(number, "the element that the set gives up next")


def _make_frozenset(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return frozenset(rebuild.in_order(number))


def _read_deque(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs(list(deque.__iter__(thing)))
    return Node("deque", meta=_maxlen(thing), refs=refs, blob=blob)


def _make_deque(rebuild: "Rebuild", number: int, node: Node) -> Any:
    maxlen = node.meta
    return deque(maxlen=maxlen if isinstance(maxlen, int) else None)


def _fill_deque(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    values = rebuild.values(number)
    deque.clear(thing)
    deque.extend(thing, values)


def _read_bytearray(walk: "Walk", thing: Any) -> Node:
    return Node("bytearray", blob=walk.blob(bytes(memoryview(thing))))


def _fill_bytearray(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    bytearray.__setitem__(thing, slice(None), bytes(rebuild.blob(node)))


def _read_long(walk: "Walk", thing: Any) -> Node:
    return Node("value", blob=walk.blob(dump([thing])))


def _make_long(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.values(number)[0]


LIST = Kind("list", _read_list, lambda *_: [], _fill_list)
TUPLE = Kind("tuple", _read_tuple, _make_tuple)
DICT = Kind("dict", _read_dict, lambda *_: {}, _fill_dict, parts_first=True)
ORDERED = Kind("OrderedDict", _read_ordered, lambda *_: OrderedDict(), _fill_ordered, parts_first=True)
DEFAULT = Kind(
    "defaultdict", _read_defaultdict, lambda *_: defaultdict(), _fill_defaultdict, parts_first=True
)
SET = Kind("set", _read_set, lambda *_: set(), _fill_set, parts_first=True)
FROZENSET = Kind("frozenset", _read_frozenset, _make_frozenset)
DEQUE = Kind("deque", _read_deque, _make_deque, _fill_deque, same_meta=True)
BYTEARRAY = Kind("bytearray", _read_bytearray, lambda *_: bytearray(), _fill_bytearray)
VALUE = Kind("value", _read_long, _make_long)
VIEW = Kind("dict view", _read_view, _make_view)
VIEWS: dict[type, Kind] = dict.fromkeys((kind for _, kind in _OF_MAPPINGS), VIEW)

BASES: dict[type, Kind] = {
    OrderedDict: ORDERED,
    defaultdict: DEFAULT,
    dict: DICT,
    list: LIST,
    tuple: TUPLE,
    set: SET,
    frozenset: FROZENSET,
    deque: DEQUE,
    bytearray: BYTEARRAY,
}
"""Builtin classes that hold something; an object of a derived class holds it the same way."""
