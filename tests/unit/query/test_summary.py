import pyarrow as pa

from flor.query.summary import LoopSummary, NameSummary, summarize
from flor.runs import schema
from flor.runs.records import Chunk


def row(name, path="", it=(), kind="float", source="log"):
    fixed = {"seq": 1, "ts": 1, "rank": 0, "process": 0, "vf": None, "vi": None, "vs": None}
    return fixed | {"name": name, "path": path, "it": list(it), "kind": kind, "source": source}


def chunk(*rows):
    return Chunk((), pa.Table.from_pylist(list(rows), schema=schema.RECORDS), ())


def test_names_are_counted_in_each_loop():
    summary = summarize(
        [
            chunk(
                row("lr", source="arg"),
                row("loss", "epoch/step", (1, 1)),
                row("loss", "epoch/step", (1, 2)),
                row("loss", "epoch", (1,), kind="text"),
            )
        ]
    )

    assert summary.record_count == 4
    assert summary.names == (
        NameSummary("lr", "", ("float",), ("arg",), 1),
        NameSummary("loss", "epoch/step", ("float",), ("log",), 2),
        NameSummary("loss", "epoch", ("text",), ("log",), 1),
    )


def test_occurrences_of_a_loop_are_one_loop():
    summary = summarize([chunk(row("loss", "epoch/step", (1, 7)), row("loss", "epoch/step#2", (2, 4)))])

    assert summary.loops == (LoopSummary("epoch", 2), LoopSummary("epoch/step", 7))
    assert [name.count for name in summary.names] == [2]


def test_a_loop_that_holds_only_other_loops_has_iterations_too():
    summary = summarize([chunk(row("x", "a/b/c", (3, 2, 9))), chunk(row("x", "a/b/c", (5, 1, 1)))])

    assert summary.loops == (LoopSummary("a", 5), LoopSummary("a/b", 2), LoopSummary("a/b/c", 9))


def test_rows_without_a_name_count_as_iterations_but_not_as_records():
    summary = summarize([chunk(row(None, "epoch", (4,), source="loop"))])

    assert (summary.record_count, summary.names) == (0, ())
    assert summary.loops == (LoopSummary("epoch", 4),)


def test_a_run_without_records_has_neither():
    assert summarize([chunk()]) == summarize([])


def test_escaped_loop_names_are_read_back():
    summary = summarize([chunk(row("x", "100%25#3", (1,)))])

    assert summary.loops == (LoopSummary("100%", 1),)
