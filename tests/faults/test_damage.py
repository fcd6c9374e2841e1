"""Torn, cut, emptied and bit-flipped files of a store: what is whole is read, and nothing else."""

import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flor.entities import FileState
from flor.errors import FlorWarning
from flor.query import frame as frames_of
from flor.runs import frames
from flor.runs.catalog import Catalog
from flor.runs.check import check
from flor.runs.layout import Layout
from workplace import Row, Workplace, rows_of

SCRIPT = """
import os, time, flor
flor.arg("lr", 0.5)
for epoch in flor.loop("epoch", ["a", "b", "c"]):
    for step in flor.loop("step", [0, 1, 7, 3, 4, 10]):
        flor.log("x", f"{epoch}/{step}")
        flor.log("y", step * 0.5)
    for step in flor.loop("step", range(5)):
        flor.log("z", step)
        flor.log("long", f"{epoch}/{step} " * 40)
    flor.log("big", epoch * 70_000)
    time.sleep(0.3)
for i in flor.loop("late", range(10)):
    flor.log("w", i)
"""
VALUES = {"epoch": ["a", "b", "c"], "step": [[0, 1, 7, 3, 4, 10], list(range(5))], "late": list(range(10))}


class Known:
    """A store whose content is known, as a journal and sealed; no dataclass: what fails is told shortly."""

    def __init__(self, journal: Path, sealed: Path, rows: Counter[tuple[Any, ...]]) -> None:
        self.journal, self.sealed, self.rows = journal, sealed, rows


def _key(row: Row) -> tuple[Any, ...]:
    return row.name, row.path, row.it, row.source, repr(row.value)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    folder = tmp_path_factory.mktemp("known")
    place = Workplace.make(folder / "project", folder, with_git=False)
    place.run(SCRIPT)
    shutil.copytree(place.root / ".flor", folder / "unsealed")
    rows = Counter(_key(row) for row in place.rows() if row.name)
    assert sum(rows.values()) == 1 + 3 * (6 * 2 + 5 * 2 + 1) + 10
    [journal] = (folder / "unsealed" / "journals").glob("*.journal")
    [sealed] = place.layout.sealed.glob("*.parquet")
    return Known(journal, sealed, rows)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


def _store(workshop: Path, folder: str, name: str, content: bytes) -> Layout:
    """A new store that holds one file."""
    home = workshop / str(len(list(workshop.iterdir())))
    (home / folder).mkdir(parents=True)
    (home / folder / name).write_bytes(content)
    return Layout(home)


