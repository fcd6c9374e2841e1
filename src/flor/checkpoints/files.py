"""Open files: one that can be read is opaque; one that can only be written is an output, whose place is kept.

What a program has written to a file stands in memory at first, where nobody can read it; that there is
something can be told. A file is never flushed for that: the program may look at what is on the disk.
"""

import gc
import io
import sys
from _csv import Dialect, Writer
from _csv import writer as csv_writer
from collections.abc import Iterable
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Graph, Node
from flor.checkpoints.kinds import Kind
from flor.checkpoints.opaque import OUTSIDE, opaque

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.reference import Reference
    from flor.checkpoints.walk import Walk

OUTPUT = "output"
HELD_BACK = "held_back"
"""The fact of a manifest that names files of which the disk lacks something."""

_READABLE = opaque("it is a file that can be read")
_INDIRECT = opaque("it writes through something that is no file")
_UNTOLD = opaque("it may hold back the end of a line")
_NEWLINES = ("\n", "\r", "\r\n")


def _read_file(walk: "Walk", thing: Any) -> Node:
    is_console = any(thing is each for each in (sys.stdin, sys.stdout, sys.stderr))
    if is_console or thing.closed:
        return OUTSIDE.read(walk, thing)
    if thing.readable():
        return _READABLE.read(walk, thing)
    if type(thing) is io.TextIOWrapper and not isinstance(thing.buffer, io.BufferedWriter):
        return _INDIRECT.read(walk, thing)
    return _read_output(walk, thing)


def _read_output(walk: "Walk", thing: Any) -> Node:
    raw = _raw(thing)
    if raw is None or not raw.seekable():
        return OUTSIDE.read(walk, thing)  # a pipe, or a class of the user's: there is no place to go back to
    places = _places(thing)
    if places is None:
        return _UNTOLD.read(walk, thing)
    walk.files.append(thing)
    walk.hint(places[1])
    return Node(OUTPUT, walk.ref(type(thing)))


def facts(files: Iterable[Any], reference: "Reference | None") -> dict[str, list[str]]:
    """What a manifest says of open files; also of those that the program reads no more."""
    found = held_back([*files, *(reference.files if reference else ())])
    return {HELD_BACK: found} if found else {}


def held_back(files: Iterable[Any]) -> list[str]:
    """The names of those files to which more was written than stands on the disk."""
    found = []
    for each in files:
        with suppress(OSError, ValueError):  # closed in the meantime
            places = _places(each)
            if places is None or places[0] != places[1]:
                found.append(str(each.name))
    return list(dict.fromkeys(found))


def write_out(files: Iterable[Any]) -> None:
    """Let a program that is about to end leave on the disk what it has written."""
    for each in files:
        with suppress(OSError, ValueError):
            each.flush()


def _raw(thing: Any) -> Any:
    buffered = thing.buffer if type(thing) is io.TextIOWrapper else thing
    raw = buffered.raw if type(buffered) is io.BufferedWriter else buffered
    return raw if type(raw) is io.FileIO else None


def _places(thing: Any) -> tuple[int, int] | None:
    """How far the disk has it, and how far the program has written; None where that cannot be told."""
    raw = _raw(thing)
    if type(thing) is not io.TextIOWrapper:
        return raw.tell(), thing.tell()
    waiting = _waiting(thing)
    return None if waiting is None else (raw.tell(), thing.buffer.tell() + waiting)


def _waiting(text: io.TextIOWrapper) -> int | None:
    """How many bytes a text file has not handed on yet: Python shows them to its garbage collector alone."""
    parts = [part for part in gc.get_referents(text) if type(part) in (str, bytes, list)]
    parts = [part for part in parts if part is not text.encoding and part is not text.errors]
    others = [part for part in parts if part not in _NEWLINES]
    if not others and len(parts) == 1:
        return None  # what the file was opened with as the end of lines, or such an end
    return sum(map(_size, others if len(parts) == len(others) else parts[-1:]))


def _size(part: Any) -> int:
    return sum(map(len, part)) if type(part) is list else len(part)


def _fill_output(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    """Go on behind what had been written; what the way there has written is on the disk then."""
    place = rebuild.graph.hints.get(number)
    if place is not None:
        with suppress(OSError):
            thing.seek(place)


def left_alone(graph: Graph) -> Graph:
    """The state without the places of files: other objects that it is put into have files of their own."""
    others = {number: hint for number, hint in graph.hints.items() if graph.nodes[number].kind != OUTPUT}
    return replace(graph, hints=others)


def _read_writer(walk: "Walk", thing: Any) -> Node:
    """What a `csv.writer` writes through, which the garbage collector alone is shown, and in what form."""
    dialect, write, *_ = gc.get_referents(thing)
    if type(dialect) is not Dialect or not _is_method(write):
        return _INDIRECT.read(walk, thing)
    refs, blob = walk.refs([write])
    return Node("csv writer", meta=dump([getattr(dialect, name) for name in _FORM]), refs=refs, blob=blob)


def _is_method(write: Any) -> bool:
    if type(write) is MethodType and type(write.__func__) is FunctionType:
        return write.__func__.__name__ == "write"
    return type(write) is BuiltinFunctionType and write.__name__ == "write"


def _make_writer(rebuild: "Rebuild", number: int, node: Node) -> Any:
    owner = rebuild.values(number)[0].__self__
    return csv_writer(owner, **dict(zip(_FORM, load(node.meta), strict=True)))


_FORM = (
    "delimiter",
    "doublequote",
    "escapechar",
    "lineterminator",
    "quotechar",
    "quoting",
    "skipinitialspace",
    "strict",
)
CSV_WRITER = Kind("csv writer", _read_writer, _make_writer)
FILE = Kind(OUTPUT, _read_file, OUTSIDE.make, _fill_output, always_new=True)
TYPES: dict[type, Kind] = {
    **dict.fromkeys((io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom), FILE),
    **dict.fromkeys((io.BufferedRWPair, io.FileIO), FILE),
    Writer: CSV_WRITER,
}
