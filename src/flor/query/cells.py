"""Columns of values: from records to Arrow arrays, many arrays to one, and to Python's values.

A column is an array of one type (bool, int64, double, text), MIXED where one type does not
hold its values, or null where it has none. Cells that are missing, and those that hold a
logged None, are null.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flor.entities import BlobReference, Kind, Source, Verdict
from flor.query.arrays import ABSENT, Flags, Positions
from flor.query.fields import Fields, flat
from flor.runs import values

OpenBlob = Callable[[BlobReference], Any]
"""What stands in a cell for a value that is kept as a blob."""

Objects = NDArray[np.object_]

_KINDS = pa.array([kind.name.lower() for kind in Kind])
_SOURCES = pa.array([source.name.lower() for source in Source], pa.large_string())
_VERDICTS = pa.array([verdict.value for verdict in Verdict], pa.large_string())
_KIND_TYPE = pa.dictionary(pa.int8(), pa.string())
MIXED = pa.struct([("kind", _KIND_TYPE), ("vf", pa.float64()), ("vi", pa.int64()), ("vs", pa.large_string())])
"""As `mixed.MIXED`, with the kind as a code."""

_TYPES = {
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.TEXT: pa.large_string(),
}
_KIND_OF = {type_: kind for kind, type_ in _TYPES.items()}
_TEXTS = (Kind.TEXT, Kind.REPR)


def gathered(fields: Fields, record: Positions) -> pa.Array:
    """The values of the records; null where the position is ABSENT."""
    kind = fields.kind[record]
    kind[record == ABSENT] = Kind.NULL
    only = _only_type(kind)
    missing = kind == Kind.NULL
    if only is None or (only == pa.int64() and not (fields.has_vi[record] | missing).all()):
        return _mixed(fields, record, kind, missing)
    if pa.types.is_null(only):
        return pa.nulls(len(record))
    return _plain(fields, record, only, missing)


def sources(fields: Fields, record: Positions) -> pa.Array:
    """How the values came to be: "log", "arg" or "replay"."""
    return _SOURCES.take(pa.array(fields.source[record], mask=record == ABSENT))


def verdicts(fields: Fields, record: Positions) -> pa.Array:
    """How sure the values of replays are; null of all others."""
    found = np.where(record == ABSENT, ABSENT, fields.verdict[record])
    return _VERDICTS.take(pa.array(found, mask=found == ABSENT))


def united(arrays: Sequence[pa.Array]) -> pa.ChunkedArray:
    """The arrays one after the other, as one column of the narrowest type that holds all values."""
    types = {array.type for array in arrays if array.null_count < len(array)}
    if not types:
        return pa.chunked_array([pa.nulls(sum(map(len, arrays)))])
    type_ = types.pop() if len(types) == 1 else MIXED
    return _narrowed(pa.chunked_array([_widened(array, type_) for array in arrays], type_))


def chosen(is_first: Flags, first: pa.Array, second: pa.Array) -> pa.Array:
    """The cells of `first` where the flag is set, else those of `second`."""
    position = np.arange(len(is_first)) + np.where(is_first, 0, len(is_first))
    return flat(united([first, second])).take(pa.array(position))


def objects(column: pa.ChunkedArray, open_blob: OpenBlob) -> Objects:
    """The Python values of a MIXED column; None where it is null."""
    result = np.full(len(column), None, dtype=np.object_)
    kind, parts = _kind_codes(column), {name: pc.struct_field(column, name) for name in ("vf", "vi", "vs")}
    for number in np.unique(kind[kind != Kind.NULL]).tolist():
        rows = np.flatnonzero(kind == number)
        taken = {name: flat(part.take(pa.array(rows))) for name, part in parts.items()}
        result[rows] = _python(Kind(number), taken, open_blob)
    return result


def _only_type(kind: NDArray[np.int8]) -> pa.DataType | None:
    """The type that holds values of all these kinds; None where there is none."""
    is_uniform = len(kind) > 0 and bool((kind == kind[0]).all())
    present = kind[:1] if is_uniform else np.flatnonzero(np.bincount(kind, minlength=len(Kind)))
    found = {Kind.TEXT if number in _TEXTS else Kind(number) for number in present.tolist()} - {Kind.NULL}
    if not found:
        return pa.null()
    return _TYPES.get(found.pop()) if len(found) == 1 else None


def _plain(fields: Fields, record: Positions, only: pa.DataType, missing: Flags) -> pa.Array:
    mask = missing if missing.any() else None
    if only == pa.float64():
        return pa.array(fields.vf[record], mask=mask)
    if only == pa.int64():
        return pa.array(fields.vi[record], mask=mask)
    if only == pa.bool_():
        return pa.array(fields.vi[record] != 0, mask=mask)
    return fields.vs.take(pa.array(record, mask=mask))


def _mixed(fields: Fields, record: Positions, kind: NDArray[np.int8], missing: Flags) -> pa.Array:
    parts = [
        pa.DictionaryArray.from_arrays(pa.array(kind, mask=missing), _KINDS),
        pa.array(fields.vf[record], mask=kind != Kind.FLOAT),
        pa.array(fields.vi[record], mask=missing | ~fields.has_vi[record]),
        fields.vs.take(pa.array(record, mask=missing)),
    ]
    return pa.StructArray.from_arrays(parts, fields=list(MIXED), mask=pa.array(missing))


def _widened(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """The array as one of `type_`, which is its own, MIXED, or any where it holds nothing."""
    if array.type == type_:
        return array
    return pa.nulls(len(array), type_) if array.null_count == len(array) else _as_mixed(array)


def _as_mixed(array: pa.Array) -> pa.Array:
    own = _KIND_OF[array.type]
    codes = pa.array(np.full(len(array), own, np.int8))
    parts = {name: pa.nulls(len(array), MIXED.field(name).type) for name in ("vf", "vi", "vs")}
    field = "vf" if own is Kind.FLOAT else "vs" if own is Kind.TEXT else "vi"
    parts[field] = array.cast(MIXED.field(field).type)
    arrays = [pa.DictionaryArray.from_arrays(codes, _KINDS), *parts.values()]
    return pa.StructArray.from_arrays(arrays, fields=list(MIXED), mask=array.is_null())


def _narrowed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A MIXED column as one of a single type, where its values have one."""
    if column.type != MIXED:
        return column
    only = _only_type(_kind_codes(column))
    if only is None or (only == pa.int64() and pc.struct_field(column, "vi").null_count > column.null_count):
        return column
    if pa.types.is_null(only):
        return pa.chunked_array([pa.nulls(len(column))])
    field = "vf" if only == pa.float64() else "vs" if only == pa.large_string() else "vi"
    return pc.struct_field(column, field).cast(only)


