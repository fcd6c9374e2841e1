"""Random generators of numpy: several may share one bit generator, which has the state.

Loaded only where the program has `numpy.random`: to load that seeds it with what cannot be drawn again.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random.bit_generator import BitGenerator, SeedSequence

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import Ancestors

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk


def _read_bits(walk: "Walk", thing: Any) -> Node:
    """The state, and the seed sequence that `spawn` draws from; the global generator's is unused."""
    is_global = thing is np.random.mtrand._rand._bit_generator
    seeds = None if is_global else getattr(thing, "seed_seq", None)
    refs, blob = walk.refs([seeds, dump(_plain(thing.state))])
    return Node("bit generator", walk.ref(type(thing)), refs=refs, blob=blob)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _plain(each)) for key, each in value.items()]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.tobytes())
    return value.item() if isinstance(value, np.generic) else value


def _state(value: Any) -> Any:
    if isinstance(value, list):
        return {key: _state(each) for key, each in value}
    if isinstance(value, tuple):
        return np.frombuffer(value[1], value[0]).copy()
    return value


def _make_bits(rebuild: "Rebuild", number: int, node: Node) -> Any:
    seeds = rebuild.values(number)[0]
    made = rebuild.class_of(node)(0 if seeds is None else seeds)
    if seeds is None and hasattr(made, "_legacy_seeding"):
        made._legacy_seeding(0)
    return made


def _fill_bits(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    seeds, state = rebuild.values(number)
    thing.state = _state(load(state))
    if seeds is not None and getattr(thing, "seed_seq", None) is not seeds:
        rebuild.refuse(number, "its seed sequence is another one")


def _read_seeds(walk: "Walk", thing: Any) -> Node:
    entropy = thing.entropy
    simple = entropy if isinstance(entropy, int | None) else [int(each) for each in entropy]
    meta = dump((simple, tuple(map(int, thing.spawn_key)), thing.pool_size))
    refs, blob = walk.refs([thing.n_children_spawned])
    return Node("seed sequence", meta=meta, refs=refs, blob=blob)


def _make_seeds(rebuild: "Rebuild", number: int, node: Node) -> Any:
    entropy, spawn_key, pool_size = load(node.meta)
    return SeedSequence(entropy, spawn_key=spawn_key, pool_size=pool_size)


def _fill_seeds(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    missing = rebuild.values(number)[0] - thing.n_children_spawned
    if missing < 0:
        rebuild.refuse(number, "it has spawned more children than it had")
    elif missing:
        thing.spawn(missing)


def _read_generator(walk: "Walk", thing: Any) -> Node:
    return Node("numpy generator", walk.ref(type(thing)), refs=[walk.ref(thing.bit_generator)])


def _make_generator(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.class_of(node)(rebuild.values(number)[0])


def _read_legacy(walk: "Walk", thing: Any) -> Node:
    bits = thing._bit_generator
    gauss = (0, 0.0)
    if type(bits) is np.random.MT19937:
        state = np.random.RandomState.get_state(thing, legacy=False)
        gauss = (int(state["has_gauss"]), float(state["gauss"]))
    refs, blob = walk.refs([bits, gauss])
    return Node("random state", walk.ref(type(thing)), refs=refs, blob=blob)


def _fill_legacy(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    bits, gauss = rebuild.values(number)
    if thing._bit_generator is not bits:
        rebuild.refuse(number, "its bit generator is another one")
        return
    state = np.random.RandomState.get_state(thing, legacy=False)
    state["has_gauss"], state["gauss"] = gauss
    np.random.RandomState.set_state(thing, state)


_BITS = Kind("bit generator", _read_bits, _make_bits, _fill_bits)
_SEEDS = Kind("seed sequence", _read_seeds, _make_seeds, _fill_seeds, same_meta=True)
_GENERATOR = Kind("numpy generator", _read_generator, _make_generator)
_LEGACY = Kind("random state", _read_legacy, _make_generator, _fill_legacy)
KINDS = {kind.name: kind for kind in (_BITS, _SEEDS, _GENERATOR, _LEGACY)}


def guards() -> list[AbstractContextManager[Any]]:
    """Nothing: numpy calls no code of the user's when it is read."""
    return []


def plan(cls: type, mro: Ancestors) -> Kind | None:
    """The kind of a random generator's class."""
    if BitGenerator in mro:
        return _BITS
    if SeedSequence in mro:
        return _SEEDS
    if np.random.Generator in mro:
        return _GENERATOR
    return _LEGACY if np.random.RandomState in mro else None
