"""The walk calls no code of the user's classes, draws nothing and changes nothing."""

import gc
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from flor.checkpoints.reference import Reference
from flor.checkpoints.restore import restore
from unit.checkpoints.programs import Program
from unit.checkpoints.project import hostile


@pytest.fixture(autouse=True)
def nothing_was_called() -> Iterator[None]:
    hostile.calls.clear()
    yield
    assert hostile.calls == []


def test_no_method_or_property_of_a_class_is_called() -> None:
    program = Program(hostile.things())

    walked = program.walk()

    assert hostile.calls == []
    assert [one for one in walked.opaque if one.path.startswith("thing")] == []


def test_not_even_by_comparing_and_restoring_what_is_unchanged() -> None:
    program = Program(hostile.things())
    kept = program.keep()
    live = program.walk()

    restored = restore(kept.graph, kept.hashes, kept.content, live, program.reference)

    assert hostile.calls == []
    assert restored.refused == []
    assert all(value is program.names[name] for name, value in restored.names[0].items())
    assert program.differences(kept) == []


def test_changed_attributes_are_put_back_without_the_methods_of_the_class() -> None:
    program = Program(hostile.things())
    kept = program.keep()
    plain, mapping = program.names["thing0"], program.names["thing2"]
    object.__setattr__(plain, "y", 2)
    dict.__setitem__(mapping, "more", plain)

    program.restore(kept)

    assert object.__getattribute__(plain, "__dict__") == {"x": [1]}
    assert list(dict.keys(mapping)) == ["k"]
    assert hostile.calls == []


def test_objects_as_keys_are_neither_hashed_nor_compared() -> None:
    class Key:
        calls = 0

        def __hash__(self) -> int:
            Key.calls += 1
            return 7

        def __eq__(self, other: object) -> bool:
            Key.calls += 1
            return self is other

    from collections import OrderedDict

    keys = [Key() for _ in range(4)]
    ordered = OrderedDict((key, place) for place, key in enumerate(keys))
    ordered.move_to_end(keys[0])
    program = Program(
        {"dict": dict.fromkeys(keys, 1), "set": set(keys), "ordered": ordered, "frozen": frozenset(keys)}
    )
    Key.calls = 0

    kept = program.keep()
    restored = program.restore(kept)

    assert Key.calls == 0
    assert restored.refused == []


def test_nothing_is_drawn_and_no_object_is_changed() -> None:
    random.seed(1)
    np.random.seed(2)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    names: dict[str, Any] = {"rng": np.random.default_rng(3), "list": [1, [2]]}
    counts = [sys.getrefcount(each) for each in names.values()]
    program = Program(names)
    program.reference = None

    program.walk()
    gc.collect()

    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index, union-attr]
    assert [sys.getrefcount(each) for each in names.values()] == [count + 1 for count in counts]


def test_objects_of_the_reference_may_die() -> None:
    class Big:
        pass

    program = Program({"big": Big()})

    program.names["big"] = None

    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Big]


def test_an_object_at_the_address_of_a_dead_one_is_another() -> None:
    class Small:
        pass

    names: dict[str, Any] = {"small": [Small()]}
    program = Program(names)
    assert isinstance(program.reference, Reference)
    for _ in range(100):
        names["small"][0] = None
        names["small"][0] = Small()
        walked = program.walk()
        number = walked.number_of(names["small"][0])
        assert number is not None
        assert walked.graph.known[number] == 0
