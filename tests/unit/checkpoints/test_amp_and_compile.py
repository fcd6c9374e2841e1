"""Mixed precision and compiled modules, entered again, compute bit for bit what they would have computed."""

from typing import Any

import pytest
import torch
from torch import nn

from unit.checkpoints.programs import Program, put_back

Names = dict[str, Any]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))


def mixed() -> Names:
    net = model()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=3)
    return {
        "net": net,
        "optimizer": torch.optim.AdamW(net.parameters(), 1e-2),
        "scaler": scaler,
        "losses": [],
    }


def mixed_step(names: Names) -> float:
    scaler, optimizer = names["scaler"], names["optimizer"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = names["net"](torch.randn(8, 4)).float().square().mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(names["net"].parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    names["losses"].append(loss.item())
    return float(loss.detach())


def compiled() -> Names:
    net = model()
    # Its own interpreter in place of generated code: the same wrappers, without a compiler.
    whole = torch.compile(net, backend="eager")
    return {"net": net, "compiled": whole, "optimizer": torch.optim.Adam(whole.parameters(), 1e-2)}


def compiled_step(names: Names) -> float:
    loss = names["compiled"](torch.randn(8, 4)).square().mean()
    names["optimizer"].zero_grad()
    loss.backward()
    names["optimizer"].step()
    return float(loss.detach())


PROGRAMS = {"mixed": (mixed, mixed_step), "compiled": (compiled, compiled_step)}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_follows_is_the_same_in_a_fresh_program_and_in_the_same_one(kind: str) -> None:
    build, step = PROGRAMS[kind]
    program = Program(build())
    for _ in range(4):
        step(program.names)
    kept = program.keep()
    expected = [step(program.names) for _ in range(4)]

    assert [each for each in kept.opaque if not each.path.startswith("__")] == []
    fresh = Program(build())
    step(fresh.names)
    put_back(fresh, kept)
    assert [step(fresh.names) for _ in range(4)] == expected
    put_back(program, kept)
    assert [step(program.names) for _ in range(4)] == expected


def test_the_scale_and_its_growth_come_back() -> None:
    program = Program(mixed())
    for _ in range(4):
        mixed_step(program.names)
    kept, state = program.keep(), program.names["scaler"].state_dict()

    fresh = Program(mixed())
    put_back(fresh, kept)

    assert fresh.names["scaler"].state_dict() == state
    assert (state["scale"], state["_growth_tracker"]) == (2.0**13, 1)


def test_a_compiled_module_and_the_one_inside_it_share_their_weights_again() -> None:
    program = Program(compiled())
    compiled_step(program.names)
    kept = program.keep()

    fresh = Program(compiled())
    put_back(fresh, kept)

    inside = fresh.names["compiled"]._orig_mod
    assert inside is fresh.names["net"]
    assert next(fresh.names["compiled"].parameters()) is next(inside.parameters())
    groups = fresh.names["optimizer"].param_groups
    assert groups[0]["params"][0] is inside[0].weight


def test_autocast_that_is_on_all_the_time_is_put_back() -> None:
    program = Program({})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kept = program.keep()
    put_back(program, kept)
    try:
        assert torch.is_autocast_enabled("cpu")
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16
    finally:
        torch.set_autocast_enabled("cpu", False)
