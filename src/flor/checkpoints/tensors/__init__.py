"""torch: tensors with the storage they share, generators, modes. Loaded only where the program has it."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from flor.checkpoints import instances
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.layouts import Ancestors, layout_of, module_of, mro_of, namespace_of, qualname_of
from flor.checkpoints.opaque import OUTSIDE, opaque
from flor.checkpoints.tensors import dense, others, sharded

_CONSTANTS = frozenset(map(id, (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)))
_NO_DISPATCH = torch.Tensor.__torch_dispatch__
_OWN_DISPATCH = opaque("it is a tensor of a class with operations of its own")
_WORKERS = opaque("its items come from worker processes")

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*dense.KINDS, *others.KINDS, *sharded.KINDS)}


def guards() -> list[AbstractContextManager[Any]]:
    """While one walks, no tensor operation calls code of the user's, neither of a class nor of a mode."""
    return [torch._C.DisableTorchFunction()]


def plan(cls: type, mro: Ancestors) -> Kind | None:
    """The kind of a class of torch, or derived from one."""
    if torch.Tensor in mro:
        return dense.TENSOR if _dispatch(cls) is _NO_DISPATCH else sharded.plan(cls) or _OWN_DISPATCH
    if torch.nn.Module in mro:
        return instances.instance_kind(layout_of(cls), may_be_spread=True)
    if torch.UntypedStorage in mro:
        return dense.STORAGE
    if torch.Generator in mro:
        return others.GENERATOR
    if id(cls) in _CONSTANTS:
        return _CONSTANT
    if module_of(cls).startswith("torch."):
        return _by_name(cls)
    return None


def _dispatch(cls: type) -> Any:
    spaces = map(namespace_of, mro_of(cls))
    found = next((space["__torch_dispatch__"] for space in spaces if "__torch_dispatch__" in space), None)
    return getattr(found, "__func__", found)


def _by_name(cls: type) -> Kind | None:
    if module_of(cls).startswith("torch._ops"):
        return OUTSIDE
    if module_of(cls).startswith(("torch._C._distributed", "torch.distributed")):
        return sharded.plan(cls)
    return _WORKERS if qualname_of(cls) == "_MultiProcessingDataLoaderIter" else None


def _constant_name(walk: Any, thing: Any) -> str:
    return f"torch:{str(thing).removeprefix('torch.')}"


_CONSTANT = Kind("outside", OUTSIDE.read, OUTSIDE.make, fill_nothing, _constant_name)
