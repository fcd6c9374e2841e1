"""The states of random generators as bytes: read and put back, of libraries that are loaded only."""

import ctypes
import sys
from collections.abc import Mapping
from random import Random
from typing import Any

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.environment import global_generators

KINDS = frozenset({"random", "random state", "bit generator", "torch generator"})
"""Nodes of a walk that are generators; those of numpy share bit generators."""

_UNUSED = 624
"""The position of a Mersenne twister that was seeded just now."""

States = Mapping[str, bytes]
"""Of the global generators, by their names."""


def read_all() -> States:
    """The states of the global generators of the libraries that are loaded."""
    found = {name: read(each) for name, each in global_generators().items()}
    return {name: state for name, state in found.items() if state is not None}


def read(generator: Any) -> bytes | None:
    """The state of a generator; None if it is of a kind that is not known."""
    if isinstance(generator, Random):
        return dump(Random.getstate(generator))
    if _is_of_torch(generator):
        state = generator.get_state()
        return ctypes.string_at(state.data_ptr(), state.numel())
    if hasattr(type(generator), "get_state"):
        return dump(_plain(generator.get_state(legacy=False)))
    return dump(_plain(generator.state)) if hasattr(type(generator), "state") else None


def write(generator: Any, state: bytes | memoryview) -> None:
    """Give a generator the state that was read."""
    if isinstance(generator, Random):
        Random.setstate(generator, load(state))
    elif _is_of_torch(generator):
        torch: Any = sys.modules["torch"]
        generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    elif hasattr(type(generator), "set_state"):
        generator.set_state(_nested(load(state)))
    else:
        generator.state = _nested(load(state))


def is_drawn(generator: Any) -> bool:
    """Whether something was drawn from a global generator since it was seeded, as far as it shows that.

    Those of torch begin with the same seed in each process: one that is unlike another was used.
    """
    if isinstance(generator, Random):
        return bool(Random.getstate(generator)[1][-1] != _UNUSED)
    if _is_of_torch(generator):
        return True
    return bool(generator.get_state(legacy=False)["state"]["pos"] != _UNUSED)


def _is_of_torch(generator: Any) -> bool:
    return type(generator).__module__.partition(".")[0] == "torch"


def _plain(value: Any) -> Any:
    """What numpy says of a state, as simple values."""
    if isinstance(value, dict):
        return [(key, _plain(each)) for key, each in value.items()]
    if hasattr(value, "tobytes"):
        return (value.dtype.str, value.tobytes()) if value.ndim else value.item()
    return value


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return {key: _nested(each) for key, each in value}
    if isinstance(value, tuple):
        numpy: Any = sys.modules["numpy"]
        return numpy.frombuffer(value[1], value[0]).copy()
    return value
