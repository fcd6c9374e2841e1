"""Whole trainers: entered again they compute, bit for bit, what they would have computed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn, optim
from torch.optim import lr_scheduler

from unit.checkpoints.programs import Program, came_back, put_back
from unit.checkpoints.project.training import Net, Scaled, Trainer

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda parameters: optim.SGD(parameters, 0.05, momentum=0.9, nesterov=True),
    "adam": lambda parameters: optim.Adam(parameters, 1e-2),
    "adamw-fused": lambda parameters: optim.AdamW(parameters, 1e-2, fused=True),
    "amsgrad-foreach": lambda parameters: optim.Adam(parameters, 1e-2, amsgrad=True, foreach=True),
    "rmsprop": lambda parameters: optim.RMSprop(parameters, 1e-3, centered=True, momentum=0.5),
    "lbfgs": lambda parameters: optim.LBFGS(parameters, 0.1, max_iter=3),
}
SCHEDULERS: dict[str, Callable[[Any], Any]] = {
    "onecycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=100),
    "plateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=2),
    "lambda": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 0.99**step),
    "chain": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3), lr_scheduler.CosineAnnealingLR(optimizer, 10)],
        [3],
    ),
}
PAIRS = [
    *((name, "plateau") for name in OPTIMIZERS),
    *(("sgd" if name == "onecycle" else "adam", name) for name in SCHEDULERS if name != "plateau"),
]
pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.*:UserWarning", "ignore::DeprecationWarning")


def started(optimizer: str, scheduler: str) -> Program:
    torch.manual_seed(1)
    return Program({"trainer": Trainer(OPTIMIZERS[optimizer], SCHEDULERS[scheduler])})


@pytest.mark.parametrize(("optimizer", "scheduler"), PAIRS)
def test_a_trainer_entered_again_goes_on_bit_for_bit(optimizer: str, scheduler: str) -> None:
    program = started(optimizer, scheduler)
    program.names["trainer"].epoch()
    program.names["trainer"].epoch()
    kept = program.keep()
    expected = program.names["trainer"].epoch()[:]
    weights = program.keep()

    fresh = started(optimizer, scheduler)
    put_back(fresh, kept)
    found = fresh.names["trainer"].epoch()[:]

    assert found == expected
    assert fresh.differences(weights) == []


def test_what_is_kept_of_a_trainer_is_put_back_over_later_epochs() -> None:
    program = started("adam", "plateau")
    trainer = program.names["trainer"]
    trainer.epoch()
    kept = program.keep()
    expected = trainer.epoch()[:]

    put_back(program, kept)

    assert program.names["trainer"] is trainer
    assert trainer.epoch() == expected


def test_groups_added_and_layers_replaced() -> None:
    def begin() -> Program:
        torch.manual_seed(1)
        model = Net()
        for parameter in model.head.parameters():
            parameter.requires_grad_(False)
        return Program({"model": model, "optimizer": optim.Adam(model.layers.parameters(), 1e-2)})

    def step(names: dict[str, Any]) -> float:
        names["optimizer"].zero_grad()
        loss = names["model"](torch.randn(16, 4)).pow(2).mean()
        loss.backward()
        names["optimizer"].step()
        return float(loss.detach())

    program = begin()
    step(program.names)
    model, optimizer = program.names["model"], program.names["optimizer"]
    for parameter in model.head.parameters():
        parameter.requires_grad_(True)
    optimizer.add_param_group({"params": model.head.parameters(), "lr": 1e-3})
    model.extra = nn.Linear(2, 2)
    model.layers[0] = nn.Linear(4, 8).bfloat16().float()
    model.layers[3].p = 0.1
    step(program.names)
    kept = program.keep()
    expected = [step(program.names) for _ in range(3)]

    fresh = begin()
    put_back(fresh, kept)

    assert [step(fresh.names) for _ in range(3)] == expected
    groups = fresh.names["optimizer"].param_groups
    assert groups[1]["params"][0] is fresh.names["model"].head.weight


def test_optimizer_state_keeps_its_own_dtype() -> None:
    def begin() -> Program:
        torch.manual_seed(1)
        weight = nn.Parameter(torch.randn(3).bfloat16())
        return Program({"weight": weight, "optimizer": optim.SGD([weight], 0.1, momentum=0.9)})

    program = begin()
    weight = program.names["weight"]
    program.names["optimizer"].state[weight]["momentum_buffer"] = torch.randn(3)
    kept = program.keep()

    fresh = begin()
    put_back(fresh, kept)

    buffer = fresh.names["optimizer"].state[fresh.names["weight"]]["momentum_buffer"]
    assert (buffer.dtype, buffer.tolist()) == (torch.float32, kept_buffer(program))


def test_a_setting_of_an_operation_with_its_own_gradient() -> None:
    def build() -> dict[str, Any]:
        Scaled.factor = 1.0
        return {"x": torch.ones(2, requires_grad=True)}

    def change(names: dict[str, Any]) -> None:
        Scaled.factor = 0.5
        Scaled.apply(names["x"]).sum().backward()

    for program in came_back(build, change):
        x = program.names["x"]
        wanted = (0 if x.grad is None else x.grad) + torch.full((2,), Scaled.factor)
        Scaled.apply(x).sum().backward()
        assert torch.equal(x.grad, wanted)


def kept_buffer(program: Program) -> Any:
    return program.names["optimizer"].state[program.names["weight"]]["momentum_buffer"].tolist()


def test_paths_are_those_that_a_person_would_write() -> None:
    program = started("adam", "plateau")
    program.names["trainer"].epoch()

    paths = program.walk().leaf_paths()

    assert "trainer.model.layers.0.weight" in paths
    assert "trainer.optimizer.state[0].exp_avg" in paths
