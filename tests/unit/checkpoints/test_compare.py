"""Two states compared: each difference is named by its path, and by what it is."""

from collections import OrderedDict
from typing import Any

import pytest

from flor.checkpoints.graph import Graph
from flor.errors import FormatTooNew
from unit.checkpoints.programs import Program
from unit.checkpoints.project.objects import Box, Meter

Names = dict[str, Any]


def found(before: Names, after: Names, **options: Any) -> list[str]:
    """The differences between two programs, as text."""
    return [str(each) for each in Program(after).differences(Program(before).keep(), **options)]


def test_equal_states_do_not_differ() -> None:
    box = Box([1, 2.0], {"a": {1, 2}})

    assert found({"box": box}, {"box": box}) == []
    assert found({"box": Box(1)}, {"box": Box(1)}) == []


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({"x": 1}, {"x": 2}, "x: value (1 and 2)"),
        ({"x": 1}, {"x": 1.0}, "x: value (1 and 1.0)"),
        ({"x": 0.0}, {"x": -0.0}, "x: value (0.0 and -0.0)"),
        ({"x": 1}, {"x": [1]}, "x: value (1 and list)"),
        ({"x": [1, 2, 3]}, {"x": [1, 5, 3]}, "x[1]: value (2 and 5)"),
        ({"x": [1, 2]}, {"x": [1, 2, 3]}, "x: value (2 and 3 items)"),
        ({"x": {"a": 1}}, {"x": {"a": 2}}, "x.a: value (1 and 2)"),
        ({"x": {"a": 1}}, {"x": {"b": 1}}, "x.a: only before"),
        ({"x": {5: 1}}, {"x": {5: 2}}, "x[5]: value (1 and 2)"),
        ({"x": [1]}, {"x": (1,)}, "x: value (list and (1,))"),
        ({"x": OrderedDict(a=1, b=2)}, {"x": OrderedDict(b=2, a=1)}, "x: order"),
        ({"x": {"a": 1, "b": 2}}, {"x": {"b": 2, "a": 1}}, "x: order"),
        ({"x": {1, 2}}, {"x": {1, 3}}, "x[1]: value (2 and 3)"),
        ({"x": Box(1)}, {"x": Box(2)}, "x.parts[0]: value (1 and 2)"),
        ({"x": Meter(1.0)}, {"x": Meter(2.0)}, "x.total: value (1.0 and 2.0)"),
        ({"x": bytearray(b"a")}, {"x": bytearray(b"b")}, "x: value"),
    ],
)
def test_a_difference_is_named(before: Names, after: Names, difference: str) -> None:
    assert difference in found(before, after)


def test_sharing_is_a_difference_of_identity() -> None:
    one: list[int] = []

    assert found({"x": [one, one]}, {"x": [[], []]}) == ["x[1]: identity"]
    assert found({"x": [[], []]}, {"x": [one, one]}) == ["x[1]: identity"]


def test_what_never_changes_has_no_identity() -> None:
    inner: list[int] = []
    box = Box()
    shared = (inner, 1)

    assert found({"x": [shared, shared]}, {"x": [(inner, 1), (inner, 1)]}) == []
    assert found({"x": [box.get, box.get], "box": box}, {"x": [box.get] * 2, "box": box}) == []


def test_sets_are_compared_whatever_their_order() -> None:
    words = [f"word{place}" for place in range(40)]

    assert found({"x": set(words)}, {"x": set(words[20:]) | set(words)}) == []


def test_names_that_a_probe_brought_may_be_left_aside() -> None:
    assert found({"x": 1}, {"x": 1, "probe": []}) == ["probe: only after"]
    assert found({"x": 1}, {"x": 1, "probe": []}, allow_new_names=True) == []
    assert found({"x": Box()}, {"x": Box(1)}, allow_new_names=True) != []


def test_no_more_than_the_limit_is_named() -> None:
    assert len(found({"x": list(range(50))}, {"x": list(range(1, 51))}, limit=3)) == 3


def test_a_graph_of_a_later_format_is_refused() -> None:
    data = bytearray(Program({}).walk().graph.to_bytes())
    assert data[1] == 1
    data[1] = 99

    with pytest.raises(FormatTooNew):
        Graph.from_bytes(bytes(data))


def test_a_graph_is_the_same_after_it_was_written_and_read() -> None:
    graph = Program({"x": Box({1: [2]}, "\ud800", {"\udcff": 1}), "l": [float("nan")] * 1000}).walk().graph

    again = Graph.from_bytes(graph.to_bytes())

    assert again.to_bytes() == graph.to_bytes()
    assert again.canonical() == graph.canonical()
