"""A probe that changes what it looks at is marked, and its effect put back: training goes on as recorded."""

import re

import pytest

from faults.replaying import KEEP_ALL, ask_one, counts, probed
from workplace import Workplace

SCRIPT = """
    import copy

    import torch
    from torch import nn

    import flor

    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    data = torch.randn(24, 4)


    def total(model):
        return float(sum(each.detach().double().abs().sum() for each in model.parameters()))


    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(3)):
            for batch in flor.loop("step", data.split(8)):
                optimizer.zero_grad()
                loss = (model(batch) - batch.sum(1, keepdim=True)).square().mean()
                loss.backward()
                # nested
                optimizer.step()
                flor.log("loss", loss.item())
            flor.log("total", total(model))
    """
PERTURBING = {
    "optimizer.step()": (
        'flor.log("probe", (optimizer.step(), total(model))[1])',
        """kept = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
                optimizer.step()
                flor.log("probe", total(model))
                model.load_state_dict(kept[0]), optimizer.load_state_dict(kept[1])""",
        ", model:",
        "the probe changes ",
    ),
    "a forward pass in train mode": (
        'flor.log("probe", model(batch).sum().item())',
        """with torch.random.fork_rng():
                    flor.log("probe", copy.deepcopy(model)(batch).sum().item())""",
        "running_mean",
        "the probe draws random numbers (torch): it was put back",
    ),
    "a draw of random numbers": (
        'flor.log("probe", torch.rand(1).item())',
        """with torch.random.fork_rng():
                    flor.log("probe", torch.rand(1).item())""",
        "",
        "the probe draws random numbers (torch): it was put back",
    ),
}


@pytest.mark.parametrize("what", PERTURBING)
def test_a_perturbing_probe_sees_the_run_as_it_was_and_leaves_no_trace(what: str, place: Workplace) -> None:
    perturbing, careful, changed, marked = PERTURBING[what]
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "nested", careful)
    place.python("train.py", env=KEEP_ALL)
    now, then = (run.run for run in sorted(place.catalog().runs, key=lambda run: run.tstamp, reverse=True))
    probed(place, SCRIPT, "nested", perturbing)

    report = ask_one(place, "--no-slice", "--runs", then)

    assert place.values("probe", then) == place.values("probe", now)
    assert place.values("loss", then) == place.values("loss", now)
    assert counts(report) == (9, 9, 0, 0)
    assert ("the probe changes" in report["reason"]) is bool(changed)
    assert changed in report["reason"]
    assert marked in report["reason"]


HELPER = """
    import flor

    # module


    def observed(total):
        # function
        return total
    """
KEEPER = """
    import flor

    from helper import observed


    def main():
        total = 0.0
        # before
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(3)):
                # anew
                for step in flor.loop("step", range(3)):
                    total = observed(total + step * epoch)
                    # nested
                    flor.log("total", total)


    main()
    """
_APPENDED = 'seen.append(total)\n{}flor.log("probe", sum(seen))'
OWN = {
    "before the loop": {
        "before": "seen = []",
        "nested": _APPENDED,
    },
    "in the loop": {"anew": "seen = []", "nested": _APPENDED},
    "in a module": {"module": "seen = []", "function": _APPENDED},
}


@pytest.mark.parametrize("what", OWN)
def test_what_lines_of_a_probe_keep_for_it_is_its_own(what: str, place: Workplace) -> None:
    texts = {"helper.py": HELPER, "train.py": KEEPER}
    place.write("helper.py", HELPER)
    place.run(KEEPER, env=KEEP_ALL)
    for where, lines in OWN[what].items():
        texts = {name: _with(text, where, lines) for name, text in texts.items()}
    for name, text in texts.items():
        place.write(name, text)

    report = ask_one(place, "--no-slice")

    place.python("train.py")
    now, then = (run.run for run in sorted(place.catalog().runs, key=lambda run: run.tstamp, reverse=True))
    assert place.values("probe", then) == place.values("probe", now)
    assert counts(report) == (9, 9, 0, 0)
    assert report["reason"] == ""


def _with(text: str, where: str, lines: str) -> str:
    """The text with these lines in place of a comment, at its indentation."""
    return re.sub(f"( *)# {where}\n", lambda found: f"{found[1]}{lines.format(found[1])}\n", text)
