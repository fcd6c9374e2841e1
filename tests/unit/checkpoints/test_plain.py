"""Objects of Python and its library come back: values, order, identity."""

import datetime
import decimal
import io
import itertools
import pathlib
import random
import re
import threading
import uuid
import weakref
from collections import ChainMap, Counter, OrderedDict, UserList, defaultdict, deque
from fractions import Fraction
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from unit.checkpoints.programs import Program, came_back, put_back
from unit.checkpoints.project.objects import (
    AttrDict,
    Borg,
    Box,
    Colour,
    Count,
    DeepSlotted,
    Meter,
    Named,
    Parts,
    Point,
    Table,
    Track,
    Trouble,
)

Names = dict[str, Any]


def test_aliases_and_cycles() -> None:
    def build() -> Names:
        inner: list[Any] = []
        return {"a": [inner], "b": {"x": inner}, "box": Box()}

    def change(names: Names) -> None:
        names["a"][0].append(names["a"])
        names["c"] = names["b"]["x"]
        names["box"].self = names["box"]
        names["new"] = Box(names["box"], names["c"])

    for program in came_back(build, change):
        a, b, box = program.names["a"], program.names["b"], program.names["box"]
        assert a[0] is b["x"] is program.names["c"]
        assert a[0][0] is a
        assert box.self is box
        assert program.names["new"].parts[0] is box


def test_the_order_of_dicts_and_ordered_dicts() -> None:
    def build() -> Names:
        return {"dict": {"a": 1, "b": 2}, "ordered": OrderedDict(a=1, b=2, c=3), "box": Box()}

    def change(names: Names) -> None:
        names["dict"]["a"] = names["dict"].pop("a")
        names["ordered"].move_to_end("a")
        names["ordered"].move_to_end("c", last=False)
        names["box"].z = 1
        names["box"].parts = vars(names["box"]).pop("parts")

    for program in came_back(build, change):
        assert list(program.names["dict"]) == ["b", "a"]
        assert list(program.names["ordered"]) == ["c", "b", "a"]
        assert list(vars(program.names["box"])) == ["z", "parts"]


def test_keys_that_are_objects_of_the_program() -> None:
    def build() -> Names:
        keys = [Box(place) for place in range(3)]
        return {"keys": keys, "state": {key: {"step": 0} for key in keys}}

    def change(names: Names) -> None:
        keys, state = names["keys"], names["state"]
        first = state.pop(keys[0])
        state[keys[2]]["step"] = 7
        state[keys[0]] = first
        state[keys[0]]["step"] = 3
        new = Box("new")
        state[new, 1] = {"step": 9}
        keys.append(new)

    for program in came_back(build, change):
        keys, state = program.names["keys"], program.names["state"]
        assert [state[key]["step"] for key in keys[:3]] == [3, 0, 7]
        assert list(state) == [keys[1], keys[2], keys[0], (keys[3], 1)]


def test_sets_and_their_order() -> None:
    def build() -> Names:
        return {"words": {"alpha", "beta"}, "frozen": frozenset({1, 2}), "boxes": set()}

    def change(names: Names) -> None:
        names["words"] |= {f"word{place}" for place in range(50)}
        names["numbers"] = {place * 3 for place in range(20)} | {1.5, None, (1, 2)}
        names["frozen"] = frozenset({"x", (1, frozenset({2}))})
        names["boxes"].add(Box(1))

    orders = []
    for program in came_back(build, change):
        orders.append([list(program.names["words"]), list(program.names["numbers"])])
        assert program.names["frozen"] == frozenset({"x", (1, frozenset({2}))})
        assert next(iter(program.names["boxes"])).parts == [1]
    assert orders[0] == orders[1]


