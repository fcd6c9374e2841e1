"""Classes that notice, and mind, when any code of theirs is called."""

from typing import Any, NoReturn

calls: list[str] = []
"""What was called since it was emptied."""


def _forbidden(name: str) -> Any:
    def method(self: Any, *arguments: Any, **named: Any) -> NoReturn:
        calls.append(name)
        raise AssertionError(name)

    return method


NAMES = (
    "eq", "ne", "lt", "hash", "bool", "len", "iter", "getitem", "contains", "repr", "str", "getattr",
    "getattribute", "reduce", "reduce_ex", "getstate", "copy", "deepcopy", "sizeof", "dir", "call", "int",
    "float", "index",     "format", "next", "reversed", "missing",
    "instancecheck", "subclasscheck", "enter", "exit", "array",
    "array_interface", "torch_function",
    "del_", "setattr", "delattr", "fspath", "length_hint", "class_getitem",
)  # fmt: skip
METHODS = {f"__{name}__": _forbidden(name) for name in NAMES if name not in ("del_", "class_getitem")}
METHODS |= {
    name: _forbidden(name)
    for name in ("items", "keys", "values", "get", "copy", "tolist", "numpy", "state_dict")
}


class Meta(type):
    """A metaclass that answers nothing."""

    __instancecheck__ = __subclasscheck__ = __iter__ = __len__ = __contains__ = __getattr__ = _forbidden(
        "meta"
    )
    __eq__ = __hash__ = _forbidden("meta eq")  # type: ignore[assignment]


def _properties() -> dict[str, Any]:
    return {
        name: property(_forbidden(name)) for name in ("shape", "dtype", "data", "device", "lazy", "__class__")
    }


def make(name: str, *bases: type, **members: Any) -> type:
    """A hostile class derived from others."""
    return type.__new__(type, name, bases, {"__module__": __name__, **METHODS, **_properties(), **members})


Plain = make("Plain", object)
Slots = make("Slots", object, __slots__=("a", "b"))
Dict = make("Dict", dict)
List = make("List", list)
Tuple = make("Tuple", tuple)
Set = make("Set", set)
Text = make("Text", str)
Integer = make("Integer", int)
Real = make("Real", float)
Fault = make("Fault", Exception)


class WithMeta(metaclass=Meta):
    value = 1


def things() -> dict[str, Any]:
    """One object of each class, made without calling anything of it."""
    plain = object.__new__(Plain)
    object.__setattr__(plain, "x", [1])
    slots = object.__new__(Slots)
    Slots.__dict__["a"].__set__(slots, plain)
    mapping = dict.__new__(Dict)
    dict.__setitem__(mapping, "k", plain)
    listed = list.__new__(List)
    list.append(listed, plain)
    grouped = set.__new__(Set)
    set.add(grouped, 1)
    fault = Exception.__new__(Fault, "text", plain)
    found = [plain, slots, mapping, listed, tuple.__new__(Tuple, (plain,)), grouped, fault]
    found += [str.__new__(Text, "text"), int.__new__(Integer, 5), float.__new__(Real, 1.5)]
    return {f"thing{place}": thing for place, thing in enumerate(found)} | {"cls": WithMeta, "keyed": {}}
