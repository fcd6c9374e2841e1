"""What a query for names is answered with: columns of all rows, by title."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from flor.query.assembly import Style, in_order
from flor.query.batch import Appearance, Batch, Request, batches, select
from flor.query.fields import fields
from flor.query.filtering import NOTHING, Candidates, Mentioned, joined_style, kept, mentioned
from flor.query.paths import shape_of
from flor.query.piece import Piece, reduced
from flor.query.pivot import Rows, pivot
from flor.query.tree import Tree, grow
from flor.runs.records import Chunk


@dataclass(frozen=True)
class Query:
    """What is asked for."""

    names: tuple[str, ...]  # each once; none: all values of the run level
    where: str | None = None
    has_sources: bool = False  # how values came to be, and how sure those of replays are
    has_ranks: bool = False
    known: Collection[str] = ()  # names that the predicate may mention besides
    batch_records: int = 200_000  # smaller chunks are pivoted together: each pivot has a price of its own

    @cached_property
    def mentioned(self) -> Mentioned:
        """What the predicate needs."""
        return NOTHING if self.where is None else mentioned(self.where, self.names, self.known)

    @property
    def needs_sources(self) -> bool:
        """Whether the answer, or the predicate, tells how values came to be."""
        return self.has_sources or self.mentioned.has_sources

    @property
    def request(self) -> Request:
        """The records that are needed."""
        return Request(self.names, self.mentioned.names, self.has_ranks)


def columns(chunks: Iterable[Chunk], query: Query) -> dict[str, pa.ChunkedArray]:
    """The columns that answer the query from these records, rows in the order of time.

    All records of a run lie in one chunk.
    """
    results = [_pivoted(some, query) for some in batches(chunks, query.batch_records)]
    names = query.names or _in_order(results)
    return in_order(_satisfying(results, query, names), Style(names, query.has_ranks, query.has_sources))


@dataclass(frozen=True, slots=True)
class _Result:
    """What remains of a batch of records."""

    piece: Piece
    appearances: Mapping[str, Appearance]
    candidates: Candidates | None  # where there is a predicate


def _pivoted(chunks: Sequence[Chunk], query: Query) -> _Result:
    """The rows of a few runs."""
    batch = select(fields(chunks), query.request)
    tree = grow(batch)
    asked = pivot(batch, tree if query.names else tree.run_level(), range(batch.asked))
    piece = reduced(batch, tree, asked, range(batch.asked), query.has_sources)
    candidates = None if query.where is None else _candidates(batch, tree, asked, query)
    return _Result(piece, batch.appearances, candidates)


def _candidates(batch: Batch, tree: Tree, asked: Rows, query: Query) -> Candidates:
    """The asked rows, and those joined with the names that the predicate needs."""
    is_joined = bool(query.names) and batch.asked == len(batch.names)
    joined = asked if is_joined else pivot(batch, tree, range(len(batch.names)))
    needed = [batch.names.index(name) for name in query.mentioned.names]
    return Candidates(
        units=batch.units,
        tree=tree,
        asked=asked,
        joined=joined,
        joined_piece=reduced(batch, tree, joined, needed, query.mentioned.has_sources),
        shapes=frozenset(shape_of(path) for loops in batch.fields.loops for path in loops),
    )


def _in_order(results: Sequence[_Result]) -> tuple[str, ...]:
    """The names of all results, in the order in which they first appear."""
    first: dict[str, Appearance] = {}
    for result in results:
        for name, appearance in result.appearances.items():
            first[name] = min(first.get(name, appearance), appearance)
    return tuple(sorted(first, key=first.__getitem__))


def _satisfying(results: Sequence[_Result], query: Query, names: tuple[str, ...]) -> list[Piece]:
    """The asked rows, without those that the predicate leaves out."""
    pieces = [result.piece for result in results]
    candidates = [result.candidates for result in results if result.candidates is not None]
    if query.where is None:
        return pieces
    flags = kept(candidates, query.where, joined_style(query.mentioned, names, query.has_ranks))
    return [piece.only(is_kept) for piece, is_kept in zip(pieces, flags, strict=True)]
