"""pandas: blocks of values and who else refers to them, indexes. Loaded only where the program has it."""

from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flor.checkpoints.c_objects import reduced_by
from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.layouts import Ancestors, module_of, mro_of, namespace_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_internals: Any = import_module("pandas._libs.internals")
_References: Any = _internals.BlockValuesRefs


def _read_block(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs([thing.values, _places(thing.mgr_locs.indexer), thing.ndim, thing.refs])
    return Node("pandas block", walk.ref(type(thing)), refs=refs, blob=blob)


def _places(indexer: Any) -> tuple[Any, ...]:
    """Which columns a block holds, as simple values: pandas tells it by objects that come and go."""
    if type(indexer) is slice:
        return ("slice", indexer.start, indexer.stop, indexer.step)
    return ("array", *indexer.tolist())


def _placement(places: tuple[Any, ...]) -> Any:
    kind, *numbers = places
    return _internals.BlockPlacement(slice(*numbers) if kind == "slice" else np.array(numbers, np.intp))


def _make_block(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """A block that knows who shares its values: without that, writing to one frame would change another."""
    values, places, ndim, references = rebuild.values(number)
    return rebuild.class_of(node)(values, placement=_placement(places), ndim=ndim, refs=references)


def _read_references(walk: "Walk", thing: Any) -> Node:
    return Node("pandas references")


_BLOCK = Kind("pandas block", _read_block, _make_block)
_REFERENCES = Kind("pandas references", _read_references, lambda *_: _References(), fill_nothing)
KINDS: dict[str, Kind] = {kind.name: kind for kind in (_BLOCK, _REFERENCES)}


def guards() -> list[AbstractContextManager[Any]]:
    """Nothing: pandas calls no code of the user's when it is read."""
    return []


def plan(cls: type, mro: Ancestors) -> Kind | None:
    """The kind of a class of pandas, or derived from one."""
    if _internals.Block in mro:
        return _BLOCK
    if _References in mro:
        return _REFERENCES
    if pd.Index in mro or pd.StringDtype in mro:  # pandas asks whether the NaN of a dtype is its own
        return reduced_by(_own_reduce(cls))
    return None


def _own_reduce(cls: type) -> Any:
    """What the class of pandas itself gives pickle, whatever a class derived from it does."""
    spaces = (namespace_of(each) for each in mro_of(cls) if module_of(each).partition(".")[0] == "pandas")
    return next(space["__reduce__"] for space in spaces if "__reduce__" in space)
