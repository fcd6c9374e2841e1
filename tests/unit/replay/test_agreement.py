"""Two executions of the same part of a program: what agrees, and the first that does not."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from flor.entities import Kind
from flor.replay.agreement import compare
from flor.runs.schema import RECORDS
from flor.runs.values import encode

Logged = tuple[str, Sequence[int], str | None, Any]
STEP, EPOCH = "epoch/step", "epoch"


def table(*logged: Logged) -> pa.Table:
    """Records with these paths, iterations, names and values."""
    rows = [_row(seq, *one) for seq, one in enumerate(logged, 1)]
    return pa.Table.from_pylist(rows, schema=RECORDS)


def _row(seq: int, path: str, it: Sequence[int], name: str | None, value: Any) -> dict[str, Any]:
    kind, payload = encode(value, lambda *_: None)
    fields = {"vf": None, "vi": None, "vs": None}
    if payload is not None:
        column = "vf" if isinstance(payload, float) else "vs" if isinstance(payload, bytes) else "vi"
        fields[column] = payload.decode() if isinstance(payload, bytes) else payload
    common = {"seq": seq, "ts": 1, "rank": 0, "process": 0, "source": "log"}
    return {**common, "path": path, "it": list(it), "name": name, "kind": Kind(kind).name.lower(), **fields}


def said(before: Sequence[Logged], now: Sequence[Logged]) -> list[str]:
    return [str(one) for one in compare(table(*before), table(*now))]


def test_the_same_records_agree_bit_for_bit() -> None:
    nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0001))[0]
    values = [0.1, -0.0, nan, math.inf, 3, 2**100, True, None, "text", [1, 2.5], b"bytes", {"a": 1}]
    logged = [(STEP, (1, n), "x", value) for n, value in enumerate(values, 1)]

    assert said(logged, logged) == []


def test_the_first_difference_of_each_name_is_told_with_its_place() -> None:
    before = [(STEP, (3, 16), "loss", 0.5), (STEP, (3, 17), "loss", 0.26), (STEP, (3, 18), "loss", 0.1)]
    now = [(STEP, (3, 16), "loss", 0.5), (STEP, (3, 17), "loss", 0.25), (STEP, (3, 18), "loss", 0.2)]

    assert said(before, now) == ["epoch 3, step 17: loss 0.25 was 0.26"]
    assert said([("", (), "x", 1), *before], [("", (), "x", 2), *now]) == [
        "x 2 was 1",
        "epoch 3, step 17: loss 0.25 was 0.26",
    ]


def test_what_is_equal_and_not_the_same_differs() -> None:
    other_nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0002))[0]
    for old, new in [(0.0, -0.0), (math.nan, other_nan), (1, 1.0), (1, True), ("1", 1), (None, "None")]:
        [found] = compare(table(("", (), "x", old)), table(("", (), "x", new)))

        assert (found.name, found.before, found.now) == ("x", repr(old), repr(new))


def test_a_name_logged_several_times_in_one_place_is_paired_in_order() -> None:
    before = [(EPOCH, (1,), "x", value) for value in (1, 2, 3)]

    assert said(before, before[:2]) == []
    assert said(before, [*before[:2], (EPOCH, (1,), "x", 4)]) == ["epoch 1: x 4 was 3"]


def test_either_execution_may_have_ended_earlier() -> None:
    whole = [(EPOCH, (n,), name, n) for n in (1, 2, 3) for name in ("x", "y")]

    for end in range(6):
        assert said(whole, whole[:end]) == []
        assert said(whole[:end], whole) == []


def test_what_only_one_execution_has_before_others_of_both_is_a_difference() -> None:
    both = [(EPOCH, (n,), "x", n) for n in (1, 2, 3)]
    more = [*both[:2], (EPOCH, (2,), "y", 0.5), both[2], (EPOCH, (3,), "z", 1)]

    assert said(both, more) == ["epoch 2: y 0.5 was not logged before"]
    assert said(more, both) == ["epoch 2: y is missing, it was 0.5"]


def test_loop_values_and_console_output_are_passed_over() -> None:
    assert said([(EPOCH, (1,), None, "a"), (EPOCH, (1,), "x", 1)], [(EPOCH, (1,), "x", 1)]) == []
    assert said([], [(EPOCH, (1,), "x", 1)]) == []


def test_names_of_loops_are_told_as_they_were_given() -> None:
    before, now = [("a%2Fb#2", (4,), "x", "o" * 100)], [("a%2Fb#2", (4,), "x", "n")]

    assert said(before, now) == [f"a/b#2 4: x 'n' was '{'o' * 56}..."]
