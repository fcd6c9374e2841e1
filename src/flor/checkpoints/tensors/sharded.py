"""Tensors of which each rank keeps its own part; and what connects ranks, which is no state."""

import sys
from typing import TYPE_CHECKING, Any

import torch

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Node
from flor.checkpoints.instances import attributes_of, put_attributes
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import layout_of, module_of, qualname_of
from flor.checkpoints.opaque import OUTSIDE, opaque
from flor.checkpoints.tensors.dense import DTYPES

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_attributes = attributes_of(layout_of(torch.nn.Parameter))
_CONNECTIONS = (
    "torch._C._distributed",
    "torch.distributed.device_mesh",
    "torch.distributed.distributed_c10d",
    "torch.distributed.fsdp._fully_shard",
    "torch.distributed.tensor",
)
"""What the script sets up anew whenever it begins; between two iterations nothing is under way in it."""
_BUCKETS = opaque("it lays out its buckets anew, which changes the order in which three ranks and more add")
_PLACEMENTS = {"Shard": "dim", "Replicate": "", "Partial": "reduce_op"}
"""How a dimension of the mesh may hold a tensor, and what more there is to say of it."""


def plan(cls: type) -> Kind | None:
    """The kind of a class that belongs to what connects ranks, or to tensors spread over them."""
    module, name = module_of(cls), qualname_of(cls)
    if name == "DTensor" and module.startswith("torch.distributed.tensor"):
        return SHARDED
    if not module.startswith(_CONNECTIONS) or torch.nn.Module in cls.__mro__:
        return None
    return _REDUCER if name == "Reducer" else OUTSIDE


def _read_reducer(walk: "Walk", thing: Any) -> Node:
    return (_BUCKETS if _distributed().get_world_size() > 2 else OUTSIDE).read(walk, thing)


def _distributed() -> Any:
    return sys.modules["torch.distributed"]


def _read_sharded(walk: "Walk", thing: Any) -> Node:
    spec = thing._spec
    placements = [_placement(each) for each in spec.placements]
    if None in placements or not thing.is_leaf:
        what = "has a graph" if None not in placements else f"is spread over ranks as {spec.placements}"
        walk.opaque(f"it {what}")
        return Node("opaque", walk.ref(type(thing)))
    form = (DTYPES[thing.dtype], tuple(thing.shape), thing.stride(), thing.requires_grad, placements)
    labels, attributes = _attributes(walk, thing)
    hooks = (thing._backward_hooks, thing._post_accumulate_grad_hooks)
    refs, blob = walk.refs([thing._local_tensor, thing.grad, *hooks, spec.mesh, *attributes])
    return Node("sharded tensor", walk.ref(type(thing)), dump(form), walk.shape(labels), refs, blob)


def _placement(placement: Any) -> tuple[str, Any] | None:
    """A placement as simple values; None for one of a kind that is not known here."""
    name = qualname_of(type(placement))
    if name not in _PLACEMENTS:
        return None
    return name, getattr(placement, _PLACEMENTS[name]) if _PLACEMENTS[name] else None


def _make_sharded(rebuild: "Rebuild", number: int, node: Node) -> Any:
    _, shape, stride, requires_grad, placed = load(node.meta)
    local, mesh = rebuild.named(number, "local"), rebuild.named(number, "mesh")
    tensors = sys.modules["torch.distributed.tensor"]
    placements = [getattr(tensors, name)(*(() if more is None else (more,))) for name, more in placed]
    with torch.no_grad():
        made = tensors.DTensor.from_local(
            local, mesh, placements, run_check=False, shape=torch.Size(shape), stride=stride
        )
    return made.detach().requires_grad_(requires_grad)


def _fill_sharded(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    _, grad, hooks, accumulate_hooks, _, *attributes = rebuild.values(number)
    if thing.grad is not grad:
        thing.grad = grad
    if thing._backward_hooks is not hooks:
        thing._backward_hooks = hooks
    if thing._post_accumulate_grad_hooks is not accumulate_hooks:
        thing._post_accumulate_grad_hooks = accumulate_hooks
    put_attributes(thing, dict(zip(rebuild.shape(node), attributes, strict=True)))


_REDUCER = Kind("outside", _read_reducer, OUTSIDE.make, OUTSIDE.fill)
SHARDED = Kind(
    "sharded tensor", _read_sharded, _make_sharded, _fill_sharded, same_meta=True, parts_first=True
)
KINDS = (SHARDED,)