def test_slots_and_the_attributes_beside_them() -> None:
    def build() -> Names:
        deep = DeepSlotted()
        deep.one, deep.extra = 1, [1]  # type: ignore[attr-defined]
        return {"deep": deep, "meter": Meter()}

    def change(names: Names) -> None:
        deep = names["deep"]
        del deep.one
        deep.two, deep.three, deep.more = deep, deep.extra, 5
        names["meter"].seen.append(names["meter"])
        names["meter"].total = 0.1 + 0.2

    for program in came_back(build, change):
        deep, meter = program.names["deep"], program.names["meter"]
        assert (hasattr(deep, "one"), deep.two is deep, deep.three is deep.extra, deep.more) == (
            False,
            True,
            True,
            5,
        )
        assert (meter.total, meter.seen[0] is meter) == (0.1 + 0.2, True)


def test_an_object_whose_attributes_are_a_dict_known_elsewhere() -> None:
    def build() -> Names:
        Borg.everything.clear()
        box = Box()
        return {"attr": AttrDict(a=1), "one": Borg(), "two": Borg(), "box": box, "vars": vars(box)}

    def change(names: Names) -> None:
        names["attr"].b = names["attr"]
        names["one"].x = 1
        names["vars"]["direct"] = names["vars"]

    for program in came_back(build, change):
        names = program.names
        assert names["attr"]["b"] is names["attr"]
        assert names["attr"].__dict__ is names["attr"]
        assert names["two"].x == 1
        assert vars(names["one"]) is vars(names["two"]) is Borg.everything
        assert names["box"].direct is vars(names["box"]) is names["vars"]


def test_objects_derived_from_builtin_classes() -> None:
    def build() -> Names:
        return {"track": Track([1]), "table": Table(), "count": Counter("aab"), "chain": ChainMap({"a": 1})}

    def change(names: Names) -> None:
        names["track"].append(names["track"])
        names["track"].name = "two"
        names["table"]["k"] = [1]
        names["count"].update("bbb")
        names["chain"]["b"] = 2
        names["int"], names["named"] = Count(7), Named((1, [2]))
        names["int"].note = names["named"].note = names["track"]
        names["point"] = Point(1, names["table"])
        names["list"] = UserList([3])
        names["space"] = SimpleNamespace(a=names["point"])

    for program in came_back(build, change):
        names = program.names
        assert (names["track"][1] is names["track"], names["track"].name) == (True, "two")
        assert (names["table"].data, dict(names["count"]), names["chain"].maps) == (
            {"k": [1]},
            {"a": 2, "b": 4},
            [{"a": 1, "b": 2}],
        )
        assert (names["int"] + 1, names["int"].note is names["track"]) == (8, True)
        assert (tuple(names["named"]), names["named"].note is names["track"]) == ((1, [2]), True)
        assert (names["point"].x, names["point"].y is names["table"]) == (1, True)
        assert names["space"].a is names["point"]


def test_defaultdicts_and_bounded_deques() -> None:
    def build() -> Names:
        return {"default": defaultdict(list), "window": deque([1, 2], maxlen=3)}

    def change(names: Names) -> None:
        names["default"]["a"].append(1)
        names["window"].extend([3, 4])
        names["new"] = deque([names["window"]], 2)

    for program in came_back(build, change):
        assert program.names["default"]["b"] == []
        assert list(program.names["window"]) == [2, 3, 4]
        program.names["window"].append(5)
        assert len(program.names["window"]) == program.names["window"].maxlen == 3
        assert program.names["new"].maxlen == 2


