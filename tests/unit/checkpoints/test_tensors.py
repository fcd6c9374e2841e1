"""Tensors of every kind: bytes, form, shared storage, gradients, hooks; and torch's generators and modes."""

import random
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from flor.checkpoints.tensors import cut
from flor.errors import StateLost
from unit.checkpoints.programs import Program, came_back, put_back
from unit.checkpoints.project.training import SEEN, Tagged, double, note

Names = dict[str, Any]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse:UserWarning", "ignore:torch.quantize:UserWarning", "ignore::DeprecationWarning"
)


def bits(tensor: torch.Tensor) -> Any:
    """The elements, bit for bit."""
    if tensor.is_quantized:
        return tensor.int_repr().tolist(), tensor.qscheme()
    if tensor.layout is not torch.strided:
        return tensor.to_dense().tolist()
    return tensor.detach().resolve_conj().resolve_neg().contiguous().view(-1).view(torch.uint8).tolist()


def every_kind() -> Names:
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    resized = torch.zeros(3)
    resized.resize_(10).fill_(2)
    return {
        "base": base,
        "transposed": base.t(),
        "slice": base[1:, ::2],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "bf16": torch.randn(5).bfloat16(),
        "half": torch.randn(5).half(),
        "float8": torch.randn(4).to(torch.float8_e4m3fn),
        "float8b": torch.randn(4).to(torch.float8_e5m2),
        "complex": torch.randn(3, dtype=torch.complex64),
        "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
        "negative": torch.randn(3, dtype=torch.complex64).conj().imag,
        "bool": torch.tensor([True, False]),
        "zero": torch.empty(0, 3),
        "scalar": torch.tensor(float("nan")),
        "channels_last": torch.randn(1, 2, 3, 4).to(memory_format=torch.channels_last),
        "resized": resized,
        "coo": torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)),
        "coalesced": torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 2)).coalesce(),
        "csr": torch.eye(3).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(torch.randn(4), 0.1, 3, torch.qint8),
        "channels": torch.quantize_per_channel(
            torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8
        ),
        "parameter": nn.Parameter(torch.randn(2)),
        "frozen": nn.Parameter(torch.randn(2), requires_grad=False),
        "buffer": nn.Buffer(torch.randn(2)),
    }


def test_tensors_of_every_kind_come_to_be() -> None:
    expected = every_kind()

    def change(names: Names) -> None:
        names.update(every_kind())

    for program in came_back(dict, change):
        for name, wanted in expected.items():
            found = program.names[name]
            assert type(found) is type(wanted), name
            assert (found.dtype, found.shape, found.layout) == (wanted.dtype, wanted.shape, wanted.layout), (
                name
            )
            assert bits(found) == bits(wanted), name
            if wanted.layout is torch.strided:
                assert (found.stride(), found.requires_grad) == (wanted.stride(), wanted.requires_grad), name
        assert program.names["transposed"].data_ptr() == program.names["base"].data_ptr()


def test_tensors_of_every_kind_are_changed_in_place() -> None:
    def change(names: Names) -> None:
        with torch.no_grad():
            for name, tensor in names.items():
                alter(name, tensor)

    changed = every_kind()
    change(changed)
    for program in came_back(every_kind, change):
        for name, wanted in changed.items():
            assert bits(program.names[name]) == bits(wanted), name


def alter(name: str, tensor: Any) -> None:
    if tensor.is_quantized:
        tensor.copy_(torch.ones(tensor.shape))
    elif tensor.layout is not torch.strided:
        (tensor._values() if name == "coo" else tensor.values()).mul_(3)
    elif name.startswith("float8"):
        tensor.view(torch.uint8).add_(1)
    elif name == "bool":
        tensor.logical_not_()
    elif name != "expanded":
        tensor.mul_(2)


