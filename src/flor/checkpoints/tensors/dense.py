"""Strided tensors and their storages: nodes of their own, so that what shares one still does afterwards."""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.graph import GRAPH_TENSOR, Node
from flor.checkpoints.instances import attributes_of, put_attributes
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import layout_of
from flor.checkpoints.leaves import Leaf, write
from flor.checkpoints.tensors import others
from flor.checkpoints.tensors.cut import without_graph

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

DTYPES: dict[Any, str] = {
    each: name for name, each in sorted(vars(torch).items(), reverse=True) if isinstance(each, torch.dtype)
}
_CPU = torch.device("cpu")
_storage_of = torch._C.TensorBase.untyped_storage
_attributes = attributes_of(layout_of(torch.nn.Parameter))


class Form(NamedTuple):
    """What a tensor is, besides its storage."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    requires_grad: bool
    is_conj: bool
    is_neg: bool


def form_of(thing: Any) -> tuple[Any, ...]:
    """The form of a tensor, as a plain tuple."""
    return (
        DTYPES[thing.dtype],
        tuple(thing.shape),
        thing.stride(),
        thing.storage_offset(),
        thing.requires_grad,
        thing.is_conj(),
        thing.is_neg(),
    )


def _read_tensor(walk: "Walk", thing: Any) -> Node:
    if thing.layout is not torch.strided or thing.is_quantized:
        return others.read(walk, thing)
    is_leaf = thing.is_leaf
    # The `.grad` of a tensor that is no leaf warns, unless it keeps one.
    grad = thing.grad if is_leaf or thing.retains_grad else None
    values = [_storage_of(thing), grad, thing._backward_hooks, thing._post_accumulate_grad_hooks]
    labels: tuple[str, ...] = ()
    if thing.__dict__ or type(thing).__module__ != "torch.nn.parameter":
        labels, attributes = _attributes(walk, thing)
        values += attributes
    refs, blob = walk.refs(values)
    kind = "tensor" if is_leaf else GRAPH_TENSOR
    return Node(kind, walk.ref(type(thing)), dump(form_of(thing)), walk.shape(labels), refs, blob)


def over(storage: Any, form: Form) -> Any:
    """A tensor of this form over a storage."""
    made = torch.empty(0, dtype=getattr(torch, form.dtype), device=storage.device)
    made.set_(storage, form.offset, form.shape, form.stride)
    if form.is_conj:
        torch._C._set_conj(made, True)
    if form.is_neg:
        torch._C._set_neg(made, True)
    return made


def _make_tensor(rebuild: "Rebuild", number: int, node: Node) -> Any:
    form = Form(*load(node.meta))
    made = over(rebuild.named(number, "storage"), form)
    cls = rebuild.class_of(node)
    if cls is not torch.Tensor:
        return torch.Tensor._make_subclass(cls, made, form.requires_grad)
    return made.requires_grad_(form.requires_grad)


def _fill_tensor(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    form = Form(*load(node.meta))
    storage, grad, hooks, accumulate_hooks, *attributes = rebuild.values(number)
    now = form_of(thing)
    if _storage_of(thing) is not storage or now[:4] != form[:4] or now[5:] != form[5:]:
        thing.data = over(storage, form)
    if thing.requires_grad is not form.requires_grad:
        thing.requires_grad_(form.requires_grad)
    _set_hooks(thing, grad, hooks, accumulate_hooks)
    put_attributes(thing, dict(zip(rebuild.shape(node), attributes, strict=True)))


def _set_hooks(thing: Any, grad: Any, hooks: Any, accumulate_hooks: Any) -> None:
    if thing.grad is not grad:
        thing.grad = grad
    if thing._backward_hooks is not hooks:
        thing._backward_hooks = hooks
    if thing._post_accumulate_grad_hooks is not accumulate_hooks:
        thing._post_accumulate_grad_hooks = accumulate_hooks


_storage: Any = torch.UntypedStorage


def _make_graph_tensor(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """The values, and a graph that raises: never one that is silently cut."""
    form = Form(*load(node.meta))
    storage, grad, hooks, _, *attributes = rebuild.values(number)
    made = without_graph(over(storage, form), rebuild.path(number))
    if grad is not None:
        made.retain_grad()
        made.grad = grad
    if hooks is not None:
        made._backward_hooks = hooks
    put_attributes(made, dict(zip(rebuild.shape(node), attributes, strict=True)))
    return made


def _read_storage(walk: "Walk", thing: Any) -> Node:
    size, device = thing.nbytes(), thing.device
    if device == _CPU:
        leaf = Leaf(size, thing, thing.data_ptr())
        return Node("storage", meta=size, blob=walk.leaf(leaf))
    if device.type == "meta":
        return Node("storage", meta=dump((size, "meta")))
    return Node("storage", meta=dump((size, str(device))), blob=walk.leaf(Leaf(size, thing, 0, str(device))))


def _make_storage(rebuild: "Rebuild", number: int, node: Node) -> Any:
    size, device = (node.meta, "cpu") if isinstance(node.meta, int) else load(node.meta)
    return _storage(size, device=device)


def _fill_storage(rebuild: "Rebuild", number: int, node: Node, thing: Any) -> None:
    data = rebuild.blob(node)
    if thing.device.type == "cpu":
        write(thing.data_ptr(), data)
    elif len(data):
        staged = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        thing.copy_(staged.untyped_storage())


TENSOR = Kind("tensor", _read_tensor, _make_tensor, _fill_tensor)
STORAGE = Kind("storage", _read_storage, _make_storage, _fill_storage, same_meta=True)
GRAPH = Kind(GRAPH_TENSOR, _read_tensor, _make_graph_tensor, always_new=True)
KINDS = (TENSOR, STORAGE, GRAPH)
