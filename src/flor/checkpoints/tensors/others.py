"""Sparse and quantised tensors, and torch's random generators."""

import ctypes
from typing import TYPE_CHECKING, Any

import torch

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import Node
from flor.checkpoints.instances import attributes_of, put_attributes
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import layout_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_attributes = attributes_of(layout_of(torch.nn.Parameter))
_COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}


def read(walk: "Walk", thing: Any) -> Node:
    """A tensor that is not simply strided."""
    if thing.is_quantized:
        return _read_quantized(walk, thing)
    if thing.layout is torch.sparse_coo or thing.layout in _COMPRESSED:
        return _read_sparse(walk, thing)
    walk.opaque(f"it is a tensor of layout {thing.layout}")
    return Node("opaque", walk.ref(type(thing)))


def _parts(thing: Any) -> tuple[Any, ...]:
    if thing.layout is torch.sparse_coo:
        return (thing._indices(), thing._values())
    plain = thing.detach()
    return (*(getattr(plain, name)() for name in _COMPRESSED[thing.layout]), plain.values())


def _read_sparse(walk: "Walk", thing: Any) -> Node:
    parts = _parts(thing)
    forms = [(str(part.dtype), tuple(part.shape), part.stride(), part.storage_offset()) for part in parts]
    is_coalesced = thing.layout is torch.sparse_coo and thing.is_coalesced()
    form = (str(thing.layout), str(thing.dtype), tuple(thing.shape), is_coalesced, thing.requires_grad, forms)
    grad = thing.grad if thing.is_leaf or thing.retains_grad else None
    labels, attributes = _attributes(walk, thing)
    fixed = [parts, grad, thing._backward_hooks, thing._post_accumulate_grad_hooks]
    refs, blob = walk.refs([*fixed, *attributes])
    kind = "compressed tensor" if thing.layout in _COMPRESSED else "sparse tensor"
    return Node(kind, walk.ref(type(thing)), dump(form), walk.shape(labels), refs, blob)


def _sparse(rebuild: "Rebuild", number: int, node: Node) -> Any:
    layout, _, shape, is_coalesced, _, _ = load(node.meta)
    parts = rebuild.values(number)[0]
    make: Any = torch.sparse_coo_tensor
    compress: Any = torch.sparse_compressed_tensor
    if layout == "torch.sparse_coo":
        return make(*parts, shape, is_coalesced=is_coalesced, check_invariants=False)
    name = getattr(torch, layout.removeprefix("torch."))
    return compress(*parts, size=shape, layout=name, check_invariants=False)


def _make_sparse(rebuild: "Rebuild", number: int, node: Node) -> Any:
    made = _sparse(rebuild, number, node)
    requires_grad, cls = load(node.meta)[4], rebuild.class_of(node)
    if cls is not torch.Tensor:
        return torch.Tensor._make_subclass(cls, made, requires_grad)
    return made.requires_grad_(requires_grad)


def _make_compressed(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """Always another tensor: torch gives such a one no other content."""
    made = _make_sparse(rebuild, number, node)
    _fill_surroundings(rebuild, number, node, made)
    return made


def _fill_sparse(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    thing.data = _sparse(rebuild, number, node)
    _fill_surroundings(rebuild, number, node, thing)


def _fill_surroundings(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    _, grad, hooks, _, *attributes = rebuild.values(number)
    if thing.grad is not grad:
        thing.grad = grad
    if thing._backward_hooks is not hooks:
        thing._backward_hooks = hooks
    put_attributes(thing, dict(zip(rebuild.shape(node), attributes, strict=True)))


def _read_quantized(walk: "Walk", thing: Any) -> Node:
    scheme = thing.qscheme()
    if scheme in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        how: Any = (thing.q_scale(), thing.q_zero_point())
    else:
        scales, zeros = thing.q_per_channel_scales(), thing.q_per_channel_zero_points()
        kinds = (str(scales.dtype), str(zeros.dtype))
        how = (scales.tolist(), zeros.tolist(), thing.q_per_channel_axis(), kinds)
    form = (str(scheme), str(thing.dtype), tuple(thing.shape), thing.stride(), thing.storage_offset(), how)
    labels, attributes = _attributes(walk, thing)
    refs, blob = walk.refs([thing.untyped_storage(), *attributes])
    return Node("quantized tensor", walk.ref(type(thing)), dump(form), walk.shape(labels), refs, blob)


def _make_quantized(rebuild: "Rebuild", number: int, node: Node) -> Any:
    _, dtype, shape, stride, offset, how = load(node.meta)
    kind = _named(dtype)
    if len(how) == 2:
        made = torch._empty_affine_quantized(shape, scale=how[0], zero_point=how[1], dtype=kind)
    else:
        scales = torch.tensor(how[0], dtype=_named(how[3][0]))
        zeros = torch.tensor(how[1], dtype=_named(how[3][1]))
        made = torch._empty_per_channel_affine_quantized(
            shape, scales=scales, zero_points=zeros, axis=how[2], dtype=kind
        )
    made.set_(rebuild.named(number, "storage"), offset, shape, stride)
    return made


def _named(dtype: str) -> Any:
    return getattr(torch, dtype.removeprefix("torch."))


def _fill_quantized(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    storage, *attributes = rebuild.values(number)
    if thing.untyped_storage() is not storage:
        rebuild.refuse(number, "its storage is another one")
    put_attributes(thing, dict(zip(rebuild.shape(node), attributes, strict=True)))


def _read_generator(walk: "Walk", thing: Any) -> Node:
    state = thing.get_state()
    data = ctypes.string_at(state.data_ptr(), state.numel())
    return Node("torch generator", walk.ref(type(thing)), str(thing.device), blob=walk.blob(data))


def _make_generator(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return torch.Generator(device=node.meta)


def _fill_generator(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    thing.set_state(torch.frombuffer(bytearray(rebuild.blob(node)), dtype=torch.uint8))


GENERATOR = Kind("torch generator", _read_generator, _make_generator, _fill_generator, same_meta=True)
KINDS = (
    Kind("sparse tensor", _read_sparse, _make_sparse, _fill_sparse, parts_first=True),
    Kind("compressed tensor", _read_sparse, _make_compressed),
    Kind("quantized tensor", _read_quantized, _make_quantized, _fill_quantized, same_meta=True),
    GENERATOR,
)
