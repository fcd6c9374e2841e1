"""Every kind of name and value, through a real run and back."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flor.errors import Unreadable
from flor.runs.blobs import Blob
from workplace import Workplace

BEGIN = "import datetime as dt, math, sys, flor\nimport numpy as np\n"


def _logged(place: Workplace, *expressions: str, begin: str = "") -> list[Any]:
    """What comes back in the cells of a data frame for these values, each under a name of its own."""
    lines = [f"flor.log('v{i}', {expression})" for i, expression in enumerate(expressions)]
    place.run(BEGIN + begin + "\n" + "\n".join(lines))
    frame = place.frame(*(f"v{i}" for i in range(len(lines))))
    return [frame[f"v{i}"].astype(object)[0] for i in range(len(lines))]


def _is_same(found: Any, expected: Any) -> bool:
    """Equal in value, type and bits."""
    if isinstance(expected, float):
        return isinstance(found, float) and np.float64(found).tobytes() == np.float64(expected).tobytes()
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_is_same, found, expected))
    return type(found) is type(expected) and found == expected


PLAIN: list[Any] = [
    0, 1, -1, 2**63 - 1, -(2**63), 2**63, 2**200, -(2**200), 10**4000, True, False,
    0.1, -0.0, 1e-320, 1.7976931348623157e308, math.inf, -math.inf, 5e-324,
    "", "text", "a\nb\r\tc", "quote ' \" `", "é ü \U0001f600 \u2028", "nul\x00inside",
    "x" * 27, "x" * 28, "x" * 29,
    b"", b"\x00\xff", [], [1, [2, [3.5, None, "x"]]], {"k": {"n": [1, 2]}}, {"": 0, "a b": 1, "é": 2},
    {"__flor__": "bytes", "value": 1}, [math.inf, -0.0], [2**100, b"\x01"], "\ud800 lone",
]  # fmt: skip


def test_plain_values_come_back_bit_for_bit(place: Workplace) -> None:
    found = _logged(
        place, *(repr(value).replace("inf", "math.inf") for value in PLAIN), begin="inf = math.inf"
    )

    assert [
        expected for value, expected in zip(found, PLAIN, strict=True) if not _is_same(value, expected)
    ] == []


def test_nan_and_none_are_told_apart_by_sql(place: Workplace) -> None:
    place.run(BEGIN + "flor.log('x', float('nan'))\nflor.log('y', None)\nflor.log('z', [float('nan')])")

    assert [(row.name, row.kind) for row in place.rows()] == [("x", "float"), ("y", "null"), ("z", "json")]
    assert math.isnan(place.values("x")[0])
    assert math.isnan(place.values("z")[0][0])


OTHER = {
    "(1, 2)": [1, 2],
    "{3}": [3],
    "frozenset([4])": [4],
    "bytearray(b'ab')": b"ab",
    "dt.datetime(2026, 1, 2, 3, 4, 5, 6)": dt.datetime(2026, 1, 2, 3, 4, 5, 6),
    "dt.date(2026, 1, 2)": dt.date(2026, 1, 2),
    "[dt.time(1, 2), dt.timedelta(1, 2, 3), dt.date(2026, 1, 1), 1 + 2j]": [
        dt.time(1, 2), dt.timedelta(1, 2, 3), dt.date(2026, 1, 1), 1 + 2j,
    ],
    "{1: 'a', (2, 3): 'b', 'line\\nbreak': 'c'}": {1: "a", (2, 3): "b", "line\nbreak": "c"},
    "np.float16(0.1)": float(np.float16(0.1)),
    "np.float32(0.1)": float(np.float32(0.1)),
    "np.float64(0.1)": 0.1,
    "np.longdouble(0.5)": 0.5,
    "np.int8(-3)": -3,
    "np.uint64(2**64 - 1)": 2**64 - 1,
    "np.bool_(True)": True,
    "np.str_('s')": "s",
    "np.datetime64('2026-01-02T03:04:05')": dt.datetime(2026, 1, 2, 3, 4, 5),
    "np.array(1.5)": 1.5,
    "np.array([], dtype=np.float32)": [],
    "np.array([[1, 2], [3, 4]], dtype=np.int8)": [[1, 2], [3, 4]],
    "np.array([0.1], dtype=np.float32)": [float(np.float32(0.1))],
    "np.matrix([[1, 2]])": [[1, 2]],
    "np.array(['a', None], dtype=object)": ["a", None],
    "np.arange(1000)": list(range(1000)),
    "[np.float32(0.5), np.int64(2)]": [0.5, 2],
    "{'a': np.arange(2)}": {"a": [0, 1]},
}  # fmt: skip


def test_values_of_libraries_come_back_as_those_of_python(place: Workplace) -> None:
    found = _logged(place, *OTHER)

    wrong = {
        expression: value
        for (expression, expected), value in zip(OTHER.items(), found, strict=True)
        if not _is_same(value, expected)
    }
    assert wrong == {}


REPRS = {
    "object()": "<object object at",
    "Failing()": "<__main__.Failing whose repr raises ZeroDivisionError>",
    "Point(1, 2)": "Point(x=1, y=2)",
    "[Point(1, 2)]": "[Point(x=1, y=2)]",
    "cyclic": "[1, [...]]",
    "range(3)": "range(0, 3)",
    "len": "<built-in function len>",
    "deep": "[[[[",
    "Evil()": "evil",
}
CLASSES = """
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int

