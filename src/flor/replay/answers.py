"""What a segment logged becomes answers of the run: rows with their places among the recorded ones. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flor.entities import Source
from flor.replay import agreement
from flor.replay.agreement import Context, Difference, Key, keys_of
from flor.replay.marks import MARK, Mark
from flor.runs.cutting import Flags
from flor.runs.schema import RECORDS
from flor.runs.tables import SOURCE_NAMES, array, codes, mask, numbers, strings

_MARGIN = 1000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of a segment that were executed one after the other, without a jump between them."""

    entry: str  # where it begins; "" at the start of the script
    table: pa.Table
    counts: Flags  # of each record
    proofs: NDArray[np.int64]  # of each record, the mark of the next kept state that was reached; -1: none
    marks: NDArray[np.int64]  # of each record, the mark before it


@dataclass(frozen=True, slots=True)
class Told:
    """What a segment logged, and what it said of itself."""

    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]

    @property
    def is_over(self) -> bool:
        """Whether it came to its end."""
        return any(mark.is_over for mark in self.marks)

    @property
    def facts(self) -> Mapping[str, Any]:
        """With what it computed, as far as that is known."""
        return next((mark.facts for mark in self.marks if mark.facts), {})


@dataclass(frozen=True, slots=True)
class Answers:
    """What one segment found out."""

    records: pa.Table  # columns of `schema.RECORDS`: source replay, and loop values that the run lacks
    differences: tuple[Difference, ...]  # of the run's own records, executed again
    contexts: frozenset[Context] = field(default_factory=frozenset)  # that have an answer
    names: tuple[str, ...] = ()  # of each value
    proofs: tuple[int, ...] = ()  # of each value, see `Stretch`
    marks: tuple[int, ...] = ()  # of each value, see `Stretch`
    compared: int = 0  # records of the run's own that were executed again

    @property
    def count(self) -> int:
        """How many values there are."""
        return int(_is_of(self.records, Source.REPLAY).sum())


def told(replayed: pa.Table) -> Told:
    """The records of a segment, parted where it jumped."""
    names, texts = replayed["name"].to_pylist(), replayed["vs"].to_pylist()
    rows = [row for row, name in enumerate(names) if name == MARK]
    marks = [Mark(), *(msgspec.json.decode(texts[row], type=Mark) for row in rows)]
    begins, ends = [0, *(row + 1 for row in rows)], [*rows, len(names)]
    proofs = _next_checked(marks)
    found: list[list[Stretch]] = []
    counts = False
    for number, (mark, begin, end) in enumerate(zip(marks, begins, ends, strict=True)):
        counts = counts if mark.counts is None else mark.counts
        if mark.entry or not found:
            found.append([])
        found[-1].append(_piece(number, mark, replayed.slice(begin, end - begin), counts, proofs))
    return Told(tuple(map(_joined, found)), tuple(marks))


def _next_checked(marks: Sequence[Mark]) -> list[int]:
    """Of each mark the next one that tells of a kept state, before any jump; -1: none."""
    found, proof = [], -1
    for number, mark in reversed(list(enumerate(marks))):
        found.append(proof)
        if mark.entry:
            proof = -1
        elif mark.checked:
            proof = number
    return found[::-1]


def _piece(number: int, mark: Mark, table: pa.Table, counts: bool, proofs: Sequence[int]) -> Stretch:
    each = (np.full(len(table), value) for value in (counts, proofs[number], number))
    return Stretch(mark.entry, table, *each)


def _joined(pieces: Sequence[Stretch]) -> Stretch:
    return Stretch(
        pieces[0].entry,
        pa.concat_tables([piece.table for piece in pieces]),
        np.concatenate([piece.counts for piece in pieces]),
        np.concatenate([piece.proofs for piece in pieces]),
        np.concatenate([piece.marks for piece in pieces]),
    )


def answers(
    recorded: pa.Table, replayed: Sequence[Stretch], seqs: Mapping[str, int], names: Collection[str]
) -> Answers:
    """The answers for these names.

    Args:
        recorded: what the run's main process logged, by seq.
        seqs: of the last record before each entry point.
        names: of the probes.
    """
    found = [_of_stretch(recorded, one, seqs.get(one.entry, 0), names) for one in replayed]
    records = pa.concat_tables([one.records for one in found]) if found else RECORDS.empty_table()
    return Answers(
        _without_known_loops(recorded, records.unify_dictionaries()),
        tuple({one.name: one for part in reversed(found) for one in reversed(part.differences)}.values()),
        frozenset(context for part in found for context in part.contexts),
        tuple(name for part in found for name in part.names),
        tuple(proof for part in found for proof in part.proofs),
        tuple(mark for part in found for mark in part.marks),
        sum(part.compared for part in found),
    )