def _kind_codes(column: pa.ChunkedArray) -> NDArray[np.int8]:
    """The kind of each cell of a MIXED column; NULL where it is null."""
    parts = [part.indices.fill_null(Kind.NULL) for part in pc.struct_field(column, "kind").chunks]
    return np.concatenate([np.zeros(0, np.int8), *map(np.asarray, parts)])


def _python(kind: Kind, parts: dict[str, pa.Array], open_blob: OpenBlob) -> Objects:
    """The values of cells of one kind."""
    if kind is Kind.FLOAT:
        return np.asarray(parts["vf"], dtype=np.object_)
    if kind is Kind.BOOL:
        return np.asarray(parts["vi"].to_numpy() != 0, dtype=np.object_)
    if kind is Kind.INT and not parts["vi"].null_count:
        return np.asarray(parts["vi"], dtype=np.object_)
    if kind in _TEXTS:
        return np.asarray(parts["vs"], dtype=np.object_)
    if kind is Kind.INT:
        pairs = zip(parts["vi"].to_pylist(), parts["vs"].to_pylist(), strict=True)
        return _filled([values.decode(kind, None, vi, vs) for vi, vs in pairs])
    return _decoded(kind, parts["vs"], open_blob)


def _decoded(kind: Kind, texts: pa.Array, open_blob: OpenBlob) -> Objects:
    """The values that are kept as these texts; one that stands on many rows is decoded once."""
    coded = texts.dictionary_encode()
    distinct = [values.decode(kind, None, None, text) for text in coded.dictionary.to_pylist()]
    items = [open_blob(value) if isinstance(value, BlobReference) else value for value in distinct]
    found: Objects = _filled(items)[np.asarray(coded.indices)]
    return found


def _filled(items: Sequence[Any]) -> Objects:
    """An array of just these objects, be they lists."""
    result = np.empty(len(items), dtype=np.object_)
    for position, item in enumerate(items):
        result[position] = item
    return result
