"""What is superseded is so wholly or not at all, and what cannot be done says so and loses nothing."""

import ctypes
import os
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from faults.killing import Killing
from flor.errors import CannotResume, RunNotFound, Unreadable
from flor.record import reopening
from flor.runs import ring, supersede
from flor.runs.layout import JournalName
from flor.runs.schema import RECORDS
from journeys.going_on import GoingOn
from workplace import Workplace

_PR_CAPBSET_DROP, _MAY_WRITE_ANYWHERE = 24, (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH

MARK = """
    import sys
    from pathlib import Path
    from flor.runs import supersede
    from flor.runs.layout import Layout
    supersede.mark(Layout(Path(".flor")), {run!r}, 0, 0, {seq})
"""
LIMITED = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
"""


@pytest.fixture
def killed(place: Workplace) -> GoingOn:
    """A run that was killed in its fourth epoch."""
    return GoingOn.killed(place)


def test_a_kill_in_the_middle_of_marking_leaves_all_of_it_or_nothing(killed: GoingOn, tmp_path: Path) -> None:
    place = killed.place
    killed.go_on(killed.mark(after_epoch=3).first_seq, 3, 5)
    seq = killed.seq_after("accuracy", 2)
    whole, rows = tmp_path / "whole", _all_rows(place)
    shutil.copytree(place.root / ".flor", whole)
    killing = Killing(place, MARK.format(run=killed.id, seq=seq), "mark.py")
    lines, moments = killing.count_lines(), random.Random(5)
    _bring_back(place, whole)

    outcomes = []
    for part in (0.2, 0.7, 0.9, 0.95, 0.97, 0.99):
        killing.kill_at(int(lines * part) + moments.randrange(20))
        assert _all_rows(place) == rows
        catalog = place.catalog()
        assert catalog.problems == ()
        outcomes.append(place.values("accuracy"))
        assert outcomes[-1] in ([0.0, 10.0, 20.0, 30.0, 40.0], [0.0, 10.0])
        assert outcomes[-1] == list(place.frame("accuracy")["accuracy"])
        supersede.mark(place.layout, killed.id, 0, 0, seq)
        assert place.values("accuracy") == [0.0, 10.0]
        _bring_back(place, whole)
    assert outcomes[0] == [0.0, 10.0, 20.0, 30.0, 40.0]


def test_the_end_of_a_run_is_sealed_once_also_when_a_kill_left_its_journal(killed: GoingOn) -> None:
    place, name = killed.place, JournalName(killed.id, 0, 0)
    killed.go_on(killed.mark(after_epoch=3).first_seq, script="")
    journal = place.layout.journal(name).read_bytes()
    assert place.statuses() == ["finished"]
    before = sorted(path.name for path in place.layout.sealed.glob("*.parquet"))

    place.layout.journal(name).write_bytes(journal)

    assert (place.statuses(), killed.run().resumed) == (["finished"], ("0/0 top(3)",))
    assert sorted(path.name for path in place.layout.sealed.glob("*.parquet")) == before
    assert not place.layout.journal(name).exists()


def test_a_store_that_may_only_be_read_is_neither_marked_nor_gone_on_with(killed: GoingOn) -> None:
    place, before = killed.place, _all_rows(killed.place)
    seq = killed.seq_after("accuracy", 3)
    place.write("mark.py", MARK.format(run=killed.id, seq=seq))
    _set_modes(place.layout.home, 0o555, 0o444)
    try:
        marking = place.python("mark.py", code=1, preexec_fn=_obey_permissions)
        going_on = place.python(*killed.command("", 1_000), code=1, preexec_fn=_obey_permissions)
    finally:
        _set_modes(place.layout.home, 0o755, 0o644)

    for done in (marking, going_on):
        assert "StoreError: The store" in done.stderr
        assert "Make the folder writable" in done.stderr
    assert _all_rows(place) == before
    assert not _rings_of(killed)


def test_a_full_disk_refuses_both_and_leaves_the_run_as_it_was(killed: GoingOn) -> None:
    place, before = killed.place, _all_rows(killed.place)
    seq = killed.seq_after("accuracy", 3)
    place.write("mark.py", LIMITED + MARK.format(run=killed.id, seq=seq))

    marking = place.python("mark.py", code=1)
    going_on = place.python(*killed.command("", 1_000, before=LIMITED), code=1)

    for done in (marking, going_on):
        assert "StoreError: The store" in done.stderr
        assert "File too large" in done.stderr
    assert _all_rows(place) == before
    assert (place.values("accuracy"), place.statuses()) == ([0.0, 10.0, 20.0, 30.0], ["interrupted"])
    assert not list(place.layout.journals.glob("*.journal"))
    assert not _rings_of(killed)


def test_a_damaged_file_refuses_and_stays(killed: GoingOn) -> None:
    [path] = killed.place.layout.sealed.glob("*.parquet")
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(Unreadable):
        supersede.mark(killed.place.layout, killed.id, 0, 0, 10)
    assert path.read_bytes() == content


def test_of_an_unknown_run_nothing_is_marked(killed: GoingOn) -> None:
    with pytest.raises(RunNotFound):
        supersede.mark(killed.place.layout, killed.id[::-1], 0, 0, 10)


def test_only_one_at_a_time_resumes_a_run(killed: GoingOn) -> None:
    layout = killed.place.layout
    claiming = f"""
        from pathlib import Path
        from flor.record import reopening
        from flor.runs.layout import Layout
        with reopening.claim(Layout(Path(".flor")), {killed.id!r}):
            print("claimed", flush=True)
            input()
    """
    killed.place.write("claim.py", claiming)
    first = killed.place.start("claim.py")
    first.wait_for("claimed")

    with (
        pytest.raises(CannotResume, match="another process resumes it"),
        reopening.claim(layout, killed.id),
    ):
        pass
    first.kill()
    with reopening.claim(layout, killed.id):
        refused = killed.place.python("claim.py", code=1)
        assert "CannotResume" in refused.stderr
    with reopening.claim(layout, killed.id):
        pass


def test_what_only_another_user_may_read_is_not_taken_for_all_there_is(killed: GoingOn) -> None:
    killed.go_on(killed.mark().first_seq, code=-9, script=_DYING)
    [path] = _rings_of(killed)
    path.chmod(0)
    killed.place.write("mark.py", MARK.format(run=killed.id, seq=10))
    try:
        done = killed.place.python("mark.py", code=1, preexec_fn=_obey_permissions)
    finally:
        path.chmod(0o600)

    assert "in memory that only another user may read" in done.stderr
    assert killed.place.values("x") == [1, 2]


_DYING = """
    import os, signal
    flor.log("x", 1)
    flor.log("x", 2)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _all_rows(place: Workplace) -> list[tuple[object, ...]]:
    """What stands in the sealed files, whatever counts of it."""
    files = sorted(place.layout.sealed.glob("*.parquet"))
    tables = [pq.read_table(path).select(RECORDS.names) for path in files]
    return [
        (row["seq"], row["path"], *row["it"], row["name"], row["vf"]) for t in tables for row in t.to_pylist()
    ]


def _rings_of(killed: GoingOn) -> list[Path]:
    return [path for folder in ring.folders() for path in folder.glob(f"flor-*-{killed.id}.*.ring")]


def _bring_back(place: Workplace, whole: Path) -> None:
    shutil.rmtree(place.root / ".flor")
    shutil.copytree(whole, place.root / ".flor")


def _obey_permissions() -> None:
    """In a child that may be root's: let it ask for permission like anybody else."""
    if os.geteuid() == 0:
        for capability in _MAY_WRITE_ANYWHERE:
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _set_modes(folder: Path, of_folders: int, of_files: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(of_folders if path.is_dir() else of_files)
