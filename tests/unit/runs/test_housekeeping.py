import os
import subprocess
import sys
import time

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from flor.entities import RunId
from flor.runs import frames, housekeeping, liveness, packs, parquet, ring, schema
from flor.runs.blobs import keeper
from flor.runs.housekeeping import Reason, Usage
from flor.runs.layout import JournalName, Layout, SealedName
from flor.runs.liveness import LockFile
from flor.runs.packs import Member
from flor.runs.records import Chunk

RUN = RunId("0123456789abcdef")
NAME = JournalName(RUN, 0, 0)
HOUR_S = 3600


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / ".flor")
    for folder in (layout.journals, layout.sealed, layout.cache, layout.blobs):
        folder.mkdir(parents=True)
    return layout


def make(path, content=b"content", age_s=2 * HOUR_S):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def reasons(layout, used_blobs=(), has_repository=True):
    return {item.path: item.reason for item in housekeeping.plan(layout, {RUN}, used_blobs, has_repository)}


def test_runs_and_journals_never_go(layout):
    make(layout.sealed_file(SealedName(RUN, 0)))
    make(layout.journal(NAME))
    make(layout.lock(NAME))

    assert reasons(layout) == {}


def test_the_whole_cache_can_go(layout):
    path = make(layout.cache / "deep" / "part.parquet", age_s=0)

    assert reasons(layout) == {path: Reason.DERIVED}


def test_an_old_temporary_file_can_go_and_a_young_one_stays(layout):
    old = make(layout.sealed / "x.parquet.1.tmp")
    make(layout.sealed / "y.parquet.1.tmp", age_s=0)

    assert reasons(layout) == {old: Reason.TEMPORARY}


def test_a_lock_without_its_journal_can_go(layout):
    lock = make(layout.lock(NAME))

    assert reasons(layout) == {lock: Reason.LOCK}


def test_the_lock_of_a_resumption_goes_when_nobody_holds_it(layout):
    held = LockFile(make(layout.resume_lock(RUN)))
    os.utime(held.path, (0, 0))
    assert reasons(layout) == {}

    held.abandon()

    assert reasons(layout) == {held.path: Reason.LOCK}


def test_a_blob_that_no_run_names_can_go(layout):
    used, unused = make(layout.blob("ab" * 16, "npy")), make(layout.blob("cd" * 16, "png"))
    make(layout.blob("ef" * 16, "npy"), age_s=0)

    assert reasons(layout, {used.stem}) == {unused: Reason.UNREFERENCED}


def test_no_blob_goes_while_it_is_not_known_which_are_used(layout):
    make(layout.blob("ab" * 16, "npy"))

    assert reasons(layout, None) == {}


