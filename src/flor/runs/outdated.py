"""Answers of replays that later ones take the place of: which these are, and a file without them.

An answer names the earlier ones in whose place it stands, so that these go wherever they meet: files of
other stores come one by one, and one that was removed here may come back.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from itertools import permutations

import msgspec
import numpy as np
import pyarrow as pa

from flor.entities import Source
from flor.runs import cutting, verdicts
from flor.runs.cutting import Flags, Part
from flor.runs.layout import Layout, SealedName
from flor.runs.metadata import Answered, RunMetadata
from flor.runs.summary import Summary
from flor.runs.tables import array, codes, mask
from flor.runs.verdicts import Verdicts

Key = tuple[str | None, str, tuple[int, ...], int]
"""Name (None: the value of a loop), path, iterations and rank."""


def keys(table: pa.Table) -> list[Key]:
    """A key for each record."""
    columns = (table[name].to_pylist() for name in ("name", "path", "it", "rank"))
    return [(name, path, tuple(it), rank) for name, path, it, rank in zip(*columns, strict=True)]


def is_stale(one: Answered, newer: Answered) -> bool:
    """Whether all of an answer goes: another probe gave it, or it had diverged from the run."""
    return bool(one.diverged) or newer.probe != one.probe


def instead(newer: Answered, found: Collection[Key], parts: Sequence[Part]) -> Answered:
    """An answer with a mark, and the marks of those in whose place it stands.

    Args:
        found: the keys of its records.
    """
    marks = [
        mark
        for part in parts
        for one in part.about.answered
        if one.name == newer.name and _is_touched(one, newer, found, part.table)
        for mark in (_mark(one), *one.instead)
    ]
    own = os.urandom(8).hex()
    return msgspec.structs.replace(newer, mark=own, instead=list(dict.fromkeys(marks)))


def _mark(one: Answered) -> str:
    """What tells an answer from all others; of older files, when the replay was."""
    return one.mark or one.replay


def _is_touched(one: Answered, newer: Answered, found: Collection[Key], table: pa.Table) -> bool:
    says_nothing = not one.obtained and one.iterations == []
    if says_nothing or is_stale(one, newer) or (newer.diverged and one.unverified):
        return True
    return not set(keys(table.filter(mask(named(table, [one.name]))))).isdisjoint(found)


def catch_up(layout: Layout, names: Sequence[SealedName]) -> None:
    """Take out of the files of a run the answers in whose place others of its files have some.

    Raises:
        OSError: the store cannot be written.
        Unreadable: a file is damaged.
    """
    parts = [part for name in names if (part := cutting.read(layout, name)).about.answered]
    for part in parts:
        left = part
        for later in parts:
            if later is not part:
                left = without(left, later.about.answered, set(keys(later.table)))
        put(part, left)


def is_behind(parts: Sequence[RunMetadata]) -> bool:
    """Whether a file of a run has answers in whose place another one has some."""
    answering = [part.answered for part in parts if part.answered]
    return any(_heeding(*pair) for pair in permutations(answering, 2))


def put(former: Part, part: Part) -> None:
    """Put a file in the place of the former one; without answers there is none.

    Raises:
        OSError: the store cannot be written.
    """
    if not part.about.answered:
        former.path.unlink(missing_ok=True)
    elif part is not former:
        cutting.replace([part])


def without(part: Part, newer: Sequence[Answered], found: Collection[Key]) -> Part:
    """A file without the answers in whose place these stand; itself where there are none.

    Args:
        found: the keys of the records that came with the newer ones.
    """
    heeding = _heeding(part.about.answered, newer)
    if not heeding:
        return part
    sure, is_kept = verdicts.of_file(part.table, part.about.answered), _are_kept(part, heeding, found)
    answered = [
        left
        for one in part.about.answered
        if (left := _left(one, heeding.get(one.name), is_kept[named(part.table, [one.name])]))
    ]
    return _reduced(part, answered, is_kept, sure)


def _heeding(answered: Sequence[Answered], newer: Sequence[Answered]) -> Mapping[str, Answered]:
    """By name those of the newer ones that stand in the place of one of these, and still do not."""
    return {
        new.name: new
        for new in newer
        for one in answered
        if one.name == new.name and _stands_instead(new, one) and _mark(new) not in one.heeded
    }


def _stands_instead(new: Answered, one: Answered) -> bool:
    """Whether it says so, or a later probe gave it: stores that are merged did not know of each other."""
    return _mark(one) in new.instead or (new.probe != one.probe and new.replay > one.replay)


def _are_kept(part: Part, heeding: Mapping[str, Answered], found: Collection[Key]) -> Flags:
    """Which records stay: those of other names, and those that were not found again."""
    stale = [
        one.name for one in part.about.answered if one.name in heeding and is_stale(one, heeding[one.name])
    ]
    is_kept = ~named(part.table, stale)
    asked = np.flatnonzero(named(part.table, heeding))
    is_again = np.array([key in found for key in keys(part.table.take(array(asked)))], bool)
    is_kept[asked[is_again]] = False
    return is_kept


def _left(one: Answered, newer: Answered | None, is_kept: Flags) -> Answered | None:
    """What is left of an answer; None: nothing, not even that there was none."""
    if newer is None:
        return one
    # Where what was found instead is to be asked again, this says no longer that it is answered.
    is_asked_again = bool(newer.diverged) or (newer.iterations == [] and not is_kept.all())
    iterations = [] if is_asked_again else one.iterations
    left = msgspec.structs.replace(one, iterations=iterations, heeded=[*one.heeded, _mark(newer)])
    is_over = is_stale(one, newer) or (_covers(newer, left) and not is_kept.any())
    return None if is_over else left


def _covers(newer: Answered, one: Answered) -> bool:
    if newer.iterations is None:
        return True
    return one.iterations is not None and set(one.iterations) <= set(newer.iterations)


def _reduced(part: Part, answered: Sequence[Answered], is_kept: Flags, sure: Verdicts) -> Part:
    left = part.table.filter(mask(is_kept))
    summary = Summary(left)
    about = msgspec.structs.replace(
        part.about,
        values=summary.last_values(Source.REPLAY),
        names=summary.name_counts(),
        rows=len(left),
        answered=told(answered, left, sure[is_kept]),
    )
    return Part(part.path, about, left)


def told(answered: Sequence[Answered], table: pa.Table, sure: Verdicts) -> list[Answered]:
    """The answers with what there is of them in a file: verdicts, and how many of each."""
    return [_told(one, sure[named(table, [one.name])]) for one in answered]


def _told(one: Answered, sure: Verdicts) -> Answered:
    found = [verdicts.ORDER[code] for code in sure.tolist()]
    return msgspec.structs.replace(one, verdicts=verdicts.lengths(sure), **verdicts.counts(found))


def named(table: pa.Table, names: Collection[str]) -> Flags:
    """Which records have one of these names."""
    column = table["name"].combine_chunks()
    known = np.array([name in names for name in column.dictionary.to_pylist()] + [False], bool)
    return known[codes(column)]
