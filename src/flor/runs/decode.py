"""The slots of one process as columns. Vectorised: ten million slots take seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flor.entities import Source
from flor.runs import slots
from flor.runs.journals import Journal

Ints = npt.NDArray[np.int64]

SLOT = np.dtype(
    [("value", "<i8"), ("ts", "<i8"), ("number", "<i8"), ("loop", "<u4"), ("code", "<u4"), ("seq", "<u8")]
)
_IS_NAMELESS = np.isin(np.arange(8), (Source.LOOP, Source.STDOUT, Source.STDERR))
_KIND_MASK, _SOURCE_MASK, _NAME_MASK = 15, 7, slots.NAME_LIMIT - 1


@dataclass(frozen=True, slots=True)
class Loops:
    """The loops of one process: row i is loop number i; row 0 is the run level.

    `paths[path_of[i]]` is the path of its iterations; the numbers of the iterations around
    it are `around[starts[i] : starts[i] + depth[i] - 1]`.
    """

    paths: list[str]
    path_of: Ints
    depth: Ints  # of its iterations; 0 at run level
    starts: Ints
    around: Ints
    is_index: npt.NDArray[np.bool_]  # an iteration's value is its index, unless a row says otherwise


@dataclass(frozen=True, slots=True)
class Columns:
    """The records of one process, in program order."""

    seq: Ints
    ts_us: Ints
    name: Ints  # position in `names`, -1 for none
    names: list[str]
    loop: Ints
    iteration: Ints  # of that loop, counting from 1
    kind: Ints
    source: Ints
    number: Ints  # the 8 bytes of a scalar's value
    text: Ints  # position in `texts`, -1 for none
    texts: list[str]
    loops: Loops


def columns(journal: Journal, after_seq: int = 0) -> Columns:
    """The whole records of a journal beyond `after_seq`; what a kill left unfinished is left out."""
    table, payload_of = _slots(journal)
    kinds = (table["code"] >> slots.KIND_SHIFT).astype(np.int64) & _KIND_MASK
    texts, text_of = _texts(table, kinds, payload_of)
    names = _names(table, kinds, texts, text_of)
    begins = table[kinds == slots.LOOP]
    begins = begins[_is_named((begins["value"] >> 32).astype(np.int64), names)]
    loops = _loops(begins, names)
    is_head = (table["code"] & slots.HEAD) != 0
    wanted = (kinds < slots.PART) & (~is_head | (text_of >= 0)) & _has_place(table, names, loops)
    if journal.damage:
        loops = replace(loops, is_index=loops.is_index & ~_has_gap(begins, table, wanted, len(loops.depth)))
    wanted &= table["seq"] > after_seq
    return _columns(table[wanted], kinds[wanted], text_of[wanted], texts, names, loops)


def _has_place(table: npt.NDArray[np.void], names: Mapping[int, str], loops: Loops) -> npt.NDArray[np.bool_]:
    """Which slots have a name and loops that are known: to put the others elsewhere would be wrong."""
    loop = np.minimum(table["loop"].astype(np.int64), len(loops.depth) - 1)
    is_known = (table["loop"] == 0) | ((table["loop"] == loop) & (loops.depth[loop] > 0))
    source = (table["code"] >> slots.SOURCE_SHIFT) & _SOURCE_MASK
    is_placed: npt.NDArray[np.bool_] = is_known & (
        _IS_NAMELESS[source] | _is_named((table["code"] & _NAME_MASK).astype(np.int64), names)
    )
    return is_placed


def _is_named(numbers: Ints, names: Mapping[int, str]) -> npt.NDArray[np.bool_]:
    is_known = np.zeros(max(names, default=0) + 2, bool)
    is_known[list(names)] = True
    named: npt.NDArray[np.bool_] = is_known[np.minimum(numbers, len(is_known) - 1)]
    return named


def _has_gap(
    begins: npt.NDArray[np.void], table: npt.NDArray[np.void], wanted: npt.NDArray[np.bool_], size: int
) -> npt.NDArray[np.bool_]:
    """Which loops have lost slots between their begin and their last record.

    One of them may have said that the value of an iteration is not its index.
    """
    seq = table["seq"].astype(np.int64)
    before_gaps = seq[:-1][np.diff(seq) > 1]
    first, last = np.zeros(size, np.int64), np.zeros(size, np.int64)
    first[begins["loop"].astype(np.int64)] = begins["seq"]
    np.maximum.at(last, table["loop"][wanted].astype(np.int64), seq[wanted])
    has_gap: npt.NDArray[np.bool_] = np.searchsorted(before_gaps, first) < np.searchsorted(before_gaps, last)
    return has_gap


def _columns(
    table: npt.NDArray[np.void],
    kinds: Ints,
    text_of: Ints,
    texts: list[str],
    names: Mapping[int, str],
    loops: Loops,
) -> Columns:
    known = sorted(names)
    position = np.full(max(known, default=0) + 2, -1, np.int64)
    position[known] = np.arange(len(known))
    name_ids = np.minimum(table["code"] & _NAME_MASK, len(position) - 1).astype(np.int64)
    return Columns(
        seq=table["seq"].astype(np.int64),
        ts_us=table["ts"] // 1_000,
        name=position[name_ids],
        names=[names[number] for number in known],
        loop=table["loop"].astype(np.int64),
        iteration=table["number"].copy(),
        kind=kinds,
        source=(table["code"] >> slots.SOURCE_SHIFT).astype(np.int64) & _SOURCE_MASK,
        number=table["value"].copy(),
        text=text_of,
        texts=texts,
        loops=loops,
    )


def _slots(journal: Journal) -> tuple[npt.NDArray[np.void], dict[int, bytes]]:
    """Every slot once, by seq; and the payloads of big records by their seq.

    One seq may stand in file and ring, and first be the place kept for a value that came later.
    """
    heads = b"".join(record[: slots.SIZE] for record in journal.big_records)
    usable = len(journal.slots) // slots.SIZE * slots.SIZE
    table = np.frombuffer(heads + journal.slots[:usable], SLOT)
    table = table[table["seq"] > 0]
    seq = table["seq"]
    if not np.all(seq[1:] > seq[:-1]):
        is_place = (table["code"] >> slots.KIND_SHIFT) & _KIND_MASK == slots.PENDING
        order = np.lexsort((is_place, seq))  # stable: what stands first in the file stays first
        table = table[order]
        table = (
            table[np.concatenate(([True], table["seq"][1:] != table["seq"][:-1]))] if len(table) else table
        )
    payload_of = {
        int.from_bytes(record[32:40], "little"): record[slots.SIZE :] for record in journal.big_records
    }
    return table, payload_of


def _texts(
    table: npt.NDArray[np.void], kinds: Ints, payload_of: Mapping[int, bytes]
) -> tuple[list[str], Ints]:
    """The payloads of the heads whose parts are all there; and for each slot its position in them, or -1."""
    heads = np.flatnonzero((table["code"] & slots.HEAD) != 0)
    text_of = np.full(len(table), -1, np.int64)
    texts: list[str] = []
    if not len(heads):
        return texts, text_of
    raw = table.view(np.uint8).reshape(len(table), slots.SIZE)[:, : slots.PART_BYTES]
    scattered = _PartsByHead(table, kinds)
    for head, length, seq in zip(
        heads.tolist(), table["value"][heads].tolist(), table["seq"][heads].tolist(), strict=True
    ):
        payload = payload_of.get(seq)
        if payload is None:
            payload = scattered.payload(head, seq, length, raw)
        if payload is not None:
            text_of[head] = len(texts)
            texts.append(payload.decode("utf-8", "replace"))
    return texts, text_of


class _PartsByHead:
    """Finds the parts of a head: usually the slots right behind it, else (threads) those that name it."""

    def __init__(self, table: npt.NDArray[np.void], kinds: Ints) -> None:
        self._links = np.where(kinds == slots.PART, (table["code"] & _NAME_MASK).astype(np.int64), -1)

    def payload(self, head: int, seq: int, length: int, raw: npt.NDArray[np.uint8]) -> bytes | None:
        count, link = -(-length // slots.PART_BYTES), seq & _NAME_MASK
        behind = self._links[head + 1 : head + 1 + count]
        if len(behind) == count and np.all(behind == link):
            return raw[head + 1 : head + 1 + count].tobytes()[:length]
        # A head that comes 16 million slots later has the same link.
        end = head + slots.NAME_LIMIT - 1
        found = np.flatnonzero(self._links[head + 1 : end] == link)[:count] + head + 1
        return raw[found].tobytes()[:length] if len(found) == count else None


def _names(table: npt.NDArray[np.void], kinds: Ints, texts: list[str], text_of: Ints) -> dict[int, str]:
    found = np.flatnonzero((kinds == slots.NAME) & (text_of >= 0))
    numbers = (table["code"][found] & _NAME_MASK).tolist()
    return {number: texts[text] for number, text in zip(numbers, text_of[found].tolist(), strict=True)}


def escaped(name: str) -> str:
    """A loop's name as an element of a path, which is never empty: "" is the run level."""
    return name.replace("%", "%25").replace("/", "%2F").replace("#", "%23") or "%"


