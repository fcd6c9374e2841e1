"""A logged value to what is kept, and back. Knows no numpy and no torch: they are told by their names.

JSON lacks some of Python's values; they are tagged: `{"__flor__": TAG, "value": …}` with the
tags bytes, float (nan, inf, -inf), int (over 64 bits), datetime, date, time, timedelta,
text (lone surrogates), map (keys that are no text, as pairs), complex, repr.
"""

import base64
import datetime as dt
import math
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from flor.entities import BlobReference, Kind
from flor.errors import StoreError
from flor.runs.slots import INT_MAX, INT_MIN

TAG = "__flor__"
MAX_ELEMENTS_AS_VALUES = 1_000
_MAX_DEPTH = 100

Payload = int | float | bytes | None
"""What a slot holds (int, float, None for NULL), or the bytes that follow a head."""

KeepBlob = Callable[[Any], BlobReference | None]
"""Keeps an array, image or figure as a blob; None if the value is no such thing."""


class Unkeepable(Exception):
    """A value inside a container has no encoding."""


def encode(value: Any, keep_blob: KeepBlob) -> tuple[Kind, Payload]:
    """The kind and payload of any value; the last resort is its repr.

    Raises:
        StoreError: a blob cannot be written. Nothing else: no value is refused.
    """
    encoder = _ENCODERS.get(type(value))
    try:
        if encoder:
            return encoder(value)
        return _encode_other(value, keep_blob)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001  (foreign code: a tensor without data, a proxy, a cycle)
        return Kind.REPR, safe_repr(value).encode("utf-8", "backslashreplace")


def decode(kind: Kind, vf: float | None, vi: int | None, vs: str | None) -> Any:
    """The Python value of one record; a BLOB comes as its BlobReference."""
    if kind is Kind.FLOAT:
        return vf
    if kind is Kind.INT:
        return _from_digits(vs or "0") if vi is None else vi
    if kind is Kind.BOOL:
        return bool(vi)
    return None if kind is Kind.NULL else _TEXT_DECODERS[kind](vs or "")


def safe_repr(value: Any) -> str:
    """`repr(value)`, or a description where that fails."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  (user code: anything may come)
        return (
            f"<{type(value).__module__}.{type(value).__qualname__} whose repr raises {type(error).__name__}>"
        )


def plain(value: Any, depth: int = 0) -> Any:
    """The value as msgspec can write it to strict JSON, everything else tagged."""
    if depth > _MAX_DEPTH:
        raise Unkeepable("nested too deeply")
    handler = _PLAIN.get(type(value))
    if handler:
        return handler(value, depth)
    return _plain_other(value, depth)


def _encode_float(value: float) -> tuple[Kind, Payload]:
    return Kind.FLOAT, value


def _encode_int(value: int) -> tuple[Kind, Payload]:
    return Kind.INT, value if INT_MIN <= value <= INT_MAX else _digits(value).encode()


def _digits(value: int) -> str:
    # str() refuses integers of more than 4,300 digits; hexadecimal has no such limit.
    return str(value) if value.bit_length() < 10_000 else hex(value)


def _encode_text(value: str) -> tuple[Kind, Payload]:
    try:
        return Kind.TEXT, value.encode("utf-8")
    except UnicodeEncodeError:
        return Kind.JSON, msgspec.json.encode(_plain_text(value, 0))


def _encode_item(value: Any) -> tuple[Kind, Payload]:
    """A numpy number, as Python's."""
    item = value.item()
    return _ENCODERS[type(item)](item)


def _encode_container(value: Any) -> tuple[Kind, Payload]:
    return Kind.JSON, msgspec.json.encode(plain(value))


_ENCODERS: dict[type, Callable[[Any], tuple[Kind, Payload]]] = {
    float: _encode_float,
    int: _encode_int,
    bool: lambda value: (Kind.BOOL, int(value)),
    type(None): lambda value: (Kind.NULL, None),
    str: _encode_text,
    bytes: lambda value: (Kind.BYTES, base64.b64encode(value)),
    bytearray: lambda value: (Kind.BYTES, base64.b64encode(value)),
    list: _encode_container,
    tuple: _encode_container,
    dict: _encode_container,
    set: _encode_container,
    frozenset: _encode_container,
    dt.datetime: lambda value: (Kind.DATETIME, value.isoformat().encode()),
    dt.date: lambda value: (Kind.DATE, value.isoformat().encode()),
    dt.time: _encode_container,
    dt.timedelta: _encode_container,
    complex: _encode_container,
}


def _encode_other(value: Any, keep_blob: KeepBlob) -> tuple[Kind, Payload]:
    kind = type(value)
    if kind.__module__ == "numpy" and kind.__name__ in _NUMPY_NUMBERS:
        # Known from the next value on: telling what it is costs more than to write it.
        _ENCODERS[kind] = _encode_item
        return _encode_item(value)
    scalar = scalar_of(value)
    if scalar is not value:
        return encode(scalar, keep_blob)
    if not is_array(value) or _element_count(value) > MAX_ELEMENTS_AS_VALUES:
        reference = keep_blob(value)
        if reference:
            return Kind.BLOB, msgspec.json.encode(reference)
    for base in _BASES:
        if isinstance(value, base):
            return _ENCODERS[base](_without_subclass(value, base))
    return _encode_container(value)


