"""What a set gives up next is read, and set."""

import random
from typing import Any

from flor.checkpoints.set_finger import next_popped, set_next_popped


def _worn(draw: random.Random) -> set[Any]:
    """A set that has seen some use."""
    found: set[Any] = set()
    for _ in range(draw.randrange(40)):
        if not found or draw.random() < 0.7:
            found.add(draw.choice([draw.randrange(200), str(draw.random())]))
        elif draw.random() < 0.5:
            found.pop()
        else:
            found.discard(draw.choice(list(found)))
    return found


def test_it_is_known_what_a_set_gives_up_next() -> None:
    draw = random.Random(1)
    for worn in filter(None, (_worn(draw) for _ in range(300))):
        expected = list(worn)[next_popped(worn)]
        assert worn.pop() == expected


def test_a_set_gives_up_what_it_is_told_to_and_goes_on_from_there() -> None:
    draw = random.Random(2)
    for worn in filter(None, (_worn(draw) for _ in range(300))):
        order = list(worn)
        first = draw.randrange(len(order))
        assert set_next_popped(worn, first)
        assert [worn.pop() for _ in range(len(order))] == order[first:] + order[:first]
