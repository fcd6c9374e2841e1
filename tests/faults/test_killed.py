"""kill -9: every record whose call had returned is there, and the store opens."""

import random
import time

import pytest

from faults.killing import Killing
from flor.runs import ring
from workplace import Workplace

VARIED = """
    import flor
    progress = Progress()
    values = [0.5, 7, "text", "long " * 100, [1, 2], None, 2**100, "x" * 100_000]
    count = 0
    for epoch in flor.loop("epoch", range(4)):
        for value in flor.loop("value", values):
            flor.log("x", value)
            count += 1
            progress.note(count)
"""
VALUES = [0.5, 7, "text", "long " * 100, [1, 2], None, 2**100, "x" * 100_000] * 4

THREADS = """
    import threading, flor
    progress = Progress()
    flor.log("begin", True)

    def work(number):
        for i in range(200_000):
            flor.log(f"t{number}", i if i % 50 else "a text of several slots, as they are told")
            progress.note(i + 1, number)

    for number in range(4):
        threading.Thread(target=work, args=(number,)).start()
    print("started", flush=True)
"""


def test_a_process_killed_at_any_line_loses_no_record_whose_call_returned(place: Workplace) -> None:
    killing = Killing(place, VARIED)
    moments = random.Random(7)
    lines = killing.lines()
    kept = place.values("x")
    assert kept == VALUES

    # Most lines open the run and end it: half of the kills are meant for those between.
    for where in [lines.all, lines.logging] * 6:
        killing.forget()
        was_killed = killing.kill_at(moments.choice(where))
        runs = place.catalog().runs
        found = place.values("x")[len(kept) :]
        assert found == VALUES[: len(found)]
        assert killing.returned() <= len(found) <= killing.returned() + 1
        assert place.catalog().problems == ()
        if found and was_killed:
            assert runs[-1].status in ("interrupted", "finished")
        kept += found

    assert place.statuses().count("interrupted") >= 4


def test_what_a_killed_run_owes_is_committed_by_the_next_run(place: Workplace) -> None:
    killing = Killing(place, VARIED)
    lines = killing.count_lines()
    for part in (0.6, 0.8, 0.97):
        killing.kill_at(int(lines * part))

    place.python("train.py")

    with_code = [run.run for run in place.catalog().runs if run.version]
    trailers = place.git("log", "--format=%(trailers:key=Flor-Run,valueonly)", "flor.shadow").split()
    assert len(with_code) >= 4
    assert sorted(trailers) == sorted(with_code)


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.4])
def test_four_threads_that_are_killed_lose_nothing(place: Workplace, delay_s: float) -> None:
    killing = Killing(place, THREADS)
    process = place.start("train.py")
    process.wait_for("started")
    time.sleep(delay_s)
    process.kill()

    assert place.statuses() == ["interrupted"]
    for number in range(4):
        found = [row.value for row in place.rows(f"t{number}")]
        assert found == [
            i if i % 50 else "a text of several slots, as they are told" for i in range(len(found))
        ]
        assert killing.returned(number) <= len(found) <= killing.returned(number) + 1


def test_a_ring_that_went_round_many_times_is_whole_after_a_kill(place: Workplace) -> None:
    killing = Killing(
        place,
        """
        import os, signal, flor
        progress = Progress()
        for i in flor.loop("i", range(3 * 26_214 + 1_000)):
            flor.log("x", i * 0.5)
            progress.note(i + 1)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    place.start("train.py").ended()

    rows = [row for row in place.rows("x") if row.name == "x"]
    assert killing.returned() == len(rows) == 3 * ring.SLOT_COUNT + 1_000
    assert all(row.it == (i + 1,) and row.value == i * 0.5 for i, row in enumerate(rows))


def test_where_nothing_can_be_mapped_all_but_the_last_half_second_is_there(place: Workplace) -> None:
    place.write(
        "train.py",
        """
        import mmap

        class Refused:
            def __new__(cls, *arguments, **options):
                raise OSError("no memory can be mapped here")

        mmap.mmap = Refused
        import time, flor
        flor.log("begin", True)
        print("started", flush=True)
        while True:
            flor.log("x", time.monotonic())
            time.sleep(0.002)
        """,
    )
    process = place.start("train.py")
    process.wait_for("started")
    time.sleep(1.5)
    process.kill()
    killed_at = time.monotonic()

    times = place.values("x")
    assert times == sorted(times)
    assert killed_at - times[-1] < 0.5 + 1.0  # a second more for a machine that is busy
    assert times[-1] - times[0] > 0.2


def test_where_nothing_can_be_mapped_a_script_still_reads_what_it_has_just_logged(place: Workplace) -> None:
    done = place.run(
        """
        import mmap

        class Refused:
            def __new__(cls, *arguments, **options):
                raise OSError("no memory can be mapped here")

        mmap.mmap = Refused
        import flor
        for i in range(100):
            flor.log("x", i)
        print(flor.dataframe("x")["x"].tolist() == list(range(100)))
        """
    )

    assert "True" in done.stdout.splitlines()
    assert place.values("x") == list(range(100))


SEAL = """
    import os
    from pathlib import Path
    from flor.runs.catalog import Catalog
    from flor.runs.layout import Layout
    Catalog.open(Layout(Path(".flor")))
"""


def test_a_reader_killed_at_any_line_of_sealing_loses_nothing(place: Workplace) -> None:
    place.write(
        "train.py",
        """
        import flor
        for i in flor.loop("i", [0.5, 2, "three"]):
            flor.log("x", i)
        flor.log("y", "z" * 90_000)
        """,
    )
    killing = Killing(place, SEAL, "seal.py")
    place.python("train.py")
    lines = killing.count_lines()

    runs, moments = 1, random.Random(11)
    for _ in range(6):
        place.python("train.py")
        runs += 1
        killing.kill_at(moments.randrange(lines // 4, lines))
        if moments.random() < 0.5:
            continue  # the next reader finds several runs, and what two killed ones left
        assert place.values("x") == [0.5, 2, "three"] * runs
    assert place.values("x") == [0.5, 2, "three"] * runs
    assert place.values("y") == ["z" * 90_000] * runs
    assert place.statuses() == ["finished"] * runs
    assert place.catalog().problems == ()


def test_a_kill_leaves_no_shared_memory_behind_once_the_run_is_read(place: Workplace) -> None:
    killing = Killing(place, THREADS)
    process = place.start("train.py")
    process.wait_for("started")
    process.kill()
    run = place.catalog(seal=False).runs[0].run
    rings = [path for folder in ring.folders() for path in folder.glob(f"flor-*-{run}.*.ring")]

    assert len(rings) == 1
    place.catalog()
    assert not any(path.exists() for path in rings)
    assert killing.returned(0) >= 0
