"""Columns whose cells differ in type: SQL knows only one type a column, so the rows are parted by type."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flor.entities import Kind

MIXED = pa.struct([("kind", pa.string()), ("vf", pa.float64()), ("vi", pa.int64()), ("vs", pa.string())])
"""The type of a column whose cells differ in type, or whose type SQL does not have: the fields of a record,
`kind` as in `entities.Kind` in lower case. `kind` may be dictionary-encoded."""

_FIELD = {Kind.BOOL: "vi", Kind.INT: "vi", Kind.FLOAT: "vf"}  # the others: vs
_EXPRESSION = {
    Kind.BOOL: "({} <> 0)",
    Kind.BYTES: "from_base64({})",
    Kind.JSON: "TRY_CAST({} AS JSON)",
    Kind.BLOB: "TRY_CAST({} AS JSON)",
    Kind.DATETIME: "TRY_CAST({} AS TIMESTAMP)",
    Kind.DATE: "TRY_CAST({} AS DATE)",
}
_WIDE = len(Kind)  # an integer that 64 bits do not hold
_FORMS = _WIDE + 1


@dataclass(frozen=True, slots=True)
class Part:
    """Rows in which every column has one type."""

    rows: NDArray[np.int64] | slice
    table: pa.Table
    columns: Mapping[str, str]  # the SQL expression of each column over the table


def is_mixed(column: pa.ChunkedArray) -> bool:
    """Whether this is a column of type MIXED."""
    return isinstance(column.type, pa.StructType)


def parts(table: pa.Table) -> Iterator[Part]:
    """The table cut by the types of the cells of its mixed columns; every row is in one part."""
    forms = {name: _forms(table[name]) for name in table.column_names if is_mixed(table[name])}
    if not forms:
        yield Part(slice(None), table, {name: f'"{name}"' for name in table.column_names})
        return
    code = np.zeros(table.num_rows, np.int64)
    for form in forms.values():
        # Renumbered at each step, so that no number of columns overflows.
        code = np.unique(code * _FORMS + form, return_inverse=True)[1]
    for signature in range(max(code.max(initial=-1) + 1, 1)):
        rows = np.flatnonzero(code == signature)
        first = {name: int(form[rows[0]]) if len(rows) else Kind.NULL for name, form in forms.items()}
        yield _part(table, rows, first)


def _forms(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """For each row the number of its kind, or that of integers too wide."""
    kind = pc.struct_field(column, "kind").combine_chunks()
    kind = kind if pa.types.is_dictionary(kind.type) else kind.dictionary_encode()
    numbers = np.array([Kind[text.upper()] for text in kind.dictionary.to_pylist()] + [Kind.NULL], np.int64)
    form = numbers[pc.fill_null(kind.indices, len(numbers) - 1).to_numpy(zero_copy_only=False)]
    has_vi = pc.is_valid(pc.struct_field(column, "vi")).to_numpy()
    return np.where((form == Kind.INT) & ~has_vi, _WIDE, form)


def _part(table: pa.Table, rows: NDArray[np.int64], forms: Mapping[str, int]) -> Part:
    taken = table.take(rows)
    columns: dict[str, Any] = {}
    expressions: dict[str, str] = {}
    for name in table.column_names:
        form = forms.get(name)
        columns[name] = taken[name] if form is None else _cells(taken[name], form)
        expressions[name] = (
            _EXPRESSION.get(Kind(form), "{}").format(f'"{name}"') if form in set(Kind) else f'"{name}"'
        )
    return Part(rows, pa.table(columns), expressions)


def _cells(column: pa.ChunkedArray, form: int) -> Any:
    if form == Kind.NULL:
        return pa.nulls(len(column))
    if form == _WIDE:
        return pa.array(
            [_as_float(digits) for digits in pc.struct_field(column, "vs").to_pylist()], pa.float64()
        )
    return pc.struct_field(column, _FIELD.get(Kind(form), "vs"))


def _as_float(digits: str) -> float:
    number = int(digits, 16 if "x" in digits else 10)
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
