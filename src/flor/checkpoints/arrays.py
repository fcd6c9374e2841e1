"""numpy: arrays with the memory they share, scalars, dtypes. Loaded only where the program has it."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Node, Ref
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.layouts import Ancestors, getter, layout_of, module_of, qualname_of
from flor.checkpoints.leaves import Leaf, write
from flor.checkpoints.opaque import OUTSIDE, opaque

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

# By the descriptors of ndarray itself: a class derived from it may answer with anything.
_interface = getter(np.ndarray, "__array_interface__")
_dtype = getter(np.ndarray, "dtype")
_shape = getter(np.ndarray, "shape")
_strides = getter(np.ndarray, "strides")
_base = getter(np.ndarray, "base")
_nbytes = getter(np.ndarray, "nbytes")
_flags = getter(np.ndarray, "flags")
_flat = getter(np.ndarray, "flat")
_scalar_dtype = getter(np.generic, "dtype")
_NONE = "builtins:None"


def _address(array: Any) -> int:
    return int(_interface(array)["data"][0])


def _read_array(walk: "Walk", thing: Any) -> Node:
    dtype, base = _dtype(thing), _owner(thing)
    form = (describe(dtype), _shape(thing), _strides(thing), bool(_flags(thing).writeable))
    cls = walk.ref(type(thing))
    if base is not None:
        place = _address(thing) - _start_of(base)
        return Node("array view", cls, dump((*form, place)), refs=[walk.ref(base), _attributes(walk, thing)])
    attributes: list[Ref] = [walk.name(_NONE), _attributes(walk, thing)]
    if not dtype.hasobject:
        leaf = walk.leaf(Leaf(_nbytes(thing), thing, _address(thing)))
        return Node("array", cls, dump(form), refs=attributes, blob=leaf)
    if dtype.names is not None:
        walk.opaque("it is an array of records with objects")
        return Node("opaque", cls)
    refs, blob = walk.refs(list(_flat(thing)))
    count = len(_flat(thing))
    return Node("object array", cls, dump(form), None, [None] * count if refs is None else refs, blob)


def _owner(thing: Any) -> Any | None:
    """What the array's memory belongs to: an array, a tensor, bytes; None: to itself, or nobody known."""
    base = _base(thing)
    while _is_array(base) and _is_array(_base(base)):
        base = _base(base)
    if _is_array(base) or type(base) is bytes or type(base) is bytearray or hasattr(type(base), "data_ptr"):
        return base
    return None


def _is_array(thing: Any) -> bool:
    return issubclass(type(thing), np.ndarray)


def _start_of(base: Any) -> int:
    if _is_array(base):
        return _address(base)
    if hasattr(type(base), "data_ptr"):
        return int(base.data_ptr())
    return int(np.frombuffer(base, np.uint8).__array_interface__["data"][0]) if len(base) else 0


def _attributes(walk: "Walk", thing: Any) -> Ref:
    """Attributes of an object of a derived class."""
    names = None if type(thing) is np.ndarray else layout_of(type(thing)).names
    ref = None if names is None else walk.ref(names.__get__(thing))
    return walk.name(_NONE) if ref is None else ref


def describe(dtype: Any) -> Any:
    """A dtype as simple values."""
    if dtype.names is not None or dtype.subdtype is not None:
        return repr(np.lib.format.dtype_to_descr(dtype))
    if dtype.kind == "V" and dtype.type is not np.void:  # of ml_dtypes: its text says only how wide it is
        return f"{dtype.type.__module__}:{dtype.type.__qualname__}"
    return dtype.str


def dtype_from(rebuild: "Rebuild", text: str) -> Any:
    """The inverse of `describe`."""
    if text.startswith(("[", "(")):
        from ast import literal_eval

        return np.lib.format.descr_to_dtype(literal_eval(text))
    return np.dtype(rebuild.library(text) if ":" in text else text)


