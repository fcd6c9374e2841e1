"""How a run ends, and that its records are there whichever way it did."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from flor.runs import frames, journals
from flor.runs.layout import JournalName
from workplace import Workplace, eventually

BEGIN = """
import os, sys, threading, time, flor
for i in flor.loop("i", range(1_000)):
    flor.log("x", i)
"""
X = list(range(1_000))

ENDS = {
    "the last line": ("", 0, "finished"),
    "an exception": ("raise ValueError('no')", 1, "failed"),
    "sys.exit()": ("sys.exit()", 0, "finished"),
    "sys.exit(3)": ("sys.exit(3)", 3, "finished"),
    "sys.exit with a message": ("sys.exit('enough')", 1, "finished"),
    "a KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT, "interrupted"),
    "an exception that was caught": (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass",
        0,
        "finished",
    ),
    "an exception under an excepthook of its own": (
        "sys.excepthook = lambda *error: print('seen')\nraise ValueError('no')",
        1,
        "failed",
    ),
    "an exception in a thread": (
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
        0,
        "finished",
    ),
    "os._exit": ("os._exit(0)", 0, "interrupted"),
    "os.abort": ("os.abort()", -signal.SIGABRT, "interrupted"),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, "interrupted"),
    "an unfinished daemon thread": (
        "def on():\n    while True: flor.log('y', 1.5)\nthreading.Thread(target=on, daemon=True).start()",
        0,
        "finished",
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_run_ends_with(place: Workplace, end: str) -> None:
    code, exit_code, status = ENDS[end]

    place.run(BEGIN + code, code=exit_code)

    assert place.statuses() == [status]
    assert place.values("x") == X


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "interrupted")]
)
def test_a_signal_ends_a_run_and_nothing_is_lost(place: Workplace, number: int, status: str) -> None:
    place.write("train.py", BEGIN + "print('ready', flush=True)\ntime.sleep(60)")
    process = place.start("train.py")
    process.wait_for("ready")

    assert process.signal(number) == -number

    assert place.statuses() == [status]
    assert place.values("x") == X


def test_what_is_logged_on_the_way_out_of_an_interrupt_is_kept(place: Workplace) -> None:
    place.write(
        "train.py",
        """
        import flor
        print("ready", flush=True)
        i = 0
        try:
            while True:
                flor.log("x", float(i))
                i += 1
        except KeyboardInterrupt:
            flor.log("reached", i)
            flor.log("note", "interrupted by hand")
        """,
    )
    for _ in range(5):  # most interrupts fall into the middle of a call
        process = place.start("train.py")
        process.wait_for("ready")
        time.sleep(0.15)
        assert process.signal(signal.SIGINT) == 0, process.output

    for run in place.catalog().runs:
        assert run.status == "finished"
        [reached], [note] = place.values("reached", run=run.run), place.values("note", run=run.run)
        found = place.values("x", run=run.run)
        assert note == "interrupted by hand"
        assert found == [float(i) for i in range(len(found))]
        assert reached <= len(found) <= reached + 1


def test_the_exit_code_and_the_traceback_are_those_of_the_script(place: Workplace) -> None:
    done = place.run(BEGIN + "raise ValueError('mine')", code=1)

    assert done.stderr.strip().splitlines()[-1] == "ValueError: mine"
    assert "flor" not in done.stderr.replace("import flor", "").split("Traceback")[0]


def test_a_script_of_another_that_exits_within_it_decides_nothing(place: Workplace) -> None:
    place.run(BEGIN + "try:\n    sys.exit(2)\nexcept SystemExit:\n    flor.log('after', 1)")

    assert place.statuses() == ["finished"]
    assert place.values("after") == [1]


STEADY = """
import flor, time
print("ready", flush=True)
for i in range(10_000):
    flor.log("x", i)
    if i == 100:
        print("some", flush=True)
        input()