@pytest.fixture
def ring_of_a_dead_process():
    """The ring that a killed process of run RUN left, made by that process."""
    code = (
        "import os; from flor.entities import RunId; from flor.runs import ring;"
        "from flor.runs.layout import JournalName;"
        f"print(ring.create(JournalName(RunId('{RUN}'), 0, 0)).path); os._exit(0)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    [path] = [path for folder in ring.folders() for path in folder.glob(f"flor-*-{NAME}.ring")]
    yield path
    path.unlink(missing_ok=True)
    assert output


def test_shared_memory_that_was_written_out_can_go(layout, ring_of_a_dead_process):
    assert reasons(layout) == {ring_of_a_dead_process: Reason.RING}


def test_shared_memory_that_a_journal_still_needs_stays(layout, ring_of_a_dead_process):
    make(layout.journal(NAME))

    assert reasons(layout) == {}


def test_shared_memory_of_another_store_stays(layout, ring_of_a_dead_process):
    assert housekeeping.plan(layout, set(), (), has_repository=True) == []


def test_the_time_stamp_of_a_run_that_is_gone_can_go(layout):
    header = frames.pack_facts(frames.HEADER, {"format": 1, "tstamp": 17})
    make(layout.journal(NAME), header)
    make(layout.journals / "17.stamp")
    make(layout.journals / "19.stamp", age_s=0)
    gone = make(layout.journals / "18.stamp")

    assert reasons(layout) == {gone: Reason.STAMP}


def test_a_journal_that_cannot_be_read_keeps_no_time_stamp(layout):
    make(layout.journal(NAME), b"damaged")
    stamp = make(layout.journals / "17.stamp")

    assert reasons(layout) == {stamp: Reason.STAMP}


def owing(layout, run=RUN):
    facts = {"run": run, "host": liveness.host_name(), "boot": liveness.boot_id(), "pid": 1}
    return make(layout.owed / f"{run}.json", msgspec.json.encode(facts), age_s=0)


def test_what_a_killed_run_owes_stays_while_a_repository_can_take_it(layout):
    owing(layout)

    assert reasons(layout) == {}


def test_what_a_killed_run_owes_can_go_where_no_repository_takes_it(layout):
    owed = owing(layout)

    assert reasons(layout, has_repository=False) == {owed: Reason.OWED}


def test_what_a_living_run_owes_stays(layout):
    owing(layout)
    lock = LockFile(layout.lock(NAME))

    assert reasons(layout, has_repository=False) == {}
    lock.release()


def test_what_nobody_can_read_is_owed_to_nobody(layout):
    damaged = make(layout.owed / f"{RUN}.json", b"{")
    half = make(layout.owed / f"{RUN}.new", b"{")
    make(layout.owed / "fedcba9876543210.json", b"{", age_s=0)

    assert reasons(layout) == {half: Reason.TEMPORARY, damaged: Reason.OWED}


def test_the_blobs_that_records_name_are_used(layout):
    reference = keeper(layout)(np.zeros(2_000))
    text = msgspec.json.encode(reference).decode()
    row = {"seq": 1, "ts": 1, "rank": 0, "process": 0, "name": "w", "path": "", "it": [], "source": "log"}
    rows = [row | {"kind": "blob", "vs": text}, row | {"kind": "text", "vs": "not JSON"}]

    used = housekeeping.used_blobs([Chunk((), pa.Table.from_pylist(rows, schema=schema.RECORDS), ())])

    assert used == {reference.hash}


def test_the_files_of_a_run_are_all_of_its_and_only_its(layout):
    own = [
        make(layout.sealed_file(SealedName(RUN, 0))),
        make(layout.sealed_file(SealedName(RUN, 1))),
        make(layout.journal(NAME)),
        make(layout.lock(NAME)),
    ]
    make(layout.sealed_file(SealedName(RunId("0123456789abcde0"), 0)))

    assert housekeeping.files_of(layout, RUN) == own


def test_the_caches_of_a_run_are_the_packs_it_is_in_and_the_summary_of_all(layout):
    other = RunId("fedcba9876543210")
    members = []
    for run in (RUN, other):
        path = layout.sealed_file(SealedName(run, 0))
        parquet.write(path, schema.RECORDS.empty_table(), b"{}")
        stat = path.stat()
        members.append(Member(f"{run}.0", stat.st_size, stat.st_mtime_ns, 0))
    packs.make(layout, members[:1])
    [own] = packs.find(layout)
    packs.make(layout, members[1:])
    summary = make(layout.cache / "catalog")

    assert housekeeping.caches_of(layout, [RUN]) == [summary, own.path]


def test_deleting_passes_over_what_is_already_gone(layout):
    path = make(layout.cache / "part", b"12345")

    assert housekeeping.delete([path, layout.cache / "gone"]) == 5
    assert not path.exists()


def test_usage_counts_files_and_bytes_of_each_folder(layout):
    make(layout.sealed / "a.parquet", b"123")
    make(layout.blobs / "xx" / "b.npy", b"4567")

    usage = {folder.folder: folder for folder in housekeeping.usage(layout)}

    assert usage["runs"] == Usage("runs", 1, 3)
    assert usage["blobs"] == Usage("blobs", 1, 4)
    assert usage["reports"] == Usage("reports", 0, 0)
