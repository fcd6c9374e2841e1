"""A run is entered again in loops over iterators: their items are drawn again as they were drawn."""

import pytest

from flor.checkpoints.drawing import Draw, how_drawn
from journeys.entering import STEPS, entered, kinds, problems, recorded, some
from workplace import Workplace

GENERATORS = """
    import random

    import flor
    import numpy as np

    random.seed(3)
    np.random.seed(4)
    own = np.random.default_rng(5)
    seen = []


    def pool(n):
        held = list(range(5))  # a state of the iterator's own
        for k in range(n):
            chosen = held[random.randrange(5)]
            held[k % 5] = chosen + k + own.integers(3)
            yield chosen, np.random.rand(2)


    with flor.checkpointing():
        for number, (chosen, noise) in enumerate(flor.loop("batch", pool(6))):
            seen.append(chosen + noise.sum() + random.random())  # draws from the same generators
            own.random(number)
            for step in flor.loop("step", [1, 2]):
                seen[-1] += np.random.rand()
            flor.log("seen", seen[-1])
    flor.log("all", [seen, random.random(), own.random()])
    """

LOADER = """
    import flor
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.manual_seed(6)


    class Noisy(Dataset):
        def __len__(self):
            return 24

        def __getitem__(self, k):
            return torch.randn(3) + k


    net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
    with flor.checkpointing(net=net, optimizer=optimizer):
        for batch in flor.loop("step", DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=WORKERS)):
            loss = net(batch).square().mean() + torch.rand(())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
    """

STEPPING = f"""
    import itertools

    import flor
    import torch
    from torch.utils.data import DataLoader

    {STEPS}
    torch.manual_seed(7)
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(net.parameters())
    data, extra = torch.randn(12, 2), {{"a": 1.0, "b": 2.0, "c": 3.0}}


    def epoch_of(net):
        for batch in flor.loop("loader", DataLoader(data, batch_size=4, shuffle=True, num_workers=WORKERS)):
            loss = net(batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        for indices in flor.loop("split", torch.randperm(12).split(6)):
            flor.log("split", net(data[indices]).sum().item())
        return loss.item()


    with flor.checkpointing(net=net, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(2)):
            last = epoch_of(net)
            for name, value in flor.loop("extra", extra.items()):
                last += value * torch.rand(()).item()
            for left, right in flor.loop("pairs", zip([1, 2, 3], itertools.count(5))):
                last += left * right
            for thing in flor.loop("made", (k for k in range(2))):  # cannot be drawn again
                last += thing
            flor.log("last", last)
    """

OTHERS = """
    import itertools
    import random

    import flor

    random.seed(9)
    table, total = {"a": 1, "b": 2, "c": 3}, 0.0

    with flor.checkpointing():
        for k in flor.loop("count", itertools.count(2)):
            total += k * random.random()
            if k == 5:
                break
        for (name, value), more in zip(flor.loop("items", table.items()), [4, 5, 6]):
            total += value * more * random.random()
            table[name] = total
            flor.log("total", total)
        for number, word in flor.loop("words", enumerate(["x", "y", "z"], 1)):
            total += number * len(word)
        for item in flor.loop("set", {3, 1, 2}):
            total += item * random.random()
            flor.log("item", total)
        for item in flor.loop("mapped", map(lambda x: x + random.random(), [1, 2, 3])):
            total += item * random.random()
            flor.log("mapped", total)
    flor.log("end", total)
    """


@pytest.mark.parametrize("script", [GENERATORS, OTHERS], ids=["generators", "others"])
def test_a_run_goes_on_in_loops_over_iterators(place: Workplace, script: str) -> None:
    kept = recorded(place, script)

    assert problems(place, kept) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_goes_on_in_one_long_loop_over_a_loader(place: Workplace, workers: int) -> None:
    kept = recorded(place, LOADER.replace("WORKERS", str(workers)))

    assert problems(place, some(kept, lambda name: name in ("0/0 top(1)", "0/0 top(4)", "0/0 top(6)"))) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_goes_on_from_a_step_of_an_epoch(place: Workplace, workers: int) -> None:
    kept = recorded(place, STEPPING.replace("WORKERS", str(workers)))

    steps = some(kept, lambda name: "step(1" in name)
    places = {name.partition("(")[2].split(", ")[1] for name in (one.manifest.entry for one in steps)}
    assert places == {"0", "1", "2", "3"}  # none in the generator
    few = some(steps, lambda name: name.endswith("(1, 0, 2)" if workers else ", 1)"))
    assert problems(place, few) == []


def test_a_loop_whose_items_come_out_otherwise_is_not_entered(place: Workplace) -> None:
    recorded(
        place,
        """
        import flor

        hard = [1]


        def mined():
            while True:
                yield sum(hard)


        with flor.checkpointing():
            for item in flor.loop("epoch", mined()):
                hard.append(item)
                if item > 8:
                    break
        flor.log("hard", hard)
        """,
    )

    (first, later) = entered(place, ["0/0 top(1)", "0/0 top(2)"])
    assert first["refused"] == ""
    assert later["refused"] == "0/0 top(2): the loop on the way draws other items than in the run."


def test_a_loop_zipped_with_a_generator_is_not_entered(place: Workplace) -> None:
    recorded(
        place,
        """
        import random

        import flor

        with flor.checkpointing():
            for epoch, noise in zip(flor.loop("epoch", range(3)), (random.random() for _ in range(3))):
                flor.log("noise", noise)
        """,
    )

    (told,) = entered(place, ["0/0 top(2)"])
    assert "`zip` draws from a generator as well" in told["refused"]


def test_how_a_loop_is_drawn_is_told_without_drawing() -> None:
    items = [1, 2]
    generator = (item for item in items)

    assert how_drawn(items, iter(items)) is Draw.POSITION
    assert how_drawn(zip(items, range(3), strict=False)) is Draw.AGAIN
    assert how_drawn(zip(items, generator, strict=False)) is Draw.STATES
    assert how_drawn(enumerate(reversed(items))) is Draw.AGAIN
    assert how_drawn(map(str, items)) is Draw.STATES
    assert list(generator) == items


def test_unseeded_numbers_are_drawn_again_from_the_first_call_on(place: Workplace) -> None:
    kept = recorded(
        place,
        """
        import random

        import flor
        import torch

        lr = flor.arg("lr", 0.1)
        seed, net = random.randrange(10**6), torch.nn.Linear(3, 1)
        torch.manual_seed(seed + torch.randint(1000, ()).item())
        flor.log("seed", seed)
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(2)):
                flor.log("out", net(torch.randn(4, 3)).sum().item() * lr)
        """,
    )

    (told,) = entered(place, ["0/0 top(1)"])
    assert kinds(kept) == {"top", "done", "end"}  # random state alone is nothing to go on from
    assert told["prefix"] == []
    assert problems(place, some(kept, lambda name: name in ("0/0 top(0)", "0/0 top(1)"))) == []