"""


def test_a_journal_deleted_under_a_live_run_comes_back_whole(place: Workplace) -> None:
    place.write("train.py", STEADY)
    process = place.start("train.py")
    process.wait_for("some")
    time.sleep(0.4)
    [journal] = place.layout.journals.glob("*.journal")
    journal.unlink()

    process.tell()

    assert process.ended() == 0
    assert place.statuses() == ["finished"]
    assert place.values("x") == list(range(10_000))


def test_a_store_deleted_under_a_live_run_comes_back_whole(place: Workplace) -> None:
    place.write("train.py", STEADY)
    process = place.start("train.py")
    process.wait_for("some")
    time.sleep(0.4)
    shutil.rmtree(place.root / ".flor")

    process.tell()

    assert process.ended() == 0, process.output
    assert process.output[1] == ""
    assert place.statuses() == ["finished"]
    assert place.values("x") == list(range(10_000))
    assert (place.root / ".flor" / ".gitignore").read_text() == "*\n"
    assert place.git("status", "--porcelain", ".flor") == ""


def test_a_live_run_is_read_and_not_sealed(place: Workplace) -> None:
    place.write("train.py", STEADY)
    process = place.start("train.py")
    process.wait_for("some")

    assert place.statuses() == ["running"]
    assert place.values("x") == list(range(101))
    assert list(place.layout.journals.glob("*.journal"))

    process.tell()
    assert process.ended() == 0
    assert place.statuses() == ["finished"]
    assert not list(place.layout.journals.glob("*.*"))


def _move_to_another_host(place: Workplace) -> Path:
    """Let the journal of a killed run look as if a machine that shares the disk had written it."""
    [name] = journals.names(place.layout)
    path = place.layout.journal(name)
    content = path.read_bytes()
    first = next(frames.parse(content))
    assert isinstance(first, frames.Frame)
    header = first.facts() | {"host": "elsewhere", "boot": "another"}
    rest = content[frames.PREFIX.size + len(first.payload) :]
    path.write_bytes(frames.pack_facts(frames.HEADER, header) + rest)
    return place.layout.lock(name)


def test_a_run_on_another_host_is_sealed_only_after_ten_minutes_of_silence(place: Workplace) -> None:
    place.run(BEGIN + "os._exit(0)")
    lock = _move_to_another_host(place)

    assert place.statuses() == ["running"]
    assert place.values("x") == X
    nine_minutes_ago = time.time() - 540
    os.utime(lock, (nine_minutes_ago, nine_minutes_ago))
    assert place.statuses() == ["running"]

    eleven_minutes_ago = time.time() - 660
    os.utime(lock, (eleven_minutes_ago, eleven_minutes_ago))
    assert place.statuses() == ["interrupted"]
    assert place.values("x") == X
    assert not list(place.layout.journals.glob("*.journal"))


def test_a_live_process_that_counted_as_gone_elsewhere_loses_nothing(place: Workplace) -> None:
    """Another host, to which this one seemed silent, has sealed the run: what follows is a further part."""
    place.write("train.py", STEADY)
    process = place.start("train.py")
    process.wait_for("some")
    eventually(lambda: place.values("x") == list(range(101)))
    [name] = journals.names(place.layout)
    place.layout.lock(name).unlink()
    assert place.statuses() == ["interrupted"]

    process.tell()

    assert process.ended() == 0
    assert place.values("x") == list(range(10_000))
    assert len(place.catalog().runs) == 1
    assert len(list(place.layout.sealed.glob("*.parquet"))) == 2


def test_a_lock_that_was_deleted_is_made_anew(place: Workplace) -> None:
    place.write("train.py", STEADY)
    process = place.start("train.py")
    process.wait_for("some")
    [name] = journals.names(place.layout)
    place.layout.lock(name).unlink()

    eventually(place.layout.lock(name).exists)

    assert place.statuses() == ["running"]
    process.tell()
    assert process.ended() == 0


def test_two_readers_in_one_process_do_not_drop_the_lock_of_their_own_run(place: Workplace) -> None:
    done = place.run(
        BEGIN
        + """
import subprocess
flor.dataframe("x"), flor.dataframe("x")
code = "import flor; print(flor.query('select status from runs')['status'].tolist())"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""
    )

    assert "['running']" in done.stdout.splitlines()
    assert place.statuses() == ["finished"]


def test_a_run_with_the_number_of_a_dead_process_is_not_taken_for_alive(place: Workplace) -> None:
    """In containers the first process always has number 1, and the host may have the same name again."""
    place.run(BEGIN + "os._exit(0)")
    [name] = journals.names(place.layout)
    journal = journals.read(place.layout, name)
    assert journal
    _rewrite_pid(place, name, os.getpid())

    assert place.statuses() == ["interrupted"]


def _rewrite_pid(place: Workplace, name: JournalName, pid: int) -> None:
    path = place.layout.journal(name)
    content = path.read_bytes()
    first = next(frames.parse(content))
    assert isinstance(first, frames.Frame)
    rest = content[frames.PREFIX.size + len(first.payload) :]
    path.write_bytes(frames.pack_facts(frames.HEADER, first.facts() | {"pid": pid}) + rest)
