"""Data frames of logged values: one row per context, one column per name and per loop."""

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.errors import FlorWarning, QueryError
from flor.query.answer import Query, columns
from flor.query.cells import MIXED, OpenBlob, objects
from flor.query.closest import hint
from flor.runs import blobs, verdicts
from flor.runs.catalog import Catalog
from flor.runs.records import Chunk

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("rank", "process", "name", "path", "it", "kind", "source", "vf", "vi", "vs")
_WITH_VERDICTS = (*_COLUMNS, verdicts.COLUMN)
_WITHOUT_GAPS = {pa.int64(): 0, pa.bool_(): False}
_MANY = 50


def dataframe(
    catalog: Catalog,
    names: Sequence[str] = (),
    where: str | None = None,
    provenance: bool = False,
    ranks: str | None = None,
) -> "pd.DataFrame":
    """The values of the names in all runs: a row per context, a column per name.

    Only rank 0 unless `ranks` is "all", which adds a column `rank`. Without names: all arguments and values
    of the run level. `where` is a SQL predicate over columns; it keeps the rows that satisfy it, themselves
    or by a row further inside.
    With `provenance` a column `<name>_source` follows each name, and `<name>_verdict` where replays have
    answered it. Warns of names that nobody logged.

    Raises:
        QueryError: the predicate cannot be understood, or `ranks` is neither None nor "all".
    """
    found = _columns(catalog, names, where, provenance, ranks)
    frame = _frame(found, partial(blobs.handle, catalog.layout))
    _warn_of_unknown(names, catalog.names)
    return frame


def table(
    catalog: Catalog,
    names: Sequence[str] = (),
    where: str | None = None,
    provenance: bool = False,
    ranks: str | None = None,
) -> pa.Table:
    """What `dataframe` gives, in Arrow: a gap is null and never NaN, cells of several types are MIXED."""
    found = _columns(catalog, names, where, provenance, ranks)
    _warn_of_unknown(names, catalog.names)
    return pa.table(found)


def _columns(
    catalog: Catalog,
    names: Sequence[str],
    where: str | None,
    provenance: bool,
    ranks: str | None,
) -> dict[str, pa.ChunkedArray]:
    if ranks not in (None, "all"):
        raise QueryError(f"ranks={ranks!r} has no meaning.", 'It is "all", or left out for rank 0 only.')
    asked = tuple(dict.fromkeys(names))
    query = Query(asked, where, provenance, ranks == "all", catalog.names)
    wanted = (*asked, *query.mentioned.names) if asked else None
    needed = _WITH_VERDICTS if query.needs_sources else _COLUMNS
    return columns(catalog.chunks(wanted, columns=needed), query)


def build(chunks: Iterable[Chunk], query: Query, open_blob: OpenBlob = lambda blob: blob) -> "pd.DataFrame":
    """The data frame that answers the query from these records; all of a run lie in one chunk."""
    return _frame(columns(chunks, query), open_blob)


def _frame(found: Mapping[str, pa.ChunkedArray], open_blob: OpenBlob) -> "pd.DataFrame":
    import pandas as pd

    # Copying brings the columns of one type together, which pandas wants where there are many.
    arrays = {title: _array(column, open_blob) for title, column in found.items()}
    return pd.DataFrame(arrays, copy=len(arrays) > _MANY)


def _array(column: pa.ChunkedArray, open_blob: OpenBlob) -> Any:
    """The column as pandas holds it, by types that know gaps only where there are any."""
    import pandas as pd

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        return pd.Series([None] * len(column), dtype=object)
    if column.type == MIXED:
        return pd.Series(objects(column, open_blob), dtype=object)
    if pa.types.is_large_string(column.type):
        return column.to_pandas()
    if column.null_count and column.type in _WITHOUT_GAPS:
        values = _numpy(column.fill_null(_WITHOUT_GAPS[column.type]))
        array = pd.arrays.BooleanArray if column.type == pa.bool_() else pd.arrays.IntegerArray
        return array(values, _numpy(column.is_null()))
    return _numpy(column)


def _numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    """A copy that can be written to; a gap among floats is NaN."""
    parts = [part.to_numpy(zero_copy_only=False) for part in column.chunks]
    return np.concatenate(parts) if parts else column.to_numpy()


def _warn_of_unknown(names: Sequence[str], known: Collection[str]) -> None:
    for name in dict.fromkeys(names):
        if name not in known:
            warnings.warn(f"Nobody logged {name!r}. {hint(name, known)}".strip(), FlorWarning, stacklevel=4)