def test_exceptions_without_their_traceback() -> None:
    def build() -> Names:
        return {"error": None}

    def change(names: Names) -> None:
        try:
            raise Trouble("first", names)
        except Trouble as error:
            names["error"] = error
        names["os"] = OSError(2, "No such file")

    for program in came_back(build, change):
        error = program.names["error"]
        assert (type(error), error.args, error.cause_of["os"].args) == (
            Trouble,
            ("first",),
            (2, "No such file"),
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_builtin_iterators_go_on_where_they_were() -> None:
    def build() -> Names:
        source = [1, 2, 3, 4]
        return {
            "source": source,
            "list": iter(source),
            "range": iter(range(9)),
            "enumerate": enumerate([5, 6, 7]),
            "zip": zip([1, 2], "ab", strict=False),
            "count": itertools.count(3),
            "cycle": itertools.cycle("xyz"),
            "slice": itertools.islice(range(9), 1, 8, 2),
            "dict": iter({"a": 1, "b": 2}),
            "reversed": reversed([1, 2, 3]),
        }

    def change(names: Names) -> None:
        for name, iterator in names.items():
            if name != "source":
                next(iterator)
        names["source"].append(5)

    for program in came_back(build, change):
        found = {name: next(each) for name, each in program.names.items() if name != "source"}
        assert found == {
            "list": 2, "range": 1, "enumerate": (1, 6), "zip": (2, "b"), "count": 4, "cycle": "y", "slice": 3,
            "dict": "b", "reversed": 2,
        }  # fmt: skip
        assert list(program.names["list"]) == [3, 4, 5]


def test_objects_of_c_types() -> None:
    values: Names = {
        "datetime": datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC),
        "delta": datetime.timedelta(1.5),
        "decimal": decimal.Decimal("1.10"),
        "fraction": Fraction(1, 3),
        "pattern": re.compile("a+", re.IGNORECASE),
        "path": pathlib.PurePosixPath("a/b"),
        "uuid": uuid.UUID(int=5),
        "range": range(1, 9, 2),
        "slice": slice(1, None),
        "bytes": bytearray(b"abc"),
        "complex": complex(1, -0.0),
        "colour": Colour.BLUE,
        "object": object(),
        "notimplemented": NotImplemented,
        "ellipsis": ...,
        "long": "x" * 5000,
        "surrogate": "\ud800",
        "builtin": len,
        "type": dict,
        "partial": partial(max, 3, key=abs),
    }

    def change(names: Names) -> None:
        names.update(values)

    for program in came_back(dict, change):
        names = program.names
        same = [name for name in values if name not in ("object", "partial") and names[name] != values[name]]
        assert same == []
        assert names["partial"](-5) == -5
        assert type(names["object"]) is object


def test_a_buffer_of_text_keeps_its_position_in_place() -> None:
    def build() -> Names:
        text = io.StringIO("abcdef")
        return {"text": text, "reader": text.read, "bytes": io.BytesIO(b"123456")}

    def change(names: Names) -> None:
        names["text"].read(2)
        names["bytes"].read(3)

    for program in came_back(build, change):
        assert program.names["reader"]() == "cdef"
        assert program.names["bytes"].read() == b"456"


def test_random_generators() -> None:
    class Loaded(random.Random):
        weight = 0.5

    def build() -> Names:
        random.seed(1)
        return {"own": random.Random(2), "loaded": Loaded(3)}

    def change(names: Names) -> None:
        random.gauss(0, 1)
        names["own"].random()
        names["loaded"].gauss(0, 1)
        names["expected"] = [random.getstate()[2], names["own"].getstate(), names["loaded"].getstate()]

    for program in came_back(build, change):
        own, loaded = program.names["own"], program.names["loaded"]
        assert program.names["expected"] == [random.getstate()[2], own.getstate(), loaded.getstate()]


def test_weak_references_and_unheld_locks() -> None:
    def build() -> Names:
        return {"box": Box(), "lock": threading.Lock()}

    def change(names: Names) -> None:
        names["weak"] = weakref.ref(names["box"])
        names["cache"] = weakref.WeakKeyDictionary({names["box"]: 1})
        names["dead"] = weakref.ref(Box())
        names["more"] = threading.RLock()

    for program in came_back(build, change):
        names = program.names
        assert names["weak"]() is names["box"]
        assert dict(names["cache"]) == {names["box"]: 1}
        assert names["dead"]() is None
        assert names["more"].acquire(blocking=False)
        names["more"].release()
        assert not names["lock"].locked()


