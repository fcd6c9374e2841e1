"""A probe that draws random numbers is marked: it sees those of the run, and leaves them to the training."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from faults.replaying import KEEP_ALL, ask_one, counts
from workplace import Workplace

SCRIPT = """
    import random

    import numpy as np
    import torch

    import flor

    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(4)
    rng = np.random.default_rng(5)
    data = torch.randn(12, 4)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


    def every():
        return [
            random.random(),
            random.gauss(0, 1),
            float(np.random.normal()),
            torch.rand(3).norm().item(),
            torch.rand(1, generator=generator).item(),
            float(rng.random()),
        ]


    def peek(draw):
        before = random.getstate(), np.random.get_state(), torch.get_rng_state(), generator.get_state()
        bits = rng.bit_generator.state
        found = draw()
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        generator.set_state(before[3])
        rng.bit_generator.state = bits
        return found


    def advance(batch):
        optimizer.zero_grad()
        loss = (model(batch) + random.random() + float(np.random.rand())).square().mean()
        # function
        loss.backward()
        optimizer.step()
        return loss.item()


    # prefix
    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(3)):
            # top
            order = torch.randperm(12, generator=generator)
            for batch in flor.loop("step", data[order].split(4)):
                flor.log("loss", advance(batch) + rng.random())
                # nested
            # behind
            flor.log("drawn", peek(every))
    flor.log("last", every())
    # suffix
    """
MARKED = "the probe draws random numbers (random, numpy, torch, generator, rng): it was put back"
COUNTS = {"prefix": 1, "top": 3, "function": 9, "nested": 9, "behind": 3, "suffix": 1}
LATE = "every() if batch[0, 0] == data[order][8, 0] else None"


@dataclass(frozen=True)
class Recorded:
    """Two runs: one without probes, and one that logged them from the start and left the generators alone."""

    place: Workplace
    without: str
    foreseen: str

    def ask(self, *options: str, **probes: str) -> dict[str, Any]:
        """What a replay of the first run reports, with these statements at the places of the comments."""
        self.place.write("train.py", probed(probes))
        names = ",".join(re.findall(r'flor\.log\("(\w+)"', " ".join(probes.values())))
        asked = ("replay", names, "--runs", self.without, "--yes", "--json")
        done = self.place.python("-m", "flor", *asked, *options)
        report: dict[str, Any] = json.loads(done.stdout)["runs"][0]
        return report


def probed(probes: Mapping[str, str]) -> str:
    """The script with these statements at the places of its comments."""
    text = SCRIPT
    for where, probe in probes.items():
        assert f"# {where}\n" in text
        text = text.replace(f"# {where}\n", f"{probe}\n")
    return text


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("draws")
    (folder / "home").mkdir()
    place = Workplace.make(folder / "project", folder / "home")
    place.run(SCRIPT, env=KEEP_ALL)
    place.run(probed({where: f'flor.log("{where}", peek(every))' for where in COUNTS}), env=KEEP_ALL)
    without, foreseen = sorted(place.catalog().runs, key=lambda run: run.tstamp)
    return Recorded(place, without.run, foreseen.run)


@pytest.mark.parametrize("where", COUNTS)
def test_what_a_probe_draws_is_what_the_run_would_have_drawn_there(where: str, recorded: Recorded) -> None:
    report = recorded.ask("--audit", "1", **{where: f'flor.log("{where}", every())'})

    count, values = COUNTS[where], recorded.place.values
    assert values(where, recorded.without) == values(where, recorded.foreseen)
    assert counts(report) == (count, count, 0, 0)
    assert report["reason"] == MARKED


def test_a_draw_at_a_later_evaluation_is_marked_and_put_back(recorded: Recorded) -> None:
    report = recorded.ask("--workers", "1", "--no-slice", nested=f'flor.log("late", {LATE})')

    values = recorded.place.values
    assert values("late", recorded.without)[2::3] == values("nested", recorded.foreseen)[2::3]
    assert counts(report) == (9, 9, 0, 0)
    assert report["reason"] == MARKED


def test_probes_beside_each_other_see_the_same_numbers(recorded: Recorded) -> None:
    statements = ['flor.log("one", every())', 'flor.log("other", every())']
    recorded.ask(nested="\n                ".join(statements))

    values = recorded.place.values
    assert values("one", recorded.without) == values("nested", recorded.foreseen)
    assert values("other", recorded.without) == values("nested", recorded.foreseen)


def test_a_probe_that_only_looks_at_a_generator_is_not_marked(recorded: Recorded) -> None:
    report = recorded.ask("--no-slice", nested='flor.log("seed", generator.initial_seed())')

    assert counts(report) == (9, 9, 0, 0)
    assert report["reason"] == ""


BEFORE = """
    import random

    {seed}
    drawn = random.random()
    # probe
    second = random.random()
    import flor
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(2)):
            flor.log("drawn", random.random())
    flor.log("second", second)
    """


@pytest.mark.parametrize("probe", ["drawn", "random.random()"])
@pytest.mark.parametrize("seed", ["random.seed(1)", ""])
def test_what_no_seed_decides_is_not_verified_before_the_first_call(
    seed: str, probe: str, place: Workplace
) -> None:
    script = BEFORE.replace("{seed}", seed)
    place.run(script, env=KEEP_ALL)
    place.write("train.py", script.replace("# probe", f'import flor\n    flor.log("probe", {probe})'))

    report = ask_one(place)

    assert counts(report) == ((1, 1, 0, 0) if seed else (1, 0, 0, 1))
    assert ("probe differs from one execution to the next" in report["reason"]) is not bool(seed)