def within(records: pa.Table, contexts: Collection[Context]) -> pa.Table:
    """The records of these contexts."""
    return records.filter(mask(np.array([key[0] in contexts for key in keys_of(records)], bool)))


def _of_stretch(recorded: pa.Table, stretch: Stretch, seq: int, names: Collection[str]) -> Answers:
    later = _following(recorded, seq, len(stretch.table))
    known = {key: row for row, key in enumerate(keys_of(later))}
    keys = keys_of(stretch.table)
    is_loop = _is_of(stretch.table, Source.LOOP)
    is_answer = np.array(
        [not loop and key[1] in names and key not in known for key, loop in zip(keys, is_loop, strict=True)],
        bool,
    )
    is_probe, is_answer = is_answer, is_answer & stretch.counts
    own = stretch.table.filter(mask(~is_probe & ~is_loop))
    answered = [(key[0][0], key[0][1]) for key, is_wanted in zip(keys, is_answer, strict=True) if is_wanted]
    kept = is_answer | (is_loop & _is_around(keys, answered))
    placed = _placed(stretch.table, keys, known, numbers(later["seq"]).tolist(), seq)
    return Answers(
        _as_replay(placed.filter(mask(kept)), is_answer[kept]),
        tuple(agreement.compare(later, own)),
        frozenset(answered),
        tuple(key[1] for key, is_wanted in zip(keys, is_answer, strict=True) if is_wanted),
        tuple(stretch.proofs[is_answer].tolist()),
        tuple(stretch.marks[is_answer].tolist()),
        sum(key in known for key, loop in zip(keys, is_loop, strict=True) if not loop),
    )


def _following(recorded: pa.Table, seq: int, count: int) -> pa.Table:
    """The records after this one: as many as so many records of a segment can be the same as."""
    first = int(np.searchsorted(numbers(recorded["seq"]), seq, "right"))
    return recorded.slice(first, 2 * count + _MARGIN)


def _is_around(keys: Sequence[Key], answered: Sequence[Context]) -> Flags:
    """Which records stand in a context that one of the answers stands in too."""
    around = {(_begin(path, depth), it[:depth]) for path, it in answered for depth in range(1, len(it) + 1)}
    return np.array([key[0] in around for key in keys], bool)


def _begin(path: str, depth: int) -> str:
    return "/".join(path.split("/")[:depth])


def _placed(
    table: pa.Table, keys: Sequence[Key], known: Mapping[Key, int], seqs: Sequence[int], first: int
) -> pa.Table:
    """The records, each with the seq of the last record before it that the run has too."""
    found, last = [], first
    for key in keys:
        if key in known:
            last = seqs[known[key]]
        found.append(last)
    column = array(np.array(found, np.int64))
    return table.set_column(RECORDS.get_field_index("seq"), RECORDS.field("seq"), column)


def _as_replay(table: pa.Table, is_answer: Flags) -> pa.Table:
    source = np.where(is_answer, int(Source.REPLAY), int(Source.LOOP)).astype(np.int8)
    column = pa.DictionaryArray.from_arrays(array(source), strings(SOURCE_NAMES))
    return table.set_column(RECORDS.get_field_index("source"), RECORDS.field("source"), column)


def _without_known_loops(recorded: pa.Table, records: pa.Table) -> pa.Table:
    """Without values of loops that the run recorded, and each only once."""
    seen = {
        key[0] for key, loop in zip(keys_of(recorded), _is_of(recorded, Source.LOOP), strict=True) if loop
    }
    kept = []
    for key, loop in zip(keys_of(records), _is_of(records, Source.LOOP), strict=True):
        kept.append(not loop or key[0] not in seen)
        if loop:
            seen.add(key[0])
    return records.filter(mask(np.array(kept, bool)))


def _is_of(table: pa.Table, source: Source) -> Flags:
    column = table["source"].combine_chunks()
    known = np.array([name == source.name.lower() for name in column.dictionary.to_pylist()] + [False], bool)
    return known[codes(column)]