def _check_rows(layout: Layout, known: Known) -> int:
    """Fail where a row is read that was not recorded, or in another place; how many rows there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FlorWarning)
        catalog = Catalog.open(layout)
        found = Counter(_key(row) for row in rows_of(catalog) if row.name)
        assert found <= known.rows, found - known.rows
        # The values of loops, which may stand in records of their own.
        for name in ("x", "y", "z", "long", "w"):
            _check_loop_values(frames_of.dataframe(catalog, [name]), name)
    return sum(found.values())


def _check_loop_values(frame: pd.DataFrame, name: str) -> None:
    for loop in ("epoch", "step", "late"):
        if loop not in frame or f"{loop}_value" not in frame:
            continue
        values = VALUES[loop]
        if loop == "step":
            values = values[0 if name in "xy" else 1]
        told = frame[[loop, f"{loop}_value"]].dropna()
        assert all(value == values[int(number) - 1] for number, value in told.itertuples(index=False))


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "flip", "cut", "zero", "drop"]), st.floats(0, 1), st.integers(1, 3000)
    ),
    min_size=1,
    max_size=4,
)


def _damaged(content: bytes, faults: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(content)
    for fault, where, size in faults:
        offset = int(where * (len(changed) - 1)) if changed else 0
        if not changed:
            break
        if fault == "flip":
            changed[offset] ^= 1 << size % 8
        elif fault == "cut":
            del changed[offset:]
        elif fault == "zero":
            changed[offset : offset + size] = bytes(len(changed[offset : offset + size]))
        else:
            del changed[offset : offset + size]
    return bytes(changed)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FAULTS)
def test_a_damaged_journal_never_gives_a_wrong_row(
    known: Known, workshop: Path, faults: list[tuple[str, float, int]]
) -> None:
    content = _damaged(known.journal.read_bytes(), faults)
    layout = _store(workshop, "journals", known.journal.name, content)

    _check_rows(layout, known)
    # And neither does what was sealed of it.
    _check_rows(layout, known)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FAULTS)
def test_a_damaged_sealed_file_never_gives_a_wrong_row(
    known: Known, workshop: Path, faults: list[tuple[str, float, int]]
) -> None:
    content = _damaged(known.sealed.read_bytes(), faults)
    layout = _store(workshop, "runs", known.sealed.name, content)

    _check_rows(layout, known)


def test_one_flipped_bit_in_a_journal_costs_one_frame(known: Known, workshop: Path) -> None:
    content = known.journal.read_bytes()
    parts = list(frames.parse(content))
    sizes = [frames.PREFIX.size + len(part.payload) for part in parts if isinstance(part, frames.Frame)]
    assert len(sizes) > 8
    big = next(
        i for i, part in enumerate(parts) if isinstance(part, frames.Frame) and part.magic == frames.BIG
    )
    flipped = bytearray(content)
    flipped[sum(sizes[:big]) + 100] ^= 4
    layout = _store(workshop, "journals", known.journal.name, bytes(flipped))

    assert _check_rows(layout, known) == sum(known.rows.values()) - 1
    [finding] = [one for one in check(layout) if one.state is not FileState.WHOLE and one.role == "sealed"]
    assert "could not be read" in finding.detail


def test_what_is_left_of_a_cut_journal_is_read_and_the_run_is_interrupted(
    known: Known, workshop: Path
) -> None:
    content = known.journal.read_bytes()
    layout = _store(workshop, "journals", known.journal.name, content[: len(content) // 2])

    assert 0 < _check_rows(layout, known) < sum(known.rows.values())
    assert [run.status for run in Catalog.open(layout).runs] == ["interrupted"]


@pytest.mark.parametrize("content", [b"\0" * 500, b"FLRh", b"not a journal"])
def test_a_journal_without_a_header_is_a_problem_and_no_more(
    known: Known, workshop: Path, content: bytes
) -> None:
    layout = _store(workshop, "journals", "0123456789abcdef.0.0.journal", content)
    shutil.copy(known.journal, layout.journals)

    catalog = Catalog.open(layout)

    assert len(catalog.runs) == 1
    assert len(catalog.problems) == 1
    assert "0123456789abcdef.0.0.journal cannot be read" in catalog.problems[0]


def test_an_empty_journal_is_of_a_process_that_was_killed_as_it_began(workshop: Path) -> None:
    layout = _store(workshop, "journals", "0123456789abcdef.0.0.journal", b"")

    assert Catalog.open(layout).runs == ()
    assert Catalog.open(layout).problems == ()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 1000])
def test_a_sealed_file_that_is_none_is_a_problem_and_no_more(
    known: Known, workshop: Path, content: bytes
) -> None:
    layout = _store(workshop, "runs", "0123456789abcdef.0.parquet", content)
    shutil.copy(known.sealed, layout.sealed)

    assert _check_rows(layout, known) == sum(known.rows.values())
    assert len(Catalog.open(layout).problems) == 1


def test_a_damaged_page_is_said_and_the_other_runs_are_read(known: Known, workshop: Path) -> None:
    content = bytearray(known.sealed.read_bytes())
    for offset in range(700, 2000, 50):  # before the description of the run
        content[offset] ^= 1
    layout = _store(workshop, "runs", known.sealed.name, bytes(content))
    shutil.copy(known.sealed, layout.sealed / "0123456789abcdef.0.parquet")

    with pytest.warns(FlorWarning, match="cannot be read"):
        frame = frames_of.dataframe(Catalog.open(layout), ["w"])

    assert frame["w"].tolist() == list(range(10))


def test_a_column_whose_name_is_damaged_is_no_column(known: Known, workshop: Path) -> None:
    content = known.sealed.read_bytes()
    assert content.count(b"process") >= 2
    layout = _store(workshop, "runs", known.sealed.name, content.replace(b"process", b"procesr"))

    assert _check_rows(layout, known) == 0


def test_a_late_part_does_not_write_over_a_damaged_one(known: Known, workshop: Path) -> None:
    name = known.journal.name.split(".")[0]
    layout = _store(workshop, "runs", f"{name}.0.parquet", b"PAR1 damaged PAR1")
    layout.journals.mkdir()
    shutil.copy(known.journal, layout.journals)

    assert _check_rows(layout, known) == sum(known.rows.values())
    assert (layout.sealed / f"{name}.0.parquet").read_bytes() == b"PAR1 damaged PAR1"
    assert (layout.sealed / f"{name}.1.parquet").exists()


def _with_format(content: bytes, version: int) -> bytes:
    first = next(frames.parse(content))
    assert isinstance(first, frames.Frame)
    rest = content[frames.PREFIX.size + len(first.payload) :]
    return frames.pack_facts(frames.HEADER, first.facts() | {"format": version}) + rest


def test_files_of_a_newer_version_are_named_and_hide_no_others(known: Known, workshop: Path) -> None:
    newer = _with_format(known.journal.read_bytes(), 99)
    layout = _store(workshop, "journals", "0123456789abcdef.0.0.journal", newer)
    shutil.copy(known.journal, layout.journals)

    assert _check_rows(layout, known) == sum(known.rows.values())
    [problem] = Catalog.open(layout).problems
    assert "format 99" in problem
    assert (layout.journals / "0123456789abcdef.0.0.journal").exists()


CACHED = ["empty", "noise", "flipped", "cut"]


@pytest.mark.parametrize("fault", CACHED)
def test_a_damaged_cache_makes_itself_anew(known: Known, workshop: Path, fault: str) -> None:
    layout = _store(workshop, "runs", known.sealed.name, known.sealed.read_bytes())
    Catalog.open(layout)
    [cached] = [path for path in layout.cache.rglob("*") if path.is_file()]
    whole = cached.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
    cached.write_bytes(
        {"empty": b"", "noise": b"\xff" * 99, "flipped": flipped, "cut": whole[:middle]}[fault]
    )

    assert _check_rows(layout, known) == sum(known.rows.values())
    assert cached.read_bytes() == whole


def test_damaged_packs_are_not_believed(known: Known, workshop: Path) -> None:
    layout = _store(workshop, "runs", known.sealed.name, known.sealed.read_bytes())
    for number in range(70):
        shutil.copy(known.sealed, layout.sealed / f"{number:016x}.0.parquet")
    expected = 71 * sum(known.rows.values())
    assert len([row for row in rows_of(Catalog.open(layout)) if row.name]) == expected
    packs = list((layout.cache / "packs").iterdir())
    assert packs

    for pack in packs:
        content = bytearray(pack.read_bytes())
        for offset in range(100, len(content) - 1, 997):
            content[offset] ^= 32
        pack.write_bytes(bytes(content))

    assert len([row for row in rows_of(Catalog.open(layout)) if row.name]) == expected


def test_a_store_that_cannot_be_sealed_is_read_all_the_same(known: Known, workshop: Path) -> None:
    layout = _store(workshop, "journals", known.journal.name, known.journal.read_bytes())
    (layout.sealed / "seal.lock").mkdir(parents=True)  # not even the lock can be taken

    assert _check_rows(layout, known) == sum(known.rows.values())
    assert any("cannot be sealed" in problem for problem in Catalog.open(layout).problems)