def _make_array(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """An array of its own memory, whose axes lie in memory as they did."""
    dtype, shape, strides, _ = load(node.meta)
    made = _laid_out(dtype_from(rebuild, dtype), shape, strides)
    cls = rebuild.class_of(node)
    if cls is np.ndarray:
        return made
    own = np.ndarray.__new__(cls, shape, made.dtype, order="F" if made.flags.f_contiguous else "C")
    return own if own.strides == strides else rebuild.lost(number, "its axes lie in memory in another order")


def _laid_out(dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """An array of these strides. Along an axis of one element those of joined arrays are not a copy's."""
    form = np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)
    made = np.empty_like(form, order="K", subok=False)
    if made.strides == strides or not made.size:
        return made
    return np.concatenate([np.ndarray(shape, dtype, np.empty(made.nbytes, np.uint8), 0, strides)])


def _fill_array(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    is_writeable = load(node.meta)[3]
    write(_address(thing), rebuild.blob(node))
    np.ndarray.setflags(thing, write=is_writeable)
    _fill_attributes(rebuild, number, thing)


def _fill_attributes(rebuild: "Rebuild", number: int, thing: Any) -> None:
    names = None if type(thing) is np.ndarray else layout_of(type(thing)).names
    wanted = rebuild.named(number, "attributes")
    if names is not None and wanted is not None and names.__get__(thing) is not wanted:
        names.__get__(thing).clear()
        names.__get__(thing).update(wanted)


def _make_view(rebuild: "Rebuild", number: int, node: Node) -> Any:
    dtype, shape, strides, is_writeable, place = load(node.meta)
    base = rebuild.named(number, "base")
    if isinstance(base, np.ndarray) and not base.flags.c_contiguous:
        base = base.T if base.flags.f_contiguous else base
    if hasattr(type(base), "data_ptr"):
        base = base.detach().numpy()
    made = np.ndarray.__new__(rebuild.class_of(node), shape, dtype_from(rebuild, dtype), base, place, strides)
    if made.flags.writeable and not is_writeable:
        made.setflags(write=False)
    return made


def _fill_objects(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    flat = _flat(thing)
    for place, value in enumerate(rebuild.values(number)):
        flat[place : place + 1] = _boxed(value)


def _boxed(value: Any) -> Any:
    """One object as an array of one: a list assigned as it is would be taken apart."""
    box = np.empty(1, object)
    box[0] = value
    return box


def _read_mapped(walk: "Walk", thing: Any) -> Node:
    """A file that is mapped for reading only: which one, and where in it the array lies."""
    owner: Any = _owner(thing) if _is_array(_base(thing)) else thing
    if not _is_read_only(thing, owner):
        return _MAPPED.read(walk, thing)
    place = owner.offset + _address(thing) - _address(owner)
    form = (describe(_dtype(thing)), _shape(thing), _strides(thing), place)
    refs, blob = walk.refs([str(owner.filename)])
    return Node("mapped file", walk.ref(type(thing)), dump(form), refs=refs, blob=blob)


def _is_read_only(thing: Any, owner: Any) -> bool:
    mapped = type(thing) is np.memmap and type(owner) is np.memmap and type(_base(owner)).__name__ == "mmap"
    return bool(mapped and owner.filename and memoryview(_base(owner)).readonly)


def _make_mapped(rebuild: "Rebuild", number: int, node: Node) -> Any:
    dtype, shape, strides, place = load(node.meta)
    kind = dtype_from(rebuild, dtype)
    spans = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if min(strides, default=0) < 0 or 0 in shape:
        return rebuild.lost(number, "it lies in its file in another order")
    file: Any = np.memmap(rebuild.values(number)[0], np.uint8, "r", place, (spans + kind.itemsize,))
    return np.ndarray.__new__(np.memmap, shape, kind, file, 0, strides)


def _read_scalar(walk: "Walk", thing: Any) -> Node:
    dtype = _scalar_dtype(thing)
    return Node(
        "numpy scalar", walk.ref(type(thing)), describe(dtype), blob=dump([np.generic.tobytes(thing)])
    )


def _make_scalar(rebuild: "Rebuild", number: int, node: Node) -> Any:
    dtype = dtype_from(rebuild, str(node.meta))
    data = rebuild.values(number)[0]
    return np.frombuffer(data, dtype)[0] if data else np.zeros((), dtype)[()]


def _read_dtype(walk: "Walk", thing: Any) -> Node:
    return Node("dtype", meta=describe(thing))


def _make_dtype(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return dtype_from(rebuild, str(node.meta))


def _function_name(walk: "Walk", thing: Any) -> str | None:
    name = getattr(thing, "__qualname__", None) or thing.__name__
    module = getattr(thing, "__module__", None) or "numpy"
    return f"{module}:{name}"


_ARRAY = Kind("array", _read_array, _make_array, _fill_array, same_meta=True)
_OBJECTS = Kind("object array", _read_array, _make_array, _fill_objects, same_meta=True)
_SCALAR = Kind("numpy scalar", _read_scalar, _make_scalar)
_DTYPE = Kind("dtype", _read_dtype, _make_dtype)
_FUNCTION = Kind("outside", OUTSIDE.read, OUTSIDE.make, fill_nothing, _function_name)
_MAPPED = opaque("it is a file in memory")
_MAPPED_FOR_READING = Kind("mapped file", _read_mapped, _make_mapped)
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _ARRAY,
        _OBJECTS,
        _SCALAR,
        _DTYPE,
        Kind("array view", _read_array, _make_view),
        _MAPPED_FOR_READING,
    )
}


def guards() -> list[AbstractContextManager[Any]]:
    """Nothing: numpy calls no code of the user's when it is read."""
    return []


def plan(cls: type, mro: Ancestors) -> Kind | None:
    """The kind of a class of numpy, or derived from one."""
    if np.memmap in mro:
        return _MAPPED_FOR_READING
    if np.ndarray in mro:
        return _ARRAY
    if np.generic in mro:
        return _SCALAR
    if np.dtype in mro:
        return _DTYPE
    if np.ufunc in mro or (module_of(cls), qualname_of(cls)) == ("numpy", "_ArrayFunctionDispatcher"):
        return _FUNCTION
    return None
