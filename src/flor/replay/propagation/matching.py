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
from flor.replay.propagation.statements import Module, Statement


def match(today: Today, primary: Module | None, others: Sequence[Module]) -> Matching:
    """Match a file of today with the old file of its name and with others that may hold parts of it.

    In old names: at once where these are plain, else in a second round.
    """
    every = [old for old in (primary, *others) if old is not None]
    pairing = Pairing(today, Likeness({}, today.probes, today.shells))
    evidence = Evidence(pairing)
    for old in every:
        evidence.add_identical(old)
    identical = list(pairing.roots)
    if primary is not None:
        evidence.close_irrelevant(primary)
    for old in every:
        evidence.add_unique_shapes(old)
    guessed = renaming.everywhere(pairing.matching)
    matching = _match(today, primary, others, guessed, identical)
    found = renaming.everywhere(matching)
    if len(found.keys() - guessed.keys()) <= len(guessed):
        matching.trust(found)
        return matching
    return _match(today, primary, others, found, identical)


def _match(
    today: Today,
    primary: Module | None,
    others: Sequence[Module],
    renames: Mapping[str, str],
    identical: Sequence[tuple[Statement, Statement]],
) -> Matching:
    pairing = Pairing(today, Likeness(renames, today.probes, today.shells))
    blocks = Blocks(pairing)
    moved = Moved(pairing, blocks)
    every = [old for old in (primary, *others) if old is not None]
    for now, old in identical:
        pairing.add_subtrees(now, old)
    evidence = Evidence(pairing)
    if primary is not None:
        evidence.close_irrelevant(primary)
    evidence.match_evident(every)
    if primary is not None:
        blocks.match(today.module.body, primary.body)
        moved.match([primary])
    if others:
        moved.definitions(others)
        moved.match(every)
    return pairing.matching
