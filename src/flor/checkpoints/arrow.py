"""pyarrow: arrays by their values, as its stream format writes them. Loaded only where the program has it."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import Ancestors

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_COLUMN = "values"


def _read(walk: "Walk", thing: Any) -> Node:
    """The buffers behind equal arrays differ: they may be slices, or lack a mask that masks nothing."""
    table = thing if isinstance(thing, pa.Table) else pa.table({_COLUMN: thing})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Node("arrow", walk.ref(type(thing)), blob=walk.blob(sink.getvalue().to_pybytes()))


def _make(rebuild: "Rebuild", number: int, node: Node) -> Any:
    table = pa.ipc.open_stream(pa.py_buffer(bytes(rebuild.blob(node)))).read_all()
    cls = rebuild.class_of(node)
    if cls is pa.Table:
        return table
    return table.column(0) if cls is pa.ChunkedArray else table.column(0).combine_chunks()


_ARROW = Kind("arrow", _read, _make)
KINDS: dict[str, Kind] = {_ARROW.name: _ARROW}


def guards() -> list[AbstractContextManager[Any]]:
    """Nothing: pyarrow calls no code of the user's when it is read."""
    return []


def plan(cls: type, mro: Ancestors) -> Kind | None:
    """The kind of a class of pyarrow."""
    return _ARROW if pa.Array in mro or pa.ChunkedArray in mro or pa.Table in mro else None