def _loops(table: npt.NDArray[np.void], names: Mapping[int, str]) -> Loops:
    """Paths and iterations around each loop, level by level: a loop is declared before those in it."""
    size = int(table["loop"].max()) + 1 if len(table) else 1
    loop = table["loop"].astype(np.int64)
    parent, name = np.zeros(size, np.int64), np.zeros(size, np.int64)
    number, occurrence = np.zeros(size, np.int64), np.zeros(size, np.int64)
    parent[loop], name[loop] = table["value"] & 0xFFFFFFFF, (table["value"] >> 32) & 0xFFFFFFFF
    number[loop], occurrence[loop] = table["number"], table["code"] & _NAME_MASK
    is_index = np.zeros(size, bool)
    is_index[loop] = ((table["code"] >> slots.SOURCE_SHIFT) & _SOURCE_MASK) != 0
    depth = _depths(parent, loop)
    paths, path_of = _paths(parent, name, occurrence, depth, names)
    lengths = np.maximum(depth - 1, 0)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    around = np.zeros(int(lengths.sum()), np.int64)
    for level in range(2, int(depth.max()) + 1):
        _fill_level(level, parent, number, depth, starts, around)
    return Loops(paths, path_of, depth, starts, around, is_index)


def _depths(parent: Ints, loop: Ints) -> Ints:
    depth = np.zeros(len(parent), np.int64)
    known, waiting = np.zeros(len(parent), bool), loop
    known[0] = True
    while len(waiting):
        ready = known[parent[waiting]]
        if not ready.any():
            break  # what they stand in was lost: they count as run level
        depth[waiting[ready]] = depth[parent[waiting[ready]]] + 1
        known[waiting[ready]] = True
        waiting = waiting[~ready]
    return depth


