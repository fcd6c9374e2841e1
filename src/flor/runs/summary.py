"""What the records of a run come to: last values, counts, last numbers, as its description has them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from flor.entities import Kind, Source
from flor.runs import tables
from flor.runs.layout import JournalName

VALUE_LENGTH = 1_000
"""Longer last values are cut in the summary (never in the records)."""

_STREAMS = {source.name.lower() for source in (Source.STDOUT, Source.STDERR)}

Value = tuple[int, float | None, int | None, str | None]
"""kind, vf, vi, vs"""


class Summary:
    """Answers from the records of one run. Most runs are small: each column is looked at once."""

    def __init__(self, records: pa.Table) -> None:
        self._records = records
        self._names = records["name"].combine_chunks()
        self._name_of = tables.codes(self._names)
        sources = records["source"].combine_chunks()
        self._sources: list[str] = sources.dictionary.to_pylist()
        self._source_of = tables.codes(sources)
        self._ranks = tables.numbers(records["rank"])

    def last_ts(self) -> int:
        """When the last record was made, in microseconds; 0 if there is none."""
        return int(tables.numbers(self._records["ts"]).max(initial=0))

    def last_seqs(self, journals: Iterable[JournalName]) -> dict[str, int]:
        """For each journal the seq of the last record of it; 0 if there is none."""
        processes, seqs = (tables.numbers(self._records[column]) for column in ("process", "seq"))
        return {
            str(name): int(seqs[(self._ranks == name.rank) & (processes == name.process)].max(initial=0))
            for name in journals
        }

    def name_counts(self) -> dict[str, int]:
        """How many records each name has."""
        known = self._names.dictionary.to_pylist()
        counts = np.bincount(self._name_of + 1, minlength=len(known) + 1)[1:].tolist()
        return {name: count for name, count in zip(known, counts, strict=True) if count}

    def line_count(self) -> int:
        """How many records are lines of console output."""
        counts = np.bincount(self._source_of, minlength=len(self._sources)).tolist()
        return sum(count for name, count in zip(self._sources, counts, strict=True) if name in _STREAMS)

    def last_values(self, source: Source) -> dict[str, Value]:
        """The last value of each name on the lowest rank, in order of first appearance."""
        text = source.name.lower()
        wanted = self._sources.index(text) if text in self._sources else len(self._sources)
        is_lowest = self._ranks == self._ranks.min(initial=2**31 - 1)
        rows = np.flatnonzero((self._name_of >= 0) & (self._source_of == wanted) & is_lowest)
        # The later row wins, the first one keeps its place.
        last = dict(zip(self._name_of[rows].tolist(), rows.tolist(), strict=True))
        return {self._names.dictionary[code].as_py(): self._value(row) for code, row in last.items()}

    def _value(self, row: int) -> Value:
        kind, vf, vi, text = (self._records[column][row].as_py() for column in ("kind", "vf", "vi", "vs"))
        known = Kind[kind.upper()]
        if text is not None and len(text) > VALUE_LENGTH and known is not Kind.BLOB:
            return int(Kind.TEXT), None, None, text[:VALUE_LENGTH] + "…"
        return int(known), vf, vi, text