@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "bsc"])
def test_compressed_tensors_that_another_took_the_place_of_come_back(layout: str) -> None:
    def build() -> Names:
        plain = torch.eye(4)
        blocks = ((2, 2),) if layout.startswith("b") else ()
        graph = getattr(plain, f"to_sparse_{layout}")(*blocks)
        module = nn.Module()
        module.register_buffer("graph", graph)
        return {"graph": graph, "module": module, "parameter": nn.Parameter(graph.clone())}

    def change(names: Names) -> None:
        names["graph"] = names["graph"] * 2
        names["module"].graph = names["graph"]
        names["parameter"].detach().values().mul_(3)

    for program in came_back(build, change):
        names = program.names
        assert names["module"].graph is names["graph"]
        assert (type(names["parameter"]), names["parameter"].requires_grad) == (nn.Parameter, True)
        twice, thrice = names["graph"].values().sum(), names["parameter"].detach().values().sum()
        assert (twice.item(), thrice.item()) in ((4.0, 4.0), (8.0, 12.0))


def test_meta_tensors_have_no_bytes() -> None:
    def change(names: Names) -> None:
        names["meta"] = torch.empty(3, 4, device="meta")

    for program in came_back(dict, change):
        assert (program.names["meta"].device.type, program.names["meta"].shape) == ("meta", (3, 4))


def test_tied_weights_and_the_data_of_a_parameter_share_one_storage_again() -> None:
    def build() -> Names:
        torch.manual_seed(0)
        model = nn.ModuleDict({"in": nn.Embedding(5, 3), "out": nn.Linear(3, 5, bias=False)})
        return {"model": model, "data": None}

    def change(names: Names) -> None:
        model = names["model"]
        model["out"].weight = model["in"].weight
        names["data"] = model["in"].weight.data
        names["data"][0] = 9
        names["flat"] = model["in"].weight.detach().view(-1)

    for program in came_back(build, change):
        names = program.names
        model = names["model"]
        assert model["out"].weight is model["in"].weight
        names["flat"][1] = 4
        assert model["in"].weight[0].tolist() == names["data"][0].tolist() == [9, 4, 9]


def test_a_storage_that_was_replaced_or_resized() -> None:
    def build() -> Names:
        weight = nn.Parameter(torch.zeros(3))
        return {"weight": weight, "group": [weight], "view": weight.data[1:]}

    def change(names: Names) -> None:
        names["weight"].data = torch.arange(6.0).view(2, 3)
        names["buffer"] = torch.zeros(2)
        names["buffer"].resize_(5).fill_(3)
        names["half"] = nn.Parameter(torch.ones(2))
        names["half"].data = names["half"].data.bfloat16()

    for program in came_back(build, change):
        names = program.names
        assert names["weight"] is names["group"][0]
        assert names["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert names["buffer"].tolist() == [3] * 5
        assert names["half"].dtype is torch.bfloat16


def test_gradients_are_state() -> None:
    def build() -> Names:
        return {
            "one": nn.Parameter(torch.ones(3)),
            "two": nn.Parameter(torch.ones(3)),
            "frozen": nn.Parameter(torch.ones(1)),
        }

    def change(names: Names) -> None:
        (names["one"] * 2).sum().backward()
        names["kept"] = names["one"].grad
        names["frozen"].requires_grad_(False)

    for program in came_back(build, change):
        names = program.names
        assert names["one"].grad is names["kept"]
        assert (names["kept"].tolist(), names["two"].grad) == ([2, 2, 2], None)
        assert not names["frozen"].requires_grad


def test_a_tensor_with_a_graph_raises_when_a_backward_pass_reaches_it() -> None:
    def build() -> Names:
        return {"weight": nn.Parameter(torch.ones(2)), "loss": None}

    def change(names: Names) -> None:
        names["loss"] = (names["weight"] * 3).sum()
        names["losses"] = [names["loss"]]

    for program in came_back(build, change):
        loss = program.names["loss"]
        assert (loss.item(), loss.requires_grad, loss is program.names["losses"][0]) == (6, True, True)
        with pytest.raises(StateLost, match="loss"):
            (loss * 2).backward()


def test_a_gradient_for_one_tensor_raises_too_where_the_lost_graph_may_have_led_to_it() -> None:
    def change(names: Names) -> None:
        names["penalty"] = (names["weight"] * 3).sum()

    for program in came_back(lambda: {"weight": nn.Parameter(torch.ones(2)), "penalty": None}, change):
        weight, penalty = program.names["weight"], program.names["penalty"]
        with pytest.raises(StateLost, match="penalty"):
            torch.autograd.grad(penalty + weight.sum(), [weight])
        with pytest.raises(StateLost, match="penalty"):
            (penalty + weight.sum()).backward(inputs=[weight])
        assert torch.autograd.grad(weight.sum(), [weight])[0].tolist() == [1, 1]


def test_where_torch_would_not_notice_that_a_graph_is_lost_the_tensor_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cut, "_run", None)
    program = Program({"loss": (torch.ones(2, requires_grad=True) * 3).sum()})

    restored = program.restore(program.keep())

    assert [one.path for one in restored.refused] == ["loss"]


