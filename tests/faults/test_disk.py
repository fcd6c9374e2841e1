"""Disks that are full or may only be read."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flor.runs import ring
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from workplace import Workplace

_PR_CAPBSET_DROP = 24
_MAY_WRITE_ANYWHERE = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def _obey_permissions() -> None:
    """In a child that may be root's: let it ask for permission like anybody else."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in _MAY_WRITE_ANYWHERE:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


PLAIN: dict[str, Callable[[], None]] = {"preexec_fn": _obey_permissions}


def _forbid_writing(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def _allow_writing(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


SMALL = "import flor\nfor i in range(100):\n    flor.log('x', flor.arg('lr', 0.5) * i)\n"
X = [0.5 * i for i in range(100)]


def test_a_store_that_may_only_be_read_refuses_a_run_and_is_read(place: Workplace) -> None:
    place.run(SMALL)
    place.run(SMALL)
    _forbid_writing(place.root / ".flor")
    try:
        done = place.python("train.py", code=1, **PLAIN)
        read = place.python("-c", "import flor; print(len(flor.dataframe('x')))", **PLAIN)
    finally:
        _allow_writing(place.root / ".flor")

    assert "flor.errors.StoreError: The store" in done.stderr
    assert "Make the folder writable, set FLOR_HOME to a folder that is, or FLOR_MODE=off" in done.stderr
    assert read.stdout.strip() == "200"
    assert place.values("x") == X * 2
    pid_rings = [path for folder in ring.folders() for path in folder.glob(f"flor-{os.getuid()}-*.ring")]
    assert not [path for path in pid_rings if _is_of(path, place.layout)]


def _is_of(path: Path, layout: Layout) -> bool:
    return any(run.run in path.name for run in Catalog.open(layout).runs)


def test_in_a_repository_that_may_only_be_read_a_home_elsewhere_serves(
    place: Workplace, tmp_path: Path
) -> None:
    place.write("train.py", SMALL)
    _forbid_writing(place.root)
    home = tmp_path / "stores"
    try:
        refused = place.python("train.py", code=1, **PLAIN)
        off = place.python("train.py", env={"FLOR_MODE": "off"}, **PLAIN)
        done = place.python("train.py", env={"FLOR_HOME": str(home), "FLOR_ECHO": "auto"}, **PLAIN)
    finally:
        _allow_writing(place.root)

    assert "StoreError" in refused.stderr
    assert (off.stdout, off.stderr) == ("", "")
    assert not (place.root / ".flor").exists()
    assert "this run has no code version and cannot be replayed" in done.stderr
    [store] = home.iterdir()
    catalog = Catalog.open(Layout(store))
    assert [(run.status.value, run.version) for run in catalog.runs] == [("finished", None)]
    assert sum(len(chunk.table) for chunk in catalog.chunks(["x"])) == 100


def test_a_store_that_becomes_read_only_under_a_live_run_disturbs_nothing(place: Workplace) -> None:
    place.write(
        "train.py",
        "import flor, sys\nflor.log('x', 1)\nprint('begun', flush=True)\ninput()\nflor.log('x', 2)\n",
    )
    process = place.start("train.py", **PLAIN)
    process.wait_for("begun")
    _forbid_writing(place.root / ".flor")
    process.tell()
    code = process.ended()
    _allow_writing(place.root / ".flor")

    assert code == 0
    assert "Traceback" not in process.output[1]
    assert place.values("x") == [1, 2]
    assert place.statuses() == ["finished"]


LIMIT = """
import resource, signal, sys, time, flor
import numpy as np

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

flor.log("x", -1)
time.sleep(0.5)
limit(20_000)
"""
UNLIMITED = "limit(resource.RLIM_INFINITY)\n"


def test_records_wait_for_a_full_disk_to_have_room_again(place: Workplace) -> None:
    done = place.run(
        LIMIT
        + """
for i in range(60_000):
    flor.log("x", i)
flor.log("text", "t" * 200_000)
time.sleep(0.6)
"""
        + UNLIMITED
    )

    assert "Traceback" not in done.stderr
    assert place.values("x") == list(range(-1, 60_000))
    assert place.values("text") == ["t" * 200_000]
    assert place.statuses() == ["finished"]
    assert place.only_run().faults == ()


def test_what_never_found_room_is_said_and_what_did_is_read(place: Workplace) -> None:
    done = place.run(LIMIT + "for i in range(60_000):\n    flor.log('x', i)\n")

    assert "the last records of this run could not be written" in done.stderr
    found = place.values("x")
    assert found == sorted(found)
    assert set(range(60_000 - 20_000, 60_000)) <= set(found)  # what was still in the ring
    assert place.statuses() == ["interrupted"]


def test_beyond_64_megabytes_frames_are_dropped_and_counted(place: Workplace) -> None:
    place.run(
        LIMIT
        + """
for i in range(80):
    flor.log("x", str(i % 10) * 1_000_000)
"""
        + UNLIMITED
        + "flor.log('after', 1)\n"
    )

    found = place.values("x")[1:]
    assert found == [str(i % 10) * 1_000_000 for i in range(len(found))]
    assert 60 <= len(found) < 70
    assert place.values("after") == [1]
    [fault] = place.only_run().faults
    assert "frames dropped: the disk was full" in fault


def test_a_blob_that_finds_no_room_is_a_fault_and_training_goes_on(place: Workplace) -> None:
    done = place.run(
        LIMIT
        + """
for i in range(3):
    flor.log("array", np.zeros(100_000))
    flor.log("x", i)
"""
        + UNLIMITED
    )

    assert done.stderr.count("a record may be missing: StoreError: Blob") == 1
    assert place.values("x") == [-1, 0, 1, 2]
    assert place.values("array") == []
    assert len(place.only_run().faults) == 3
    assert not list(place.layout.blobs.rglob("*.tmp"))


def test_strictly_a_fault_stops_the_script(place: Workplace) -> None:
    done = place.run(LIMIT + "flor.log('array', np.zeros(100_000))", code=1, env={"FLOR_STRICT": "1"})

    assert "flor.errors.StoreError: Blob" in done.stderr
    assert place.statuses() in (["failed"], ["interrupted"])


def test_a_disk_that_is_full_from_the_start_refuses_the_run(place: Workplace) -> None:
    script = """
    import resource, flor
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    for i in range(3):
        try:
            flor.log("x", 1)
        except flor.errors.StoreError as error:
            print("refused:", error.hint)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    flor.log("x", 2)
    """

    done = place.run(script.replace("import resource, flor", "import resource, flor, flor.errors"))

    assert done.stdout.count("refused: Make the folder writable") == 3
    assert place.values("x") == [2]
    assert len(place.catalog().runs) == 1
    assert not list(place.layout.journals.iterdir())


LOOK = """
from pathlib import Path
from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
print(Catalog.open(Layout(Path(".flor"))).problems)
"""


@pytest.mark.parametrize("wanted", ["x", "y"])
def test_another_user_may_not_take_the_records_that_only_the_owner_can_read(
    place: Workplace, wanted: str
) -> None:
    """The ring of a killed process is its owner's; whoever seals the run without it would lose records."""
    place.run("import os, flor\nfor i in range(50):\n    flor.log('x', i)\nflor.log('y', 1)\nos._exit(0)")
    [journal] = place.layout.journals.glob("*.journal")
    [path] = [p for folder in ring.folders() for p in folder.glob(f"*{journal.stem}.ring")]
    path.chmod(0)
    try:
        said = place.python("-c", LOOK, **PLAIN).stdout
    finally:
        path.chmod(0o600)

    assert "further records in memory that only" in said
    assert place.values(wanted) == (list(range(50)) if wanted == "x" else [1])
