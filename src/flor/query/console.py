"""What runs have printed, as a data frame: one row per line, with its loops and its time."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flor.entities import Kind, Run, Source
from flor.errors import FlorWarning
from flor.query.answer import Query
from flor.query.frame import build
from flor.runs.catalog import Catalog
from flor.runs.records import Chunk
from flor.runs.schema import RECORDS
from flor.runs.values import decode

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("rank", "process", "name", "path", "it", "kind", "source", "vf", "vi", "vs", "ts")
_STREAMS = tuple(source.name.lower() for source in (Source.STDOUT, Source.STDERR))
_ROW = "\0row"  # the number of a record, which nobody can have logged under this name
_OWN = ("stream", "time", "text")


def console(catalog: Catalog, run: str | None = None) -> "pd.DataFrame":
    """The lines that a run has printed; without a run, those of the newest that has any.

    Columns as in `frame.dataframe`, then `stream`, `time` (UTC) and `text`; a column `rank` where
    several ranks have printed. Warns where nothing was kept.

    Raises:
        RunNotFound: there is no such run.
    """
    chosen = catalog.find(run) if run is not None else _newest(catalog)
    sources = (Source.STDOUT, Source.STDERR, Source.LOOP)
    runs = [] if chosen is None else [chosen.run]
    chunks = list(catalog.chunks(None, runs, sources, _COLUMNS))
    found = _frame(chunks, chunks[0].table if chunks else RECORDS.empty_table())
    if found.empty:
        _warn(run)
    return found


def _newest(catalog: Catalog) -> Run | None:
    return next((run for run in reversed(catalog.runs) if catalog.entry(run.run).metadata.console), None)


def _frame(chunks: Sequence[Chunk], table: pa.Table) -> "pd.DataFrame":
    ranks = pc.unique(table["rank"]).to_pylist()
    frame = build(map(_numbered, chunks), Query((_ROW,), has_ranks=any(ranks)))
    lines = table.take(pa.array(frame.pop(_ROW).to_numpy(np.int64)))
    frame = frame.rename(columns={title: f"{title}_loop" for title in _OWN if title in frame})
    frame["stream"] = lines["source"].cast(pa.large_string()).to_pandas()
    frame["time"] = lines["ts"].to_numpy().astype("datetime64[us]")
    frame["text"] = _texts(lines)
    # A line without an end was kept at the end of its run, a progress bar with its last state.
    return frame.sort_values("time", kind="stable", ignore_index=True)


def _numbered(chunk: Chunk) -> Chunk:
    """The records with their own number logged where they are lines: so each finds its loops by the pivot."""
    table = chunk.table
    is_line = pc.is_in(table["source"].cast(pa.string()), pa.array(_STREAMS))
    replaced = {
        "name": pc.if_else(is_line, _ROW, None),
        "kind": pc.if_else(is_line, "int", table["kind"].cast(pa.string())),
        "source": pc.if_else(is_line, "log", "loop"),
        "vi": pc.if_else(is_line, pa.array(np.arange(len(table))), table["vi"]),
    }
    for name, column in replaced.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return Chunk(chunk.runs, table, chunk.loops)


def _texts(lines: pa.Table) -> "pd.Series[Any]":
    """The texts; one with lone surrogates, which Arrow cannot hold, is recorded as JSON."""
    import pandas as pd

    kinds = lines["kind"].cast(pa.string()).to_pylist()
    if set(kinds) <= {Kind.TEXT.name.lower()}:
        texts: pd.Series[Any] = lines["vs"].cast(pa.large_string()).to_pandas()
        return texts
    pairs = zip(kinds, lines["vs"].to_pylist(), strict=True)
    return pd.Series([decode(Kind[kind.upper()], None, None, text) for kind, text in pairs], dtype=object)


def _warn(run: str | None) -> None:
    whose = "any run" if run is None else f"run {run}"
    text = f"No console output of {whose} was kept. It is kept of runs started with FLOR_CAPTURE=1, or with"
    warnings.warn(f"{text} capture = true under [tool.flor] in pyproject.toml.", FlorWarning, stacklevel=4)