class Failing:
    def __repr__(self): return 1 / 0

class Evil:
    def __getattr__(self, name): raise RuntimeError("attributes are forbidden")
    def __repr__(self): return "evil"

cyclic = [1]
cyclic.append(cyclic)
deep = []
for _ in range(150): deep = [deep]
"""


def test_what_cannot_be_kept_is_kept_as_its_repr_with_one_warning_a_name(place: Workplace) -> None:
    lines = [f"flor.log('v{i}', {text}); flor.log('v{i}', {text})" for i, text in enumerate(REPRS)]
    done = place.run(BEGIN + CLASSES + "\n".join(lines))

    for i, beginning in enumerate(REPRS.values()):
        found = place.rows(f"v{i}")
        assert [row.kind for row in found] == ["repr", "repr"]
        assert found[0].value.startswith(beginning)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("flor: 'v")]
    assert len(warnings) == len(REPRS)
    assert "flor: 'v2': a Point cannot be kept as it is, only its repr" in done.stderr
    assert place.only_run().faults == ()


def test_a_value_counts_as_it_was_at_the_call(place: Workplace) -> None:
    place.run(
        BEGIN
        + """
grown = [1]
flor.log("list", grown); grown.append(2); flor.log("list", grown)
changed = {"a": 1}
flor.log("dict", changed); changed["a"] = 2
array = np.zeros(3); big = np.zeros(5000)
flor.log("array", array); flor.log("big", big)
array[:] = 7; big[:] = 7
assert flor.log("list", grown) is grown
"""
    )

    assert place.values("list") == [[1], [1, 2], [1, 2]]
    assert place.values("dict") == [{"a": 1}]
    assert place.values("array") == [[0.0, 0.0, 0.0]]
    assert place.frame("big")["big"][0].load().tolist() == [0.0] * 5000


def test_bool_int_float_and_text_under_one_name_stay_what_they_are(place: Workplace) -> None:
    place.run(BEGIN + "for v in (True, 1, 1.0, '1', None, [1]):\n    flor.log('x', v)")

    found = place.frame("x")["x"].tolist()
    assert [type(value) for value in found[:4]] == [bool, int, float, str]
    assert found[-1] == [1]
    assert place.values("x") == [True, 1, 1.0, "1", None, [1]]


def test_ten_megabytes_of_text_and_bytes_come_back(place: Workplace) -> None:
    place.run(
        BEGIN + "flor.log('x', 'é' * 5_000_000)\nflor.log('y', bytes(range(256)) * 40_000)\nflor.log('z', 1)"
    )

    assert place.values("x") == ["é" * 5_000_000]
    assert place.values("y") == [bytes(range(256)) * 40_000]
    assert place.values("z") == [1]


ARRAYS = [
    "np.linspace(0, 1, 2000)", "np.arange(3000, dtype=np.int8).reshape(3, -1)",
    "np.zeros((2, 1500), order='F')",
    "np.arange(2000, dtype='>f4')", "np.full(1001, np.nan)", "np.arange(4004, dtype=np.complex64)[::2]",
    "np.array(['text'] * 1500)", "np.arange(1500).astype('datetime64[s]')", "np.zeros(1200, dtype=bool)",
    "np.memmap('mapped', mode='w+', shape=(1500,), dtype=np.uint16)",
]  # fmt: skip


def test_large_arrays_are_blobs_that_load_bit_for_bit(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = _logged(place, *ARRAYS)

    monkeypatch.chdir(tmp_path)  # one of them lies in a file
    expected = [eval(array, {"np": np}) for array in ARRAYS]
    for blob, array in zip(blobs, expected, strict=True):
        assert isinstance(blob, Blob)
        assert (blob.shape, blob.dtype) == (array.shape, str(array.dtype))
        loaded = blob.load()
        assert (loaded.dtype, loaded.shape) == (array.dtype, array.shape)
        assert loaded.tobytes() == array.tobytes()


def test_an_array_is_kept_once_and_a_damaged_one_is_refused(place: Workplace) -> None:
    blobs = _logged(place, "np.ones(5000)", "np.ones(5000)", "np.zeros(5000)")

    files = list(place.layout.blobs.rglob("*.npy"))
    assert len(files) == 2
    assert repr(blobs[0]) == "Blob(shape=(5000,), dtype='float64')"
    content = bytearray(blobs[0].path.read_bytes())
    content[-1] ^= 1
    blobs[0].path.write_bytes(content)
    with pytest.raises(Unreadable, match="damaged"):
        blobs[1].load()
    assert blobs[2].load().tolist() == [0.0] * 5000


NAMES = [
    "quote ' \" `", "semi; DROP TABLE runs; --", "two words", "é \U0001f600", "", " ", "a/b#2%2F",
    "x" * 10_000, "nul\x00",
    "line\nbreak", "tab\t", "select", "100%", "{curly}", "\\ud800", "__flor__", "None",
]  # fmt: skip


def test_any_text_is_a_name(place: Workplace) -> None:
    place.run(BEGIN + f"for i, name in enumerate({NAMES!r}):\n    flor.log(name, i)")

    assert [row.name for row in place.rows()] == NAMES
    assert place.frame(*NAMES).iloc[0, 3:].tolist() == list(range(len(NAMES)))


def test_names_that_are_no_plain_text_are_named_by_their_text(place: Workplace) -> None:
    done = place.run(
        BEGIN
        + """
