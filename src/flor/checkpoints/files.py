"""Open files: one that can only be written is an output, one that can be read is opaque."""

import io
import sys
from typing import TYPE_CHECKING, Any

from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.opaque import OUTSIDE, opaque

if TYPE_CHECKING:
    from flor.checkpoints.walk import Walk

_READABLE = opaque("it is a file that can be read")


def _read_file(walk: "Walk", thing: Any) -> Node:
    is_console = any(thing is each for each in (sys.stdin, sys.stdout, sys.stderr))
    if is_console or thing.closed or not thing.readable():
        return OUTSIDE.read(walk, thing)
    return _READABLE.read(walk, thing)


FILE = Kind("outside", _read_file, OUTSIDE.make, fill_nothing)
TYPES: dict[type, Kind] = dict.fromkeys(
    (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.BufferedRWPair, io.FileIO),
    FILE,
)
