"""The random state at the first flor call: an unseeded script draws its seeds and weights after it."""

import time
from collections.abc import Callable, Collection

from flor.checkpoints import randomness
from flor.checkpoints.entry import EntryPoint
from flor.checkpoints.environment import global_generators
from flor.checkpoints.graph import Graph, Node
from flor.checkpoints.manifest import LeafRecord, Manifest
from flor.checkpoints.packs import Blob, hash_of
from flor.checkpoints.randomness import States
from flor.checkpoints.store import CheckpointStore
from flor.entities import FORMAT_VERSION

ENTRY = EntryPoint("start")


def keep(store: CheckpointStore, run: str, rank: int, process: int, states: States) -> None:
    """Write the states as the first entry point of a process."""
    blobs = {hash_of(memoryview(state)): memoryview(state) for state in states.values()}
    leaves = [LeafRecord(hash_of(memoryview(state)), len(state), True) for state in states.values()]
    graph = _nothing().to_bytes()
    blobs[hash_of(memoryview(graph))] = memoryview(graph)
    with store.adding():
        missing = store.missing(set(blobs))
        new = [Blob(digest, content) for digest, content in blobs.items() if digest in missing]
        described = Manifest(
            format=FORMAT_VERSION,
            run=run,
            rank=rank,
            process=process,
            entry=str(ENTRY),
            position=0,
            seq=0,
            ts=time.time_ns() // 1_000,
            graph=hash_of(memoryview(graph)),
            graph_bytes=len(graph),
            leaves=leaves,
            opaque=[],
            around=[],
            facts={"random": list(states)},
            new_bytes=sum(blob.size_bytes for blob in new),
        )
        store.keep(described, new)


def put_back(manifest: Manifest, content: Callable[[str], bytes | memoryview]) -> None:
    """Give the generators of this process the states that were kept."""
    here = global_generators()
    for name, leaf in zip(manifest.facts.get("random", ()), manifest.leaves, strict=True):
        if name in here:
            randomness.write(here[name], content(leaf.hash))


def is_unlike(manifest: Manifest, drawn: Collection[str] = ()) -> bool:
    """Whether something was drawn before the start that another process would draw differently.

    Args:
        drawn: generators from which something was drawn, though they do not show it.
    """
    here = global_generators()
    kept = dict(zip(manifest.facts.get("random", ()), manifest.leaves, strict=True))
    used = (name for name in kept.keys() & here if name in drawn or randomness.is_drawn(here[name]))
    return any(hash_of(memoryview(randomness.read(here[name]) or b"")) != kept[name].hash for name in used)


def _nothing() -> Graph:
    """A graph of no objects: only random states are kept."""
    return Graph([Node("root", shape=0, refs=[])], [], [()], [], {})