import enum
class Metric(str, enum.Enum):
    LOSS = "loss"
class Text(str):
    pass
for name in (Metric.LOSS, "loss", Text("loss"), 5, "5", None, ("a", 1), "\\ud800", "\\\\ud800"):
    flor.log(name, 0.5)
    flor.log(name, 7)
for i in flor.loop("\\ud800 'loop' %/#", range(2)):
    flor.log("in", i)
"""
    )

    assert done.stderr == ""
    counts = dict(place.catalog().names)
    assert counts == {"loss": 6, "5": 4, "None": 2, "('a', 1)": 2, "\\ud800": 4, "in": 2}
    assert [row.path for row in place.rows("in")] == ["\\ud800 'loop' %25%2F%23"] * 2


def test_a_name_like_a_fixed_or_loop_column_has_a_column_of_its_own(place: Workplace) -> None:
    place.run(
        BEGIN
        + "for epoch in flor.loop('epoch', range(2)):\n    flor.log('epoch', 10); flor.log('tstamp', 20)"
    )

    frame = place.frame("epoch", "tstamp")
    assert frame["epoch_logged"].tolist() == [10, 10]
    assert frame["tstamp_logged"].tolist() == [20, 20]


def test_missing_times_of_pandas_are_missing(place: Workplace) -> None:
    place.run(BEGIN + "import pandas as pd\nflor.log('t', pd.NaT)\nflor.log('s', pd.Timestamp('2026-01-02'))")

    assert place.values("t") == [None]
    assert place.values("s") == [dt.datetime(2026, 1, 2)]