def test_gradients_are_computed_as_ever_when_no_tensor_is_left_whose_graph_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cut, "_alive", weakref.WeakSet())
    weight = nn.Parameter(torch.ones(2))
    loss = cut.without_graph(torch.ones(()), "loss")
    assert torch.autograd._engine_run_backward is not torch.autograd.graph._engine_run_backward

    del loss
    weight.sum().backward()

    assert torch.autograd._engine_run_backward is torch.autograd.graph._engine_run_backward


def test_hooks_of_tensors_and_modules() -> None:
    def build() -> Names:
        model = nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            model.weight.fill_(1)
        return {"model": model, "handle": None}

    def change(names: Names) -> None:
        names["handle"] = names["model"].weight.register_hook(double)
        names["model"].register_forward_hook(note)

    for program in came_back(build, change):
        model = program.names["model"]
        model(torch.ones(1, 2)).sum().backward()
        assert model.weight.grad.tolist() == [[2, 2]]
        assert SEEN.pop() == 2
        program.names["handle"].remove()
        model.weight.grad = None
        model(torch.ones(1, 2)).sum().backward()
        assert model.weight.grad.tolist() == [[1, 1]]
        SEEN.clear()


def test_attributes_of_tensors_and_subclasses() -> None:
    def build() -> Names:
        return {"plain": torch.ones(2), "tagged": torch.ones(2).as_subclass(Tagged)}

    def change(names: Names) -> None:
        names["plain"].note = names
        names["tagged"].note = names["plain"]
        names["new"] = torch.zeros(3).as_subclass(Tagged)

    Tagged.calls = 0
    program = Program(build())
    program.walk()
    assert Tagged.calls == 0
    for program in came_back(build, change):
        assert program.names["tagged"].note is program.names["plain"]
        assert type(program.names["new"]) is Tagged


def test_numpy_and_torch_share_memory_where_both_are_live() -> None:
    def build() -> Names:
        array = np.zeros(4)
        tensor = torch.zeros(3)
        return {"array": array, "tensor": torch.from_numpy(array), "of": tensor, "seen": tensor.numpy()}

    def change(names: Names) -> None:
        names["array"][0] = 5
        names["of"][1] = 6

    for program in came_back(build, change):
        names = program.names
        names["array"][1], names["of"][0] = 7, 8
        assert (names["tensor"].tolist(), names["seen"].tolist()) == ([5, 7, 0, 0], [8, 6, 0])


def test_generators_and_the_global_random_state() -> None:
    def build() -> Names:
        torch.manual_seed(3)
        random.seed(3)
        return {"own": torch.Generator().manual_seed(1)}

    def change(names: Names) -> None:
        torch.randn(3, generator=names["own"])
        torch.randn(3)
        names["expected"] = [torch.get_rng_state().tolist(), names["own"].get_state().tolist()]

    for program in came_back(build, change):
        names = program.names
        assert names["expected"] == [torch.get_rng_state().tolist(), names["own"].get_state().tolist()]


def test_modes_are_put_back() -> None:
    program = Program({})
    kept = program.keep()
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1 if threads > 1 else 2)
    torch.backends.cudnn.benchmark = True
    torch.set_autocast_enabled("cpu", True)
    changed = program.keep()

    put_back(program, kept)

    assert (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()) == (
        torch.float32,
        True,
        threads,
    )
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.is_autocast_enabled("cpu")
    put_back(program, changed)
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float64, False)
    put_back(program, kept)


def test_a_walk_leaves_tensors_resizable_and_ungraphed() -> None:
    tensor = torch.zeros(3)
    program = Program({"tensor": tensor, "loss": (nn.Parameter(torch.ones(1)) * 2).sum()})

    for _ in range(2):
        [bytes(leaf.view()) for leaf in program.walk().leaves]

    tensor.resize_(100)
    assert program.names["loss"].grad_fn is not None
