"""Matches the statements of a file of today with those of old files, one to one.

Unique identical subtrees first; then, within matched parents, statements in the same order by
likeness, then the others; then what moved: into or out of a function, a class or another file. All
of it in old names, as far as statements vote for them that are unique but for their names.
"""

from collections.abc import Mapping, Sequence

from flor.replay.propagation import renaming
from flor.replay.propagation.blocks import Blocks
from flor.replay.propagation.evidence import Evidence
from flor.replay.propagation.likeness import Likeness
from flor.replay.propagation.moved import Moved
from flor.replay.propagation.pairs import Matching, Pairing, Today
from flor.replay.propagation.statements import Module


def match_named(today: Today, primary: Module | None, others: Sequence[Module]) -> Matching:
    """Match a file of today in old names: at once where these are plain, else in a second round."""
    every = [old for old in (primary, *others) if old is not None]
    guessed = renaming.everywhere(_unique_shapes(today, every))
    matching = match(today, primary, others, guessed)
    found = renaming.everywhere(matching)
    if len(found.keys() - guessed.keys()) <= len(guessed):
        return matching
    return match(today, primary, others, found)


def _unique_shapes(today: Today, every: Sequence[Module]) -> Matching:
    """The statements that are unique in both versions but for their names."""
    pairing = Pairing(today, Likeness({}, today.probes, today.shells))
    evidence = Evidence(pairing)
    for old in every:
        evidence.add_identical(old)
        evidence.add_unique_shapes(old)
    return pairing.matching


def match(
    today: Today, primary: Module | None, others: Sequence[Module], renames: Mapping[str, str]
) -> Matching:
    """Match a file of today with the old file of its name and with others that may hold parts of it.

    Args:
        renames: today's names to old ones, as far as they are known.
    """
    pairing = Pairing(today, Likeness(renames, today.probes, today.shells))
    evidence, blocks = Evidence(pairing), Blocks(pairing)
    moved = Moved(pairing, blocks)
    every = [old for old in (primary, *others) if old is not None]
    for old in every:
        evidence.add_identical(old)
    evidence.match_evident(every)
    if primary is not None:
        blocks.match(today.module.body, primary.body)
        moved.match([primary])
    if others:
        moved.definitions(others)
        moved.match(every)
    return pairing.matching
