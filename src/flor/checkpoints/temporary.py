"""Temporary files and folders: their names are drawn anew each time, and what the state says of them follows.

A name that is drawn is as long as any other that might have been drawn in its place: it is exchanged in the
bytes of the state.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from flor.checkpoints.graph import Graph, Node

TEMPORARY = "temporary"
"""The fact of a manifest that names those of which the state tells: `[number drawn before, path]` each."""


def facts(graph: Graph, drawn: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """What a manifest says of the temporary files whose names the program has drawn so far."""
    names = [(number, path, os.fsencode(os.path.basename(path))) for number, path in enumerate(drawn)]
    found = [(number, path) for number, path, name in names if _mentions(graph, name)]
    return {TEMPORARY: found} if found else {}


def _mentions(graph: Graph, name: bytes) -> bool:
    return any(name in blob for node in graph.nodes if isinstance(blob := node.blob, bytes))


def exchanged(graph: Graph, then: Iterable[tuple[int, str]], now: Sequence[str]) -> Graph:
    """The state with the names that this process has drawn in the place of those of the run.

    Args:
        then: the fact of the manifest. The program has drawn as many by now as the run had.
    """
    pairs = [(path, now[number]) for number, path in then if number < len(now)]
    names = [
        (os.fsencode(os.path.basename(old)), os.fsencode(os.path.basename(new)))
        for old, new in pairs
        if len(old) == len(new) and os.path.dirname(old) == os.path.dirname(new) and old != new
    ]
    return replace(graph, nodes=[_exchanged(node, names) for node in graph.nodes]) if names else graph


def _exchanged(node: Node, names: Iterable[tuple[bytes, bytes]]) -> Node:
    blob: Any = node.blob
    if isinstance(blob, bytes):
        for old, new in names:
            blob = blob.replace(old, new)
    return node if blob == node.blob else replace(node, blob=blob)
