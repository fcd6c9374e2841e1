"""Random generators are read and put back, and items told by what they consist of."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flor.checkpoints import randomness
from flor.checkpoints.draws import Drawn, Segment, item_hash, pack, unpack
from flor.checkpoints.environment import global_generators
from flor.checkpoints.scope import Scope

SCOPE = Scope(Path(__file__).parent)

GENERATORS: dict[str, tuple[Any, Any]] = {
    "random": (random.Random(1), lambda each: [each.random(), each.gauss(0, 1)]),
    "legacy": (np.random.RandomState(2), lambda each: each.standard_normal(3).tolist()),
    "pcg": (np.random.default_rng(3).bit_generator, lambda each: each.random_raw(3).tolist()),
    "philox": (np.random.Philox(4), lambda each: each.random_raw(3).tolist()),
    "torch": (torch.Generator().manual_seed(5), lambda each: torch.rand(3, generator=each).tolist()),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_draws_again_what_it_drew(name: str) -> None:
    generator, draw = GENERATORS[name]
    draw(generator)  # half of a pair of normal numbers is kept for the next call
    state = randomness.read(generator)
    drawn = draw(generator)

    assert state is not None
    assert randomness.read(generator) != state
    randomness.write(generator, state)
    assert randomness.read(generator) == state
    assert draw(generator) == drawn


def test_the_global_generators_are_read_without_a_draw() -> None:
    before = randomness.read_all()

    assert before.keys() == global_generators().keys() >= {"random", "numpy", "torch"}
    assert randomness.read_all() == before


def test_items_are_told_by_what_they_consist_of() -> None:
    def batch(scale: float) -> Any:
        return {"x": torch.arange(4) * scale, "y": [np.ones(2), "label"]}

    assert item_hash(batch(1.5), SCOPE) == item_hash(batch(1.5), SCOPE) != item_hash(batch(2.5), SCOPE)
    assert item_hash(3, SCOPE) == item_hash(3, SCOPE) != item_hash(3.0, SCOPE)
    assert item_hash((item for item in [1]), SCOPE) == ""  # nobody knows what it will give


def test_segments_come_back_in_their_order() -> None:
    first = Segment([b"place"], [Drawn("a", [(0, b"state")]), Drawn("b", [])])
    second = Segment([b"place"], [Drawn("c", [])])

    drawn = list(unpack([pack(first), pack(second)]))
    assert [one.item for one, _ in drawn] == ["a", "b", "c"]
    assert drawn[0] == (Drawn("a", [(0, b"state")]), [b"place"])
