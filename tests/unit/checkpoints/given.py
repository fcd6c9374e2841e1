"""Small states for tests of the checkpoint store."""

from collections.abc import Mapping

from flor.checkpoints.manifest import LeafRecord, Manifest
from flor.checkpoints.packs import Blob, hash_of
from flor.entities import FORMAT_VERSION

GRAPH = b"graph"


def manifest_of(content: Mapping[str, bytes], entry: str = "0/0 top(0)", position: int = 0) -> Manifest:
    """The manifest of a state with these leaves."""
    return Manifest(
        format=FORMAT_VERSION,
        run="run",
        rank=0,
        process=0,
        entry=entry,
        position=position,
        seq=7,
        ts=1,
        graph=hash_of(GRAPH),
        graph_bytes=len(GRAPH),
        leaves=[LeafRecord(hash_of(value), len(value), True) for value in content.values()],
        opaque=[],
        around=[],
    )


def state_of(content: Mapping[str, bytes]) -> list[Blob]:
    """The blobs of that state."""
    return [Blob(hash_of(value), memoryview(value)) for value in (GRAPH, *content.values())]
