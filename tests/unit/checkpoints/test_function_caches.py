"""What `lru_cache` and `cache` remember comes back: results, their order, how often they were asked."""

import fnmatch
from functools import lru_cache
from math import sqrt
from typing import Any

import pytest

from unit.checkpoints.programs import Program, came_back
from unit.checkpoints.project import remembering
from unit.checkpoints.project.remembering import Model, calls, drawn, told

Names = dict[str, Any]


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    for function in (drawn, told, Model.times):
        function.cache_clear()


def test_results_come_back_as_the_objects_they_are_and_go_in_the_order_they_would_have_gone() -> None:
    def build() -> Names:
        drawn.cache_clear()
        return {"drawn": drawn, "first": drawn(1), "calls": calls}

    def change(names: Names) -> None:
        for width in (2, 3, 1, 1, 4):  # 2 is forgotten, then 3 would be
            names["last"] = drawn(width)
        names["last"].append("grown")

    for program in came_back(build, change):
        info = drawn.cache_info()
        calls.clear()
        assert (info.hits, info.misses, info.currsize) == (2, 4, 3)
        assert drawn(4) is program.names["last"] == [4, "grown"]
        assert drawn(1) is program.names["first"]
        assert (calls, drawn(5), drawn(3), calls) == ([5, 3], [5], [3], [5, 3])


def test_keys_of_several_arguments_names_and_types_are_told_apart() -> None:
    def build() -> Names:
        told.cache_clear()
        return {"told": told}

    def change(names: Names) -> None:
        told(1), told(1.0), told("a", 2, x=3, y=None), told(x=1.5), told()

    for _ in came_back(build, change):
        calls.clear()
        assert [told(1), told(1.0), told("a", 2, x=3, y=None), told(x=1.5), told()][1] == "(1.0,) {}"
        assert calls == []
        assert told(y=1.5) == "() {'y': 1.5}"
        assert len(calls) == 1


def test_a_method_remembers_for_each_object() -> None:
    def build() -> Names:
        Model.times.cache_clear()
        return {"models": [Model(2), Model(3)], "times": Model.times}

    def change(names: Names) -> None:
        names["models"][1].times(5)

    for program in came_back(build, change):
        calls.clear()
        assert program.names["models"][1].times(5) == 15
        assert calls == []
        assert program.names["models"][0].times(5) == 10
        assert calls == [(2, 5)]


def test_a_closure_is_not_executed_to_remember() -> None:
    def build() -> Names:
        return {"answer": remembering.remembering(start=0)}

    def change(names: Names) -> None:
        names["answer"](7), names["answer"](8)

    for program in came_back(build, change):
        assert (program.names["answer"](7), program.names["answer"](9)) == (107, 309)


def test_calls_that_raised_and_caches_of_no_size_keep_their_counts() -> None:
    def build() -> Names:
        return {"none": lru_cache(maxsize=0)(abs_of), "failing": lru_cache(abs_of)}

    def change(names: Names) -> None:
        names["none"](-1), names["none"](-1)
        with pytest.raises(TypeError):
            names["failing"]("text")

    for program in came_back(build, change):
        assert program.names["none"].cache_info().misses == 2
        assert program.names["failing"].cache_info()[:2] == (0, 1)
        assert program.names["failing"](-2) == 2


def abs_of(number: Any) -> Any:
    return abs(number)


def test_a_cache_around_a_function_in_c_is_refused_where_it_would_have_to_be_changed() -> None:
    program = Program({"root": lru_cache(sqrt)})
    program.names["root"](4)
    kept = program.keep()
    assert program.restore(kept).refused == []

    program.names["root"].cache_clear()

    assert [one.reason for one in program.restore(kept).refused] == [
        "its function cannot be kept from being executed"
    ]


def test_a_function_of_a_library_for_which_the_program_remembers_is_its_own() -> None:
    def build() -> Names:
        return {"matched": lru_cache(fnmatch.fnmatch)}

    def change(names: Names) -> None:
        names["matched"]("a", "b")

    for program in came_back(build, change):
        assert program.names["matched"].cache_info().currsize in (0, 1)


def test_what_a_library_remembers_is_no_state() -> None:
    program = Program({"compiled": fnmatch._compile_pattern})  # type: ignore[attr-defined]
    before = program.fingerprint()
    fnmatch.fnmatch("a", "a*b*c")

    assert program.fingerprint() == before
