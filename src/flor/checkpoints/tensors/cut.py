"""Stands for graphs that were not kept: a gradient through one raises, and is never silently left out."""

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import torch

from flor.checkpoints import lost

_autograd: Any = torch.autograd
_run: Any = getattr(_autograd, "_engine_run_backward", None)  # behind every way to ask for gradients
_alive: "weakref.WeakSet[Any]" = weakref.WeakSet()  # nodes of graphs, while a tensor has them


class _Cut(torch.autograd.Function):
    """A node of a graph, in the place of those that are lost."""

    @staticmethod
    def forward(ctx: Any, anchor: Any, tensor: Any, path: str) -> Any:
        ctx.path = path
        _alive.add(ctx)
        return tensor

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> NoReturn:
        _refuse(ctx)


_node: Any = _Cut
_apply: Any = _Cut.apply


def without_graph(tensor: Any, path: str) -> Any:
    """The tensor as the result of a graph that raises.

    A backward pass for all leaves comes to that by itself. One for given inputs does not look where no way
    leads to these, so that as long as there is such a graph each pass is looked at before.

    Raises:
        RuntimeError: in this version of torch that cannot be done.
    """
    if _run is None:
        raise RuntimeError("its graph is lost, which this version of torch would not notice")
    _autograd._engine_run_backward = _run_if_whole
    with torch.enable_grad():
        return _apply(torch.zeros((), requires_grad=True), tensor, path)


def _run_if_whole(outputs: Sequence[Any], *arguments: Any, **options: Any) -> Any:
    """Compute gradients of these outputs, unless a part of their graph is lost."""
    if not _alive:
        _autograd._engine_run_backward = _run
        return _run(outputs, *arguments, **options)
    for node in _nodes(outputs):
        if type(node) is _node._backward_cls:
            _refuse(node)
    return _run(outputs, *arguments, **options)


def _nodes(outputs: Sequence[Any]) -> Iterator[Any]:
    """Every node of a graph, from its end."""
    waiting = [each.grad_fn if isinstance(each, torch.Tensor) else each.node for each in outputs]
    seen: set[Any] = set()
    while waiting:
        node: Any = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [before for before, _ in node.next_functions]


def _refuse(node: Any) -> NoReturn:
    lost.raise_on_use(f"A backward pass reached {node.path}, which was restored without its graph.")