_NUMPY_NUMBERS = {"bool", "bool_", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_BASES = (int, float, str, bytes, dt.datetime, dt.date)


def _without_subclass(value: Any, base: type) -> Any:
    """The value as exactly `base`, by the base's own methods: no code of the user's class is called."""
    exact = {int: int.__index__, float: float.__float__, str: str.__str__}.get(base)
    if exact:
        return exact(value)
    return dt.datetime.fromisoformat(dt.datetime.isoformat(value)) if base is dt.datetime else value


def is_array(value: Any) -> bool:
    """Whether this is a numpy array or a torch tensor."""
    kind = type(value)
    return any(
        base.__module__ == "numpy" and base.__name__ == "ndarray" for base in kind.__mro__
    ) or is_tensor(value)


def is_tensor(value: Any) -> bool:
    """Whether this is a torch tensor (parameters and subclasses too)."""
    return any(base.__name__ == "Tensor" and base.__module__ == "torch" for base in type(value).__mro__)


def scalar_of(value: Any) -> Any:
    """The Python value of a numpy scalar, or of an array or tensor without dimensions; else the value."""
    if is_numpy_scalar(value):
        return _numpy_scalar(value)
    if is_array(value) and value.ndim == 0:
        return _listed(value)
    # Pandas' missing time calls itself a time.
    return None if type(value).__name__ == "NaTType" else value


def is_numpy_scalar(value: Any) -> bool:
    """Whether this is a single number, text or time of numpy's; an array of whatever class is not."""
    return any(base.__name__ == "generic" and base.__module__ == "numpy" for base in type(value).__mro__)


def _numpy_scalar(value: Any) -> Any:
    item = value.item()
    if type(value).__name__ in ("datetime64", "timedelta64") and isinstance(item, int):
        return str(value)  # finer than microseconds: Python has no type for it
    if type(item) is type(value):  # Python has no type of this precision
        return complex(value) if "complex" in str(value.dtype) else float(value)
    return item


def _element_count(value: Any) -> int:
    return math.prod(int(length) for length in value.shape)


def _listed(value: Any) -> Any:
    """The elements as nested lists of Python values (without dimensions: the value)."""
    if not is_tensor(value):
        return _numpy_scalar(value[()]) if value.ndim == 0 else value.tolist()
    if value.is_meta:
        raise Unkeepable("a meta tensor has no data")
    tensor = value.detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = tensor.to_dense() if tensor.layout is not sys.modules["torch"].strided else tensor
    # float8 knows no tolist; every float8 and float16 is a float32.
    small = tensor.is_floating_point() and tensor.element_size() < 4
    return (tensor.float() if small else tensor).tolist()


def _plain_other(value: Any, depth: int) -> Any:
    scalar = scalar_of(value)
    if scalar is not value:
        return plain(scalar, depth)
    if is_array(value):
        return plain(_listed(value), depth)
    for base in (bool, *_BASES, list, tuple, dict, set, frozenset):
        if isinstance(value, base):
            return _PLAIN[base](_without_subclass(value, base), depth)
    raise Unkeepable(type(value).__qualname__)


def _tag(tag: str, content: Any) -> dict[str, Any]:
    return {TAG: tag, "value": content}


def _plain_float(value: float, depth: int) -> Any:
    return value if math.isfinite(value) else _tag("float", repr(float(value)))


def _plain_int(value: int, depth: int) -> Any:
    return value if INT_MIN <= value <= INT_MAX else _tag("int", _digits(value))


def _plain_text(value: str, depth: int) -> Any:
    try:
        value.encode("utf-8")
        return value
    except UnicodeEncodeError:
        return _tag("text", value.encode("utf-8", "surrogatepass").hex())


def _plain_list(value: Any, depth: int) -> Any:
    return [plain(item, depth + 1) for item in value]


def _plain_map(value: dict[Any, Any], depth: int) -> Any:
    # A lone surrogate, which JSON cannot hold, is not printable.
    if all(type(key) is str and key != TAG and key.isprintable() for key in value):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    pairs = [[plain(key, depth + 1), plain(item, depth + 1)] for key, item in value.items()]
    return _tag("map", pairs)


_PLAIN: dict[type, Callable[[Any, int], Any]] = {
    bool: lambda value, depth: value,
    type(None): lambda value, depth: value,
    str: _plain_text,
    float: _plain_float,
    int: _plain_int,
    list: _plain_list,
    tuple: _plain_list,
    set: _plain_list,
    frozenset: _plain_list,
    dict: _plain_map,
    bytes: lambda value, depth: _tag("bytes", base64.b64encode(value).decode()),
    bytearray: lambda value, depth: _tag("bytes", base64.b64encode(value).decode()),
    dt.datetime: lambda value, depth: _tag("datetime", value.isoformat()),
    dt.date: lambda value, depth: _tag("date", value.isoformat()),
    dt.time: lambda value, depth: _tag("time", value.isoformat()),
    dt.timedelta: lambda value, depth: _tag("timedelta", [value.days, value.seconds, value.microseconds]),
    complex: lambda value, depth: _tag("complex", [plain(value.real, depth), plain(value.imag, depth)]),
}


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG in value:
        return _UNTAG[value[TAG]](value["value"])
    return {key: _untag(item) for key, item in value.items()}


def _from_digits(text: str) -> int:
    return int(text, 16 if "x" in text else 10)


_UNTAG: dict[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "float": float,
    "int": _from_digits,
    "text": lambda content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
    "map": lambda content: {_hashable(_untag(key)): _untag(item) for key, item in content},
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda content: dt.timedelta(*content),
    "complex": lambda content: complex(_untag(content[0]), _untag(content[1])),
}


def _hashable(key: Any) -> Any:
    return tuple(map(_hashable, key)) if isinstance(key, list) else key


_TEXT_DECODERS: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.REPR: str,
    Kind.BYTES: base64.b64decode,
    Kind.JSON: lambda text: _untag(msgspec.json.decode(text)),
    Kind.DATETIME: dt.datetime.fromisoformat,
    Kind.DATE: dt.date.fromisoformat,
    Kind.BLOB: lambda text: msgspec.json.decode(text, type=BlobReference),
}
