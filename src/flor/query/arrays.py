"""Small steps over whole numpy arrays, of which the pivot is made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]
"""Where something stands in another array; ABSENT where there is nothing."""

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ABSENT = -1

_KEY_LIMIT = 2**62


def differs(values: NDArray[Any]) -> Flags:
    """Where an element differs from the one before it; the first always does."""
    flags = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=flags[1:])
    return flags


def increases(values: NDArray[Any]) -> bool:
    """Whether every element is larger than the one before it."""
    return bool((values[1:] > values[:-1]).all())


def ascends(values: NDArray[Any]) -> bool:
    """Whether no element is smaller than the one before it."""
    return bool((values[1:] >= values[:-1]).all())


def combined(columns: Sequence[NDArray[Any]]) -> Numbers:
    """One integer a row that orders the rows as the columns do, the first column foremost."""
    key, span = _from_zero(columns[0])
    for column in columns[1:]:
        digit, base = _from_zero(column)
        if span * base >= _KEY_LIMIT:
            key, span = _ranks(key)
            digit, base = _ranks(digit)
        key, span = key * base + digit, span * base
    return key


def _from_zero(values: NDArray[Any]) -> tuple[Numbers, int]:
    """Integers from 0 in the order of the values, and a bound they stay below."""
    if not len(values):
        return values.astype(np.int64), 1
    low, high = int(values.min()), int(values.max())
    if high - low >= _KEY_LIMIT:
        return _ranks(values)
    integers = values.astype(np.int64, copy=False)
    return integers - low if low else integers, high - low + 1


def _ranks(values: NDArray[Any]) -> tuple[Numbers, int]:
    distinct, ranks = np.unique(values, return_inverse=True)
    return ranks.astype(np.int64, copy=False), max(len(distinct), 1)


def grouped(codes: NDArray[Any], count: int) -> list[Positions]:
    """For each code below `count`, the positions that hold it, in order."""
    if count <= 1:
        return [np.arange(len(codes))] * count
    # numpy sorts 16-bit integers by radix: linear time.
    order = np.argsort(codes.astype(np.int16) if count < 2**15 else codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=count))[:-1])
