"""How sure each answer in a sealed file is: kept as lengths of equal verdicts, beside what was answered."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flor.entities import Source, Verdict
from flor.runs.metadata import Answered
from flor.runs.tables import array, codes, strings

COLUMN = "verdict"
FIELD = pa.field(COLUMN, pa.dictionary(pa.int8(), pa.string()))
"""A column that no file has: readers that ask for it get it beside those of `schema.RECORDS`."""

Verdicts = npt.NDArray[np.int8]
"""Of each record its position in `ORDER`; NONE of one that is no answer."""

ORDER = tuple(Verdict)
NONE = -1
_REPLAY = Source.REPLAY.name.lower()


def spread(table: pa.Table, verdicts: Sequence[Verdict]) -> Verdicts:
    """These verdicts of the answers among the records, which come in the same order."""
    found = np.full(len(table), NONE, np.int8)
    found[_is_one_of(table["source"], [_REPLAY])] = [ORDER.index(one) for one in verdicts]
    return found


def lengths(verdicts: Verdicts) -> list[tuple[Verdict, int]]:
    """Verdicts as they are kept."""
    return [(ORDER[code], len(list(equal))) for code, equal in groupby(verdicts.tolist())]


def of_file(table: pa.Table, answered: Sequence[Answered]) -> Verdicts:
    """The verdicts of a whole file: what it does not tell is unverified."""
    is_answer = _is_one_of(table["source"], [_REPLAY])
    found = np.where(is_answer, ORDER.index(Verdict.UNVERIFIED), NONE).astype(np.int8)
    for one in answered:
        rows = np.flatnonzero(is_answer & _is_one_of(table["name"], [one.name]))
        found[rows] = _told(one, len(rows))
    return found


def column(verdicts: Verdicts) -> pa.DictionaryArray:
    """The verdicts as texts, null of records that are no answers."""
    indices = array(np.maximum(verdicts, 0).astype(np.int8), verdicts != NONE)
    return pa.DictionaryArray.from_arrays(indices, strings(ORDER))


def with_column(table: pa.Table, answered: Sequence[Answered] = ()) -> pa.Table:
    """The records of a whole file, or of none, with their verdicts."""
    verdicts = of_file(table, answered) if answered else np.full(len(table), NONE, np.int8)
    return table.append_column(FIELD, column(verdicts))


def counts(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How many values there are, and how many of each verdict, as reports name these numbers."""
    return {"obtained": len(verdicts)} | {one.value: verdicts.count(one) for one in ORDER}


def _told(one: Answered, count: int) -> Sequence[int]:
    """What is kept of so many answers; older files tell only how many there were of each verdict."""
    kept = [ORDER.index(Verdict(text)) for text, length in one.verdicts for _ in range(length)]
    if len(kept) == count:
        return kept
    told = [verdict for verdict in ORDER if getattr(one, verdict.value)]
    only = told[0] if len(told) == 1 and not one.verdicts else Verdict.UNVERIFIED
    return [ORDER.index(only)] * count


def _is_one_of(column: pa.ChunkedArray, wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
    found = [np.zeros(0, np.bool_)]
    for piece in column.chunks:
        known = np.array([value in wanted for value in piece.dictionary.to_pylist()] + [False], np.bool_)
        found.append(known[codes(piece)])  # of a null that is -1: the last one
    return np.concatenate(found)