def test_a_name_without_value_is_unbound_again() -> None:
    from flor.checkpoints.frames import UNBOUND

    program = Program({"x": 1, "y": UNBOUND})
    kept = program.keep()
    program.names = {"x": UNBOUND, "y": 2}

    put_back(program, kept)

    assert program.names == {"x": 1, "y": UNBOUND}


def test_a_million_numbers_are_one_leaf() -> None:
    without = Program({}).walk()

    walked = Program({"history": [float(place) for place in range(1_000_000)]}).walk()

    assert walked.node_count == without.node_count + 1
    assert [leaf.size_bytes for leaf in walked.leaves if leaf.size_bytes > 10**6] == [9_000_005]


def test_modes_are_put_back(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOR_TEST_OF_MODES", "before")
    program = Program({})
    kept = program.keep()
    monkeypatch.setenv("FLOR_TEST_OF_MODES", "after")
    monkeypatch.setenv("FLOR_TEST_OF_MORE", "1")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")

    put_back(program, kept)

    import os

    assert (os.environ["FLOR_TEST_OF_MODES"], os.environ.get("FLOR_TEST_OF_MORE")) == ("before", None)
    assert pathlib.Path.cwd() == tmp_path


def test_a_proxy_shows_the_same_mapping_again() -> None:
    def build() -> Names:
        settings = {"rate": 1}
        return {"settings": settings, "shown": MappingProxyType(settings)}

    def change(names: Names) -> None:
        names["settings"]["rate"] = 2
        names["other"] = MappingProxyType(OrderedDict(a=names["shown"]))

    for program in came_back(build, change):
        program.names["settings"]["rate"] = 3
        assert program.names["shown"]["rate"] == 3
        assert program.names.get("other", {"a": program.names["shown"]})["a"]["rate"] == 3


def test_the_names_of_a_class_behind_a_proxy_cannot_be_kept() -> None:
    opaque = Program({"names": vars(Box)}).keep().opaque

    assert [(one.path, one.reason) for one in opaque] == [("names", "it shows the names of a class")]


def test_several_members_of_a_flag_together() -> None:
    def build() -> Names:
        return {"trained": Parts.HEAD, "frozen": Parts.HEAD | Parts.BODY, "none": Parts(0)}

    def change(names: Names) -> None:
        names.update(trained=names["trained"] | Parts.TAIL, frozen=~Parts.TAIL, none=~Parts(0))

    for program in came_back(build, change):
        names = program.names
        assert names["frozen"] == Parts.HEAD | Parts.BODY
        assert (names["trained"], names["none"]) in (
            (Parts.HEAD, Parts(0)),
            (Parts.HEAD | Parts.TAIL, Parts.HEAD | Parts.BODY | Parts.TAIL),
        )


def test_views_of_a_mapping_show_it_as_it_goes_on() -> None:
    def build() -> Names:
        table: dict[Any, Any] = {"a": 1}
        ordered = OrderedDict([(1, "x"), (2, "y")])
        return {"table": table, "keys": table.keys(), "ordered": ordered, "items": ordered.items()}

    def change(names: Names) -> None:
        names["table"]["b"] = 2
        names["ordered"].move_to_end(1)
        names["values"] = names["table"].values()

    for program in came_back(build, change):
        names = program.names
        names["table"]["c"] = 3
        names["ordered"][3] = "z"
        assert (list(names["keys"])[-1], names["keys"]) == ("c", names["table"].keys())
        assert list(names["items"]) == list(names["ordered"].items())
        assert list(names.get("values", [3]))[-1] == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_iterators_of_different_lengths_go_on_after_one_has_ended() -> None:
    def build() -> Names:
        return {"pairs": itertools.zip_longest(range(2), range(5), (), fillvalue="-")}

    def change(names: Names) -> None:
        for _ in range(3):
            next(names["pairs"])

    rests = [list(program.names["pairs"]) for program in came_back(build, change)]

    assert rests == [[("-", 3, "-"), ("-", 4, "-")]] * 2
