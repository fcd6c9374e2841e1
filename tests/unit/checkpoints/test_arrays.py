"""numpy and its generators: values, memory that arrays share, and who draws from which bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unit.checkpoints.programs import Program, came_back, put_back

Names = dict[str, Any]


def test_arrays_of_every_form_come_back() -> None:
    def build() -> Names:
        return {"a": np.zeros(3)}

    values = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "empty": np.zeros((0, 4), np.float32),
        "scalar0d": np.array(5),
        "complex": np.array([1j, np.nan]),
        "text": np.array(["a", "bcd"]),
        "dates": np.array(["2026-01-01"], "datetime64[D]"),
        "records": np.array([(1, 2.0)], [("i", "i4"), ("f", "f8")]),
        "objects": np.array([{"a": 1}, [1], None], object),
        "bool": np.array([True, False]),
        "half": np.array([1.5], np.float16),
        "axes": np.moveaxis(np.arange(24).reshape(2, 3, 4), 0, 2).copy(order="K"),
        "swapped": np.arange(3, dtype=">i4"),
        "joined": np.stack([np.arange(6.0).reshape(2, 3, order="F")]),
    }

    def change(names: Names) -> None:
        names.update({name: value.copy(order="K") for name, value in values.items()})
        names["joined"] = np.concatenate([values["joined"]])
        names["a"][1] = -0.0

    for program in came_back(build, change):
        for name, value in values.items():
            found = program.names[name]
            assert (found.dtype, found.shape, found.strides) == (value.dtype, value.shape, value.strides), (
                name
            )
            assert found.tolist() == value.tolist() or name == "complex", name
        assert np.signbit(program.names["a"][1])


def test_views_share_memory_with_their_base() -> None:
    def build() -> Names:
        base = np.arange(12.0).reshape(3, 4)
        return {"base": base, "row": base[1], "turned": base.T}

    def change(names: Names) -> None:
        names["row"][0] = 100
        names["part"] = names["base"][::2, ::-1]
        names["own"] = np.asfortranarray(np.ones((2, 3)))
        names["own_row"] = names["own"][1]
        names["bytes"] = np.frombuffer(b"abcd", np.uint8)
        names["locked"] = np.ones(2)
        names["locked"].flags.writeable = False

    for program in came_back(build, change):
        names = program.names
        assert names["base"][1, 0] == 100
        for view, base in (("row", "base"), ("turned", "base"), ("part", "base"), ("own_row", "own")):
            assert np.shares_memory(names[view], names[base]), view
        names["base"][1, 0] = 7
        assert (names["row"][0], names["turned"][0, 1]) == (7, 7)
        assert names["bytes"].tolist() == [97, 98, 99, 100]
        assert not names["locked"].flags.writeable


def test_files_mapped_for_reading_come_back_by_their_names(tmp_path: Path) -> None:
    np.arange(100, dtype=np.uint16).tofile(tmp_path / "data.bin")
    np.save(tmp_path / "data.npy", np.arange(12.0).reshape(3, 4))

    def build() -> Names:
        data = np.memmap(tmp_path / "data.bin", np.uint16, "r")
        return {"data": data, "plain": np.asarray(data)[3:]}

    def change(names: Names) -> None:
        data = names["data"]
        names.update(part=data[10:20:3], part_of_part=data[5:][1:4], plain=np.asarray(data)[7:])
        names["table"] = np.load(tmp_path / "data.npy", mmap_mode="r")[:, 1]

    for program in came_back(build, change):
        found = {name: np.array(value).tolist() for name, value in program.names.items() if name != "data"}
        assert found["plain"][:2] in ([3, 4], [7, 8])
        if "part" in found:
            assert (found["part"], found["part_of_part"]) == ([10, 13, 16, 19], [6, 7, 8])
            assert (found["table"], type(program.names["part"])) == ([1.0, 5.0, 9.0], np.memmap)


@pytest.mark.parametrize("mode", ["r+", "c", "w+"])
def test_files_mapped_for_writing_cannot_be_kept(mode: Any, tmp_path: Path) -> None:
    np.arange(100, dtype=np.uint16).tofile(tmp_path / "data.bin")
    data: Any = np.memmap(tmp_path / "data.bin", np.uint16, mode, shape=(100,))
    data.setflags(write=False)

    opaque = Program({"data": data}).keep().opaque

    assert [(one.path, one.reason) for one in opaque] == [("data", "it is a file in memory")]


def test_scalars_dtypes_and_functions() -> None:
    values = {
        "float": np.float32(0.1),
        "int": np.int64(2**40),
        "date": np.datetime64("2026-01-01T00:00", "ns"),
        "text": np.str_("ab"),
        "dtype": np.dtype([("a", "i4")]),
        "ufunc": np.add,
        "function": np.mean,
        "bool": np.True_,
    }

    def change(names: Names) -> None:
        names.update(values)

    for program in came_back(dict, change):
        for name, value in values.items():
            assert type(program.names[name]) is type(value)
            assert program.names[name] == value


def test_generators_share_their_bits() -> None:
    def build() -> Names:
        np.random.seed(1)
        bits = np.random.PCG64(5)
        return {"bits": bits, "one": np.random.Generator(bits), "two": np.random.Generator(bits)}

    def change(names: Names) -> None:
        names["one"].normal()
        np.random.normal()
        names["legacy"] = np.random.RandomState(3)
        names["legacy"].normal()
        names["shared"] = np.random.RandomState(names["legacy"]._bit_generator)
        names["expected"] = [drawn(names, each) for each in ("one", "legacy")]

    def drawn(names: Names, name: str) -> Any:
        import copy

        return copy.deepcopy(names[name]).normal()

    for program in came_back(build, change):
        names = program.names
        assert names["one"].bit_generator is names["two"].bit_generator is names["bits"]
        assert names["shared"]._bit_generator is names["legacy"]._bit_generator
        assert [drawn(names, each) for each in ("one", "legacy")] == names["expected"]


def test_a_generator_that_spawned_children_goes_on_with_the_next() -> None:
    program = Program({"rng": np.random.default_rng(1)})
    program.names["children"] = program.names["rng"].spawn(2)
    kept = program.keep()

    fresh = Program({"rng": np.random.default_rng(1)})
    put_back(fresh, kept)

    drawn = [each.names["rng"].spawn(1)[0].random() for each in (program, fresh)]
    assert drawn[0] == drawn[1]
    assert [each.random() for each in fresh.names["children"]] == [
        each.random() for each in program.names["children"]
    ]


@pytest.mark.parametrize("make", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM])
def test_every_bit_generator_goes_on_where_it_was(make: Callable[[int], Any]) -> None:
    def change(names: Names) -> None:
        names["rng"].integers(10, dtype=np.int32)
        names["rng"].normal(size=3)

    def build() -> Names:
        return {"rng": np.random.Generator(make(1))}

    drawn = [program.names["rng"].random(5).tolist() for program in came_back(build, change)]
    assert drawn[0] == drawn[1]


def test_a_seeded_global_generator_is_the_same_in_two_copies_of_a_program() -> None:
    np.random.seed(5)
    first = Program({}).keep()
    np.random.seed(5)

    assert Program({}).differences(first) == []


def test_an_array_resized_in_place_is_put_back_or_named() -> None:
    program = Program({"a": np.arange(4)})
    kept = program.keep()
    program.names["a"].resize(8, refcheck=False)

    put_back(program, kept)

    assert program.names["a"].tolist() == [0, 1, 2, 3]
