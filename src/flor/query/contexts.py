"""The contexts of records: one number each, and a table of those that hold a value."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.entities import Kind, Source
from flor.query.arrays import Flags, Numbers, Positions
from flor.query.fields import Fields
from flor.query.paths import Routes, routes, shape_of
from flor.query.text import printable

Hashes = NDArray[np.uint64]

LOGGED = (Source.LOG, Source.ARG, Source.REPLAY)
"""Where records with a name come from."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Level:
    """The contexts of records at one depth of loops."""

    depth: int  # 0: the outermost loop
    rows: Positions  # the records that are so deep
    parent: Hashes  # of each of them, the context around
    own: Hashes


def identities(fields: Fields) -> Numbers:
    """For each record the number of its context: a hash of run, rank, process, path and iterations.

    A number depends on nothing else, so it is the same in every query.
    """
    current = _roots(fields)
    for level in _levels(fields, routes(fields.path.texts), current):
        current[level.rows] = level.own
    return current.view(np.int64)


def _levels(fields: Fields, paths: Routes, current: Hashes) -> Iterator[Level]:
    """The levels from the outermost inwards; `current` takes each record's context of the level before."""
    depth_of = np.array([len(shape) for shape in paths.shapes], np.intp)
    depth = depth_of[paths.shape][fields.path.codes]
    elements = _text_hashes(prefix.rpartition("/")[2] for prefix in paths.prefixes)
    for level in range(int(depth.max(initial=0))):
        rows = np.flatnonzero(depth > level)
        element = elements[paths.prefix[fields.path.codes[rows], level]]
        iteration = fields.iterations[fields.offset[rows] + level].astype(np.uint64)
        parent = current[rows]
        yield Level(level, rows, parent, _mixed(_mixed(parent, element), iteration))


def _roots(fields: Fields) -> Hashes:
    """For each record the hash of the run level of its process."""
    run = _text_hashes(run.run for run in fields.runs)[fields.run]
    return _mixed(_mixed(run, fields.rank.astype(np.uint64)), fields.process.astype(np.uint64))


def _text_hashes(texts: Iterator[str]) -> Hashes:
    digests = [
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts
    ]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _mixed(state: Hashes, value: Hashes) -> Hashes:
    """One hash of two, by the last steps of splitmix64."""
    x = (state ^ (value + _GOLDEN + (state << np.uint64(6)) + (state >> np.uint64(2)))) + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = x ^ (x >> np.uint64(31))
    return mixed


def table(fields: Fields) -> pa.Table:
    """The contexts that hold a value and all around them, in program order.

    Columns run, ctx_id, parent_ctx_id (null for an outermost loop), loop_name, iteration, and the iteration's
    value as kind, vf, vi, vs.
    """
    paths = routes(fields.path.texts)
    current = _roots(fields)
    found = []
    for level in _levels(fields, paths, current):
        found.append(_distinct(level, fields.have_source(*LOGGED)))
        current[level.rows] = level.own
    return _table(fields, paths, _in_order(found), current)


@dataclass(frozen=True, slots=True)
class _Found:
    """Distinct contexts, each with the first record in it."""

    depth: Positions
    row: Positions
    parent: Hashes
    own: Hashes


def _distinct(level: Level, is_logged: Flags) -> _Found:
    kept = np.flatnonzero(is_logged[level.rows])
    # Neighbours mostly share their context; to sort only one of each saves most of the time.
    own = level.own[kept]
    kept = kept[np.append(True, own[1:] != own[:-1])] if len(kept) else kept
    first = kept[np.unique(level.own[kept], return_index=True)[1]]
    return _Found(np.full(len(first), level.depth), level.rows[first], level.parent[first], level.own[first])


def _in_order(found: Sequence[_Found]) -> _Found:
    depth, row, parent, own = (
        np.concatenate([getattr(part, name) for part in found] or [np.zeros(0, kind)])
        for name, kind in (("depth", np.intp), ("row", np.intp), ("parent", np.uint64), ("own", np.uint64))
    )
    # Around a record's first context, those that begin with the same record come first.
    order = np.argsort(row * (len(found) + 1) + depth)
    return _Found(depth[order], row[order], parent[order], own[order])


def _table(fields: Fields, paths: Routes, found: _Found, contexts: Hashes) -> pa.Table:
    iteration = fields.iterations[fields.offset[found.row] + found.depth]
    run = fields.run[found.row]
    prefix = paths.prefix[fields.path.codes[found.row], found.depth]
    is_outermost = found.depth == 0
    return pa.table(
        {
            "run": texts([run.run for run in fields.runs], run),
            "ctx_id": pa.array(found.own.view(np.int64)),
            "parent_ctx_id": pa.array(found.parent.view(np.int64), mask=is_outermost),
            "loop_name": texts([shape_of(path)[-1] for path in paths.prefixes], prefix),
            "iteration": pa.array(iteration),
            **_values(fields, found, contexts, iteration, _counts(fields, paths)[run, prefix]),
        }
    )


def texts(distinct: Sequence[str | None], codes: NDArray[Any]) -> pa.DictionaryArray:
    """A column of texts, by their positions among the distinct ones."""
    cells = [None if text is None else printable(text) for text in distinct]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(cells, pa.large_string()))


def _counts(fields: Fields, paths: Routes) -> Flags:
    """For each run and prefix, whether an iteration's value is its index unless a record says otherwise."""
    counts = np.zeros((len(fields.runs), len(paths.prefixes)), np.bool_)
    place = {prefix: number for number, prefix in enumerate(paths.prefixes)}
    for run, loops in enumerate(fields.loops):
        known = [place[path] for path, default in loops.items() if default == "index" and path in place]
        counts[run, known] = True
    return counts


def _values(
    fields: Fields, found: _Found, contexts: Hashes, iteration: Numbers, is_index: Flags
) -> dict[str, pa.Array]:
    """The values of iterations, as the fields of records."""
    row = _said(fields, found, contexts)
    is_said = row != _NO_ROW
    kind = np.where(is_said, fields.kind[row], np.where(is_index, Kind.INT, Kind.NULL))
    has_vi = np.where(is_said, fields.has_vi[row], is_index)
    names = [kind.name.lower() for kind in Kind]
    return {
        "kind": texts(names, np.where(kind < 0, Kind.NULL, kind)),
        "vf": pa.array(fields.vf[row], mask=~is_said),
        "vi": pa.array(np.where(is_said, fields.vi[row], iteration - 1), mask=~has_vi),
        "vs": fields.vs.take(pa.array(row, mask=~is_said)),
    }


def _said(fields: Fields, found: _Found, contexts: Hashes) -> Positions:
    """For each context the record that says its value, or _NO_ROW."""
    saying = np.flatnonzero(fields.have_source(Source.LOOP))
    order = saying[np.argsort(contexts[saying], kind="stable")]
    # The last of equal ones.
    place = np.searchsorted(contexts[order], found.own, side="right") - 1
    row = np.append(order, _NO_ROW)[place]
    return np.where((row != _NO_ROW) & (contexts[row] == found.own), row, _NO_ROW)
