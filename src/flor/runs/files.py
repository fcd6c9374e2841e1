"""What is known of the files that a run read and wrote: facts of its journals, and their sum. Pure."""

import base64
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from flor.entities import Run

CHANGED = "it changed before it could be read through"
"""The note of an input of which nobody knows what the run read."""

OTHERS = ""
"""Among the files of an entry point: it stands for others, of which nobody knows whether there were any."""

_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")


class Input(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as the run read it."""

    size: int
    mtime_ns: int
    sha256: str | None = None
    kept: Literal["", "store", "version"] = (
        ""  # where its content still is: here, or in the run's code version
    )
    note: str = ""  # why there is no hash, or no content


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that the run wrote, as it was last seen."""

    size: int | None  # None: the run removed it
    mtime_ns: int = 0
    inode: int = 0
    sha256: str | None = None
    is_new: bool | None = None  # it was not there when the run began; None: not known
    is_seen: bool = False  # this process opened it to write; else it was found changed
    is_read: bool = False  # the run read it back
    note: str = ""


class EntryFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that the run had written, at one of its entry points."""

    size: int | None  # None: it was not there
    mtime_ns: int = 0
    inode: int = 0
    sha256: str | None = None
    is_kept: bool = False  # its content is in the store
    is_appended: bool = False  # the run only ever appended to it
    is_seen: bool = False  # this process opened it to write; else it was found changed
    is_unsure: bool = False  # it changed so soon that nobody knows what it was


class Tree(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was compared to find the files that the run wrote."""

    began_ns: int = 0  # what changed later changed during the run
    is_complete: bool = False  # compared at the end of the run too
    alive_ns: int = 0  # when the process still lived, as far as is known
    names: bytes = b""  # the files that were there at the start, packed; of a run that was killed
    left_out: tuple[str, ...] = ()


class RunFiles(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paths are relative to the project's root, with slashes; absolute outside it; see `encoded`."""

    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}
    tree: Tree = Tree()


def of(run: Run) -> RunFiles:
    """The files of a run that was fetched with its details."""
    return msgspec.convert(dict(run.files), RunFiles)


def rows(run: Run) -> list[tuple[str, str, str | None]]:
    """Path, mode and sha256 of each file: "r" read, "w" written, "wr" written and read back."""
    known = of(run)
    read = [(path, "r", one.sha256) for path, one in known.inputs.items()]
    written = [(path, "wr" if one.is_read else "w", one.sha256) for path, one in known.outputs.items()]
    return sorted(read + written)


def contents_of(run: Run) -> set[str]:
    """The hashes of the inputs whose content is in the store."""
    return {one.sha256 for one in of(run).inputs.values() if one.kept == "store" and one.sha256}


def contents_at(entry: Mapping[str, Any] | None) -> set[str]:
    """The hashes of the contents that are kept of an entry point, given its manifest's fact "files"."""
    return {one["sha256"] for one in (entry or {}).values() if one.get("is_kept")}


def plain(value: Any) -> Any:
    """Facts as they stand in a journal."""
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def gathered(processes: Sequence[Mapping[str, Any]], alive_ns: int) -> dict[str, Any]:
    """The facts of a run from those of its processes, the main one first; {} if there are none.

    Args:
        alive_ns: when one of them was still alive.
    """
    outputs = _united(facts.get("outputs", {}) for facts in processes)
    inputs = _united(facts.get("inputs", {}) for facts in reversed(processes))
    made = {path for path, one in outputs.items() if one.get("is_new")}
    own = processes[0].get("inputs", {}) if processes else {}
    # What one process of the run made is no input of another.
    inputs = {path: one for path, one in inputs.items() if path in own or path not in made}
    tree = dict(next((facts["tree"] for facts in processes if "tree" in facts), {}))
    if tree.get("is_complete"):
        tree.pop("names", None)
    elif tree:
        tree["alive_ns"] = alive_ns
        tree["names"] = base64.b64encode(tree.get("names", b"")).decode("ascii")
    found = {"inputs": inputs, "outputs": outputs, "tree": tree}
    return {key: value for key, value in found.items() if value}


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of a run from those of its sealed parts, the oldest first."""
    tree: dict[str, Any] = {}
    for later in [part["tree"] for part in parts if "tree" in part]:
        # What was there at the start, and when that was, is known to the first.
        tree = {**later, **{key: tree[key] for key in ("began_ns", "names") if key in tree}}
    found = {
        "inputs": _united(part.get("inputs", {}) for part in reversed(parts)),
        "outputs": _united(part.get("outputs", {}) for part in parts),
        "tree": tree,
    }
    return {key: value for key, value in found.items() if value}


def _united(maps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Later ones win; a path without facts is none."""
    found = {path: one for each in maps for path, one in each.items()}
    return {path: one for path, one in sorted(found.items()) if one is not None}


def encoded(path: str) -> str:
    r"""A path as valid text, which `decoded` gives back: bytes that are none as `\xff`, a `\` as `\\`."""
    content = os.fsencode(path).replace(b"\\", b"\\\\")
    return content.decode("utf-8", "backslashreplace")


def decoded(path: str) -> str:
    """The inverse of `encoded`."""
    return os.fsdecode(_ESCAPED.sub(_unescaped, path.encode("utf-8")))


def _unescaped(found: "re.Match[bytes]") -> bytes:
    what = found[1]
    return b"\\" if what == b"\\" else bytes([int(what[1:], 16)])


def pack_names(names: Iterable[str]) -> bytes:
    """Names of files, to be kept in a journal."""
    return zlib.compress(b"\0".join(map(os.fsencode, names)), 1)


def unpack_names(packed: bytes) -> frozenset[str] | None:
    """The inverse; None where nothing was kept."""
    if not packed:
        return None
    return frozenset(os.fsdecode(zlib.decompress(packed)).split("\0")) - {""}
