"""Objects of a project, and random programs that build and change them."""

from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from math import isnan
from types import SimpleNamespace
from typing import Any

Point = namedtuple("Point", "x y")


class Colour(Enum):
    RED = 1
    BLUE = 2


class Parts(Flag):
    HEAD = auto()
    BODY = auto()
    TAIL = auto()


class Box:
    """A plain object, with an attribute of its class."""

    shared: Any = None

    def __init__(self, *parts: Any) -> None:
        self.parts = list(parts)

    def get(self) -> Any:
        return self.parts


class Slotted:
    __slots__ = ("one", "two")


class DeepSlotted(Slotted):
    __slots__ = ("__dict__", "three")


@dataclass(slots=True)
class Meter:
    total: float = 0.0
    seen: list[Any] = field(default_factory=list)


class AttrDict(dict):
    """A dict that is its own `__dict__`."""

    def __init__(self, **items: Any) -> None:
        super().__init__(**items)
        self.__dict__ = self


class Borg:
    """Every instance has the same attributes."""

    everything: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.__dict__ = self.everything


class Track(list):
    """A list with a name."""

    name = ""


class Count(int):
    pass


class Named(tuple):  # noqa: SLOT001 - it has attributes
    pass


class Table(UserDict):
    pass


class Trouble(ValueError):
    def __init__(self, message: str, cause: Any) -> None:
        super().__init__(message)
        self.cause_of = cause


def counter(start: Any) -> Any:
    """Two functions that share a variable."""
    value = start

    def add(more: Any) -> Any:
        nonlocal value
        value = (value, more)
        return value

    def get() -> Any:
        return value

    return add, get


MAKERS = (
    list,
    dict,
    set,
    deque,
    OrderedDict,
    Box,
    Slotted,
    DeepSlotted,
    Meter,
    AttrDict,
    Track,
    SimpleNamespace,
    Table,
    lambda: defaultdict(list),
    lambda: deque(maxlen=3),
    lambda: counter(0),
)


def build(makers: list[int]) -> dict[str, Any]:
    """As many objects as given, each of its kind, in a pool that is also known by name."""
    pool = [MAKERS[maker % len(MAKERS)]() for maker in makers]
    return {"pool": pool, **{f"name{place}": thing for place, thing in enumerate(pool[:4])}}


def put(holder: Any, thing: Any, key: Any) -> None:
    """Let the holder refer to the thing, as objects of its kind do."""
    match holder:
        case deque() | list():
            holder.append(thing)
        case dict() | UserDict():
            holder[key] = thing
        case set():
            holder.add(0 if isinstance(key, float) and isnan(key) else key)  # the hash of NaN is its address
        case Slotted():
            setattr(
                holder,
                ("one", "two", "three")[hash(key) % (3 if isinstance(holder, DeepSlotted) else 2)],
                thing,
            )
        case Meter():
            holder.total += 0.1
            holder.seen.append(thing)
        case tuple():
            holder[0](thing)
        case _:
            setattr(holder, f"a{hash(key) % 5}", thing)


def drop(holder: Any) -> None:
    """Let the holder refer to less."""
    match holder:
        case deque() | list() | set() if holder:
            holder.pop()
        case OrderedDict() if holder:
            holder.move_to_end(next(iter(holder)))
        case dict() if holder:
            holder.pop(next(iter(holder)))
        case UserDict():
            holder.data = {}
        case Box() | SimpleNamespace() if vars(holder):
            delattr(holder, next(iter(vars(holder))))


def change(names: dict[str, Any], steps: list[tuple[int, int, int, Any]]) -> None:
    """Carry out random changes: links between objects, new ones, simple values, removals, new names."""
    pool = names["pool"]
    for what, one, other, value in steps:
        if not pool:
            pool.append(Box())
        holder, thing = pool[one % len(pool)], pool[other % len(pool)]
        match what % 7:
            case 0 | 1:
                put(holder, thing, value)
            case 2:
                put(holder, value, value)
            case 3:
                drop(holder)
            case 4:
                pool[one % len(pool)] = MAKERS[other % len(MAKERS)]()
            case 5:
                names[f"name{other % 6}"] = (holder, [thing])
            case 6:
                Box.shared = thing if other % 2 else value
