"""Listing runs, and sealing those that have ended on the way."""

import errno
from pathlib import Path

import pytest

from flor.entities import RunId
from flor.runs.catalog import Catalog, seal_run
from flor.runs.layout import Layout, SealedName
from flor.runs.liveness import LockFile
from unit.runs.given import ended


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / ".flor")


def recorded(layout, count):
    """The journals of runs that have ended: run 0 logged 0.0, run 1 1.0, ..."""
    return [ended(layout, f"{number:016x}", float(number), number + 1) for number in range(count)]


def losses(catalog):
    return [value for chunk in catalog.chunks(["loss"]) for value in chunk.table["vf"].to_pylist()]


def test_hundreds_of_runs_that_ended_are_sealed_each_in_its_file(layout):
    recorded(layout, 600)

    catalog = Catalog.open(layout)

    assert sorted(losses(catalog)) == [float(number) for number in range(600)]
    assert [run.values["loss"] for run in catalog.runs] == [float(number) for number in range(600)]
    assert len(list(layout.sealed.glob("*.parquet"))) == 600
    assert list(layout.journals.iterdir()) == []
    assert list(layout.sealed.glob("*.tmp")) == []


def test_a_list_right_after_sealing_is_that_of_the_sealed_files(layout):
    recorded(layout, 3)

    first, again = Catalog.open(layout), Catalog.open(layout)

    assert first.entries == again.entries
    assert losses(first) == losses(again)


def test_what_shows_progress_is_given_the_runs_that_are_sealed(layout):
    names = recorded(layout, 3)
    alive = LockFile(layout.lock(names[0]))
    seen = []

    def progress(runs):
        seen.append(len(runs))
        yield from runs

    Catalog.open(layout, progress=progress)
    Catalog.open(layout, progress=progress)

    assert seen == [2]
    alive.release()


def test_a_store_that_is_only_looked_at_stays_as_it_is(layout):
    recorded(layout, 2)
    before = sorted(layout.home.rglob("*"))

    catalog = Catalog.open(layout, seal=False)

    assert losses(catalog) == [0.0, 1.0]
    assert [
        path for path in sorted(layout.home.rglob("*")) if layout.cache not in (path, path.parent)
    ] == before


def test_where_one_file_cannot_be_put_in_its_place_no_record_is_lost_or_doubled(layout, monkeypatch):
    names = recorded(layout, 5)
    last = layout.sealed_file(SealedName(names[3].run, 0))
    replace = Path.replace

    def replace_until_the_disk_is_full(path, target):
        if target == last:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_until_the_disk_is_full)
        catalog = Catalog.open(layout)

    assert catalog.problems == ("Ended runs cannot be sealed: [Errno 28] No space left on device",)
    assert 0 < len(list(layout.sealed.glob("*.parquet"))) < 5
    assert sorted(losses(catalog)) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert list(layout.sealed.glob("*.tmp")) == []
    assert sorted(losses(Catalog.open(layout))) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert list(layout.journals.iterdir()) == []


def test_a_late_journal_becomes_a_further_part(layout):
    [name] = recorded(layout, 1)
    content = layout.journal(name).read_bytes()
    Catalog.open(layout)
    layout.journal(name).write_bytes(content)
    ended(layout, name.run, 7.0)
    layout.journal(name).rename(layout.journals / f"{name.run}.1.0.journal")

    catalog = Catalog.open(layout)

    assert [str(part) for part in catalog.entry(name.run).parts] == [f"{name.run}.0", f"{name.run}.1"]
    assert sorted(losses(catalog)) == [0.0, 7.0]


def test_one_run_can_be_sealed_by_itself(layout):
    first, second = recorded(layout, 2)

    seal_run(layout, first.run)

    assert layout.sealed_file(SealedName(first.run, 0)).exists()
    assert layout.journal(second).exists()


def test_a_run_that_is_alive_is_not_sealed(layout):
    [name] = recorded(layout, 1)
    lock = LockFile(layout.lock(name))

    seal_run(layout, name.run)
    seal_run(layout, RunId("f" * 16))

    assert layout.journal(name).exists()
    lock.release()
