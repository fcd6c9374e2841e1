"""Rows by a predicate: over what is asked for and what the predicate needs besides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from flor.query import assembly, predicate
from flor.query.arrays import ABSENT, Flags
from flor.query.assembly import Style
from flor.query.batch import Units
from flor.query.naming import columns_of
from flor.query.paths import Shape
from flor.query.piece import Piece
from flor.query.pivot import Block, Rows
from flor.query.tree import Tree

_FIXED = ("projid", "tstamp", "filename")
_SUFFIXES = ("_source", "_verdict", "_logged")
_OF_PROVENANCE = ("_source", "_verdict")
_FACTS = ("run", "status")  # what a predicate may say of a run besides


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What a predicate needs."""

    names: tuple[str, ...]
    has_sources: bool


NOTHING = Mentioned((), False)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that are asked for, and those joined with what the predicate needs."""

    units: Units
    tree: Tree
    asked: Rows
    joined: Rows
    joined_piece: Piece
    shapes: frozenset[Shape]  # of all loops of the runs, also of those around no row


class _Anything(frozenset[str]):
    """Contains any name: which loops there are is known only once their records are read."""

    def __contains__(self, name: object) -> bool:
        return True


def mentioned(where: str, asked: Sequence[str], known: Collection[str]) -> Mentioned:
    """The logged names among `asked` and `known` that a predicate mentions.

    Raises:
        QueryError: there is a syntax error, or more than a predicate.
    """
    written = predicate.referenced(where, _Anything())
    names = {title: name for name in [*known, *asked] for title in titles_besides(name)}
    names |= {name: name for name in [*known, *asked] if name not in _FIXED}
    names = {title: name for title, name in names.items() if title in asked or title not in _FACTS}
    folded = {title.casefold(): name for title, name in names.items()}
    found = [names.get(title, folded.get(title.casefold())) for title in written]
    has_sources = any(title.casefold().endswith(_OF_PROVENANCE) for title in written)
    return Mentioned(tuple(dict.fromkeys(name for name in found if name is not None)), has_sources)


def titles_besides(name: str) -> list[str]:
    """The titles that a name may have besides its own, or that what is known of it has."""
    return [f"{name}{suffix}" for suffix in _SUFFIXES]


def joined_style(mention: Mentioned, asked: Sequence[str], has_ranks: bool) -> Style:
    """The frame that the predicate is asked of: titles as in the one asked for, as far as it shows them."""
    reserved = tuple(fact for fact in _FACTS if fact not in asked)
    return Style(tuple(dict.fromkeys([*asked, *mention.names])), has_ranks, mention.has_sources, reserved)


def kept(candidates: Sequence[Candidates], where: str, style: Style) -> list[Flags]:
    """Of each batch, which of the asked rows to keep.

    Raises:
        QueryError: the predicate mentions a column that nobody knows, or has no meaning.
    """
    pieces = [candidate.joined_piece for candidate in candidates]
    ends = np.cumsum([len(piece) for piece in pieces])
    if not len(ends) or not ends[-1]:
        return [np.zeros(len(candidate.asked), np.bool_) for candidate in candidates]
    columns = _columns(candidates, style)
    # A predicate without columns is asked of each row all the same.
    used = dict.fromkeys([*predicate.referenced(where, columns), "tstamp"])
    is_satisfied = predicate.satisfied(where, pa.table({title: columns[title] for title in used}))
    parts = np.split(is_satisfied, ends[:-1])
    return [_kept(candidate, part) for candidate, part in zip(candidates, parts, strict=True)]


def _columns(candidates: Sequence[Candidates], style: Style) -> dict[str, pa.ChunkedArray]:
    """All that the predicate may mention, by title."""
    pieces = [candidate.joined_piece for candidate in candidates]
    columns = assembly.together(pieces, style)
    columns.setdefault("run", assembly.of_runs(pieces, lambda run: run.run, pa.string()))
    columns.setdefault("status", assembly.of_runs(pieces, lambda run: str(run.status), pa.string()))
    empty = pa.chunked_array([pa.nulls(sum(map(len, pieces)))])
    for name in style.names if style.has_sources else ():
        columns.setdefault(f"{name}_verdict", empty)  # of a name that no replay has answered
    for shape in {shape for candidate in candidates for shape in candidate.shapes}:
        for column in columns_of(shape):
            columns.setdefault(str(column), empty)
            columns.setdefault(f"{column}_value", empty)
    return columns


def _kept(candidates: Candidates, is_satisfied: Flags) -> Flags:
    """The asked rows to keep, where the flags tell which of the joined rows are satisfied.

    An asked row is kept if a joined row with the same values of its own is satisfied, or any
    joined row in a context further inside; children are inside the run level of their main process.
    """
    asked, joined = candidates.asked, candidates.joined
    sizes = [len(node) for node in candidates.tree.nodes]
    parts = zip(joined.blocks, joined.parted(is_satisfied), strict=True)
    hits = {block.node: _Hits(block, is_hit, sizes[block.node]) for block, is_hit in parts}
    inside = _inside(candidates, hits)
    return asked.arranged(
        [
            inside[block.node][block.context]
            | (hits[block.node].of_rows(block) if block.node in hits else np.False_)
            for block in asked.blocks
        ]
    ).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class _Hits:
    """Which joined rows of a block are satisfied."""

    block: Block
    is_hit: Flags
    size: int  # how many contexts the node has

    @property
    def contexts(self) -> Flags:
        """Of each context of the node, whether one of its rows is satisfied."""
        result = np.zeros(self.size, np.bool_)
        result[self.block.context[self.is_hit]] = True
        return result

    def of_rows(self, asked: Block) -> Flags:
        """Of each asked row of the same node, whether a row with the same own values is satisfied.

        That is the row of the same occasion; where a context has but one asked row, all its rows are.
        """
        start = np.full(self.size, ABSENT, dtype=np.intp)
        is_first = self.block.occasion == 0
        start[self.block.context[is_first]] = np.flatnonzero(is_first)
        same = np.minimum(start[asked.context] + asked.occasion, len(self.is_hit) - 1)
        is_same_hit = (start[asked.context] != ABSENT) & self.is_hit[same]
        is_single = np.bincount(asked.context, minlength=self.size)[asked.context] == 1
        return np.where(is_single, self.contexts[asked.context], is_same_hit)


def _inside(candidates: Candidates, hits: Mapping[int, _Hits]) -> list[Flags]:
    """Of each node and context, whether a joined row in a context further inside is satisfied."""
    nodes, main = candidates.tree.nodes, candidates.units.main
    result = [np.zeros(len(node), np.bool_) for node in nodes]
    for number in range(len(nodes) - 1, -1, -1):
        reached = result[number] | hits[number].contexts if number in hits else result[number]
        if number:
            result[nodes[number].parent][nodes[number].up[reached]] = True
        else:
            result[0][main[reached & (main != ABSENT)]] = True
    return result
