"""The values of records in SQL, which knows one type a column: as text, which holds all, or as numbers."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flor.entities import BlobReference, Kind
from flor.query.mixed import MIXED
from flor.query.plain import jsonable
from flor.runs import values

FIELDS = ("kind", "vf", "vi", "vs")


def text_of(prefix: str = "") -> str:
    """SQL for the value of a record as text; `prefix` stands before kind, vf, vi and vs in their names.

    Floats are in the fewest digits that give them back, lists and dicts JSON; None is NULL.
    """
    kind, vf, vi, vs = (f'"{prefix}{field}"' for field in FIELDS)
    return (
        f"CASE {kind} WHEN 'float' THEN CAST({vf} AS VARCHAR) WHEN 'bool' THEN CAST({vi} <> 0 AS VARCHAR) "
        f"WHEN 'int' THEN coalesce(CAST({vi} AS VARCHAR), {vs}) ELSE {vs} END"
    )


def number_of(prefix: str = "") -> str:
    """SQL for the value of a record as a 64-bit float; NULL unless it is a float or an integer."""
    kind, vf, vi, vs = (f'"{prefix}{field}"' for field in FIELDS)
    return (
        f"CASE {kind} WHEN 'float' THEN {vf} "
        f"WHEN 'int' THEN coalesce(CAST({vi} AS DOUBLE), TRY_CAST({vs} AS DOUBLE)) END"
    )


def is_numeric(cells: pa.ChunkedArray) -> bool:
    """Whether a column of type MIXED holds floats and integers only."""
    kinds = pc.struct_field(cells, "kind").unique().to_pylist()
    return set(kinds) <= {"float", "int", "null", None}


def json_text(value: object) -> str:
    """The value as JSON: NaN and infinities as strings, times in ISO form, bytes in base64."""
    text = json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return printable(text)


def printable(text: str) -> str:
    """The text as UTF-8 can hold it: a byte of a file name that is not UTF-8 is written as `\\udcff`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def record(value: Any) -> dict[str, Any]:
    """The value as a cell of type MIXED."""
    if isinstance(value, BlobReference):
        return {"kind": "blob", "vs": json_text(value)}
    kind, payload = values.encode(value, lambda _: None)
    text = payload.decode("utf-8") if isinstance(payload, bytes) else None
    number = None if isinstance(payload, bytes) else payload
    is_float = kind is Kind.FLOAT
    return {
        "kind": kind.name.lower(),
        "vf": number if is_float else None,
        "vi": None if is_float else number,
        "vs": text,
    }


def records(cells: list[Any]) -> pa.ChunkedArray:
    """The values as a column of type MIXED."""
    return pa.chunked_array([pa.array([record(cell) for cell in cells], MIXED)])


def fields_of(cells: pa.ChunkedArray, prefix: str = "") -> dict[str, pa.ChunkedArray]:
    """The fields of a column of type MIXED as columns of their own, for `text_of`."""
    kind, vf, vi, vs = (pc.struct_field(cells, field) for field in FIELDS)
    columns = (kind, vf, vi, plain_json(vs, kind))
    return {f"{prefix}{field}": column for field, column in zip(FIELDS, columns, strict=True)}


def plain_json(texts: pa.ChunkedArray, kinds: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts of records, with plain JSON for that which the store keeps with tags."""
    is_tagged = pc.fill_null(pc.match_substring(texts, f'"{values.TAG}"'), False)
    if not pc.any(is_tagged, min_count=0).as_py():
        return texts
    is_tagged = pc.and_(is_tagged, pc.fill_null(pc.equal(kinds.cast(pa.string()), "json"), False))
    tagged = texts.filter(is_tagged).to_pylist()
    replaced = [json_text(values.decode(Kind.JSON, None, None, text)) for text in tagged]
    flags = is_tagged.combine_chunks()
    return pa.chunked_array(
        [pc.replace_with_mask(texts.combine_chunks(), flags, pa.array(replaced, texts.type))]
    )
