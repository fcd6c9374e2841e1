"""Records that are taken out of what counts: in files, in their descriptions, and in whatever is derived."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flor.entities import RunId, Source
from flor.query import frame
from flor.runs import cache, chunks, cutting, metadata, packs, supersede
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from flor.runs.metadata import Cut, RunMetadata
from flor.runs.schema import RECORDS
from unit.runs import given


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / ".flor")


def _seal(layout: Layout, run: str, count: int, **fields: object) -> Path:
    facts = {"journals": {f"{run}.0.0": count}, "names": {"loss": count}, "loops": {"epoch": "index"}}
    return given.seal(layout, run, given.losses(count), **(facts | fields))


def test_records_put_together_in_packs_are_believed_only_as_they_are_now(layout: Layout) -> None:
    runs = [f"{number:016x}" for number in range(packs.WORTHWHILE + 1)]
    for number, run in enumerate(runs):
        _seal(layout, run, 3, tstamp=number)
    assert len(frame.dataframe(Catalog.open(layout), ("loss",))) == 3 * len(runs)
    assert packs.find(layout)

    supersede.mark(layout, RunId(runs[7]), 0, 0, 1)

    found = frame.dataframe(Catalog.open(layout), ("loss",))
    assert len(found) == 3 * len(runs) - 2
    assert Catalog.open(layout).names == {"loss": 3 * len(runs) - 2}


def test_of_a_large_run_no_superseded_record_slips_through(layout: Layout) -> None:
    count = chunks.LARGE_ROWS + 10_000
    _seal(layout, "a" * 16, count)
    supersede.mark(layout, RunId("a" * 16), 0, 0, count - 100)

    listed = Catalog.open(layout)

    assert sum(len(chunk.table) for chunk in listed.chunks(["loss"])) == count - 100
    assert sum(len(chunk.table) for chunk in listed.chunks(["loss"], sources=tuple(Source))) == count
    assert len(frame.dataframe(listed, ("loss",))) == count - 100


def test_a_file_is_told_from_the_one_that_it_replaces_however_slow_the_clock(layout: Layout) -> None:
    path = _seal(layout, "a" * 16, 3)
    assert len(Catalog.open(layout).find("a").values) == 0
    future = path.stat().st_mtime_ns + 10**12
    os.utime(path, ns=(future, future))

    supersede.mark(layout, RunId("a" * 16), 0, 0, 1)

    assert path.stat().st_mtime_ns == future + 1
    assert Catalog.open(layout).names == {"loss": 1}


def test_a_description_names_only_loops_that_are_left_and_those_around_them(layout: Layout) -> None:
    loops = {"epoch": "index", "epoch/step": "none", "epoch/extra": "index", "late": "index"}
    kept, late = given.losses(3, path="epoch/step", it=[1, 1]), given.losses(2, path="late")
    rows = [row | {"seq": seq} for seq, row in enumerate([*kept.to_pylist(), *late.to_pylist()], 1)]
    table = pa.Table.from_pylist(rows, schema=RECORDS)
    journals = {"a" * 16 + ".0.0": 5}
    path = given.seal(layout, "a" * 16, table, journals=journals, loops=loops)

    supersede.mark(layout, RunId("a" * 16), 0, 0, 3)

    about = cache.read_metadata(path)
    assert about.loops == {"epoch": "index", "epoch/step": "none"}
    assert (about.rows, about.superseded, about.names) == (5, 2, {"loss": 3})
    assert (about.journals, about.cuts) == (journals, [Cut("a" * 16 + ".0.0", 3, 6)])


def test_a_run_of_which_nothing_counts_any_more_is_still_a_run(layout: Layout) -> None:
    _seal(layout, "a" * 16, 3)

    marked = supersede.mark(layout, RunId("a" * 16), 0, 0, 0)

    assert (len(marked.records), marked.first_seq) == (3, 4)
    [run] = Catalog.open(layout).runs
    assert (dict(run.values), Catalog.open(layout).names) == ({}, {})


def test_what_was_answered_in_hindsight_stays(layout: Layout) -> None:
    path = given.seal(
        layout, "a" * 16, given.losses(3, source="replay"), journals={"a" * 16 + ".0.0": 3}, names={"loss": 3}
    )

    marked = supersede.mark(layout, RunId("a" * 16), 0, 0, 1)

    assert len(marked.records) == 0
    assert set(pq.read_table(path)["source"].to_pylist()) == {"replay"}


@pytest.mark.parametrize(
    ("known", "cut", "is_lacking"),
    [
        ([], Cut("j.0.0", 5, 9), True),
        ([], Cut("j.0.0", 10, 12), False),
        ([], Cut("k.0.0", 5, 9), False),
        ([Cut("j.0.0", 5, 9)], Cut("j.0.0", 5, 9), False),
        ([Cut("j.0.0", 5, 9)], Cut("j.0.0", 6, 8), False),
        ([Cut("j.0.0", 5, 9)], Cut("j.0.0", 4, 9), True),
        ([Cut("j.0.0", 5, 9)], Cut("j.0.0", 5, 11), True),
        ([Cut("j.0.0", 5, 11)], Cut("j.0.0", 5, 99), False),
        ([Cut("k.0.0", 5, 11)], Cut("j.0.0", 5, 11), True),
    ],
)
def test_a_file_lacks_a_cut_that_reaches_further_into_it_than_those_it_knows(
    known: list[Cut], cut: Cut, is_lacking: bool
) -> None:
    content = given.described("j", 10, journals={"j.0.0": 10}, cuts=known)
    part: RunMetadata = metadata.unpack(content, "")

    assert cutting.lacking(part, [cut]) == [cut] * is_lacking
