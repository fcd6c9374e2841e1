"""Puts a kept state into the live program: in place, bit for bit, with the identities it had."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from flor.checkpoints.graph import Graph
from flor.checkpoints.rebuild import Content, Rebuild, names_by_frame
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import guards
from flor.checkpoints.walked import Opaque, Walked


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore leaves to be done, and what it could not do."""

    names: list[
        Mapping[str, Any]
    ]  # per frame, outermost first: what to bind each name to; UNBOUND: to delete it
    refused: list[Opaque]


def restore(
    target: Graph,
    hashes: Sequence[str],
    content: Content,
    live: Walked,
    reference: Reference | None = None,
    live_hashes: Sequence[str] | None = None,
) -> Restored:
    """Make the live objects what the kept state says. Names of functions are left to the caller to bind.

    `live` is a walk of the program as it is now, `reference` this process's own at `top(0)`. With the hashes
    of the live leaves, only those that differ are read from the store and written.
    """
    with ExitStack() as stack:
        for guard in guards():
            stack.enter_context(guard)
        rebuild = Rebuild(target, hashes, content, live)
        rebuild.live_hashes = live_hashes
        rebuild.run(reference)
        return Restored(names_by_frame(rebuild), rebuild.refused)