def _paths(
    parent: Ints, name: Ints, occurrence: Ints, depth: Ints, names: Mapping[int, str]
) -> tuple[list[str], Ints]:
    paths, path_of = [""], np.zeros(len(parent), np.int64)
    for level in range(1, int(depth.max()) + 1):
        members = np.flatnonzero(depth == level)
        name_count, occurrence_count = int(name.max()) + 1, int(occurrence.max()) + 1
        keys = (path_of[parent[members]] * name_count + name[members]) * occurrence_count + occurrence[
            members
        ]
        distinct, inverse = np.unique(keys, return_inverse=True)
        path_of[members] = len(paths) + inverse
        for key in distinct.tolist():
            above, name_id = divmod(key // occurrence_count, name_count)
            paths.append(_path(paths[above], names.get(name_id, "?"), key % occurrence_count))
    return paths, path_of


def _path(parent: str, name: str, occurrence: int) -> str:
    element = escaped(name) + (f"#{occurrence}" if occurrence > 1 else "")
    return f"{parent}/{element}" if parent else element


def _fill_level(level: int, parent: Ints, number: Ints, depth: Ints, starts: Ints, around: Ints) -> None:
    members = np.flatnonzero(depth == level)
    for above in range(level - 2):
        around[starts[members] + above] = around[starts[parent[members]] + above]
    around[starts[members] + level - 2] = number[members]
