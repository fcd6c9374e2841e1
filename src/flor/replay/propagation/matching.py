"""Matches the statements of a file of today with those of old files, one to one.

Unique identical subtrees first; then, within matched parents, statements in the same order by
likeness, then the others; then what moved: into or out of a function, a class or another file. The
whole is done twice, the second time in the old names that the first time voted for.
"""

from collections.abc import Mapping, Sequence

from flor.replay.propagation.blocks import Blocks
from flor.replay.propagation.evidence import Evidence
from flor.replay.propagation.likeness import Likeness
from flor.replay.propagation.moved import Moved
from flor.replay.propagation.pairs import Matching, Pairing, Today
from flor.replay.propagation.statements import Module


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
