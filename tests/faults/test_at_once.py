"""Sixteen processes that begin in the same instant, in one repository."""

import os
import time

from flor.runs.layout import Layout
from workplace import Started, Workplace, eventually

SCRIPT = """
    import os, sys, time
    from pathlib import Path
    import flor

    number = int(sys.argv[1])
    Path(f"ready/{number}").touch()
    while not Path("ready/go").exists():
        time.sleep(0.001)
    flor.log("number", number)
    flor.log("edition", EDITION)
    for i in flor.loop("i", range(5_000)):
        flor.log("x", number * 10_000 + i)
"""
PROCESSES = range(16)


def _edition(place: Workplace, number: int) -> None:
    place.write("train.py", SCRIPT.replace("EDITION", str(number)))


def _start(place: Workplace, number: int) -> Started:
    process = place.start("train.py", str(number))
    eventually((place.root / "ready" / str(number)).exists)
    return process


def test_sixteen_processes_begin_at_once_and_nothing_is_lost(place: Workplace) -> None:
    (place.root / "ready").mkdir()
    place.write(".gitignore", "ready\n")
    _edition(place, 0)
    processes = [_start(place, number) for number in PROCESSES]

    (place.root / "ready" / "go").touch()

    assert [process.ended() for process in processes] == [0] * 16
    assert [process.output[1] for process in processes] == [""] * 16
    runs = place.catalog().runs
    assert [run.status for run in runs] == ["finished"] * 16
    assert len({run.tstamp for run in runs}) == 16
    numbers = {run.run: run.values["number"] for run in runs}
    assert sorted(numbers.values()) == list(PROCESSES)
    for run, number in numbers.items():
        assert place.values("x", run=run) == [number * 10_000 + i for i in range(5_000)]
    assert _is_linear(place)
    assert sum("Auto-commit" in subject for subject in place.commits()) == 16


def test_each_run_is_committed_with_the_code_that_it_executed_though_it_is_edited_meanwhile(
    place: Workplace,
) -> None:
    (place.root / "ready").mkdir()
    (place.root / "ready" / "go").touch()
    place.write(".gitignore", "ready\n")
    running: list[Started] = []
    for number in range(8):
        _edition(place, number)
        running.append(place.start("train.py", str(number)))
        # The next edit comes as soon as this run's code is committed, while the others still run.
        eventually(lambda: _begun(place.layout) >= len(running))
        time.sleep(0.02 * (number % 3))

    assert [process.ended() for process in running] == [0] * 8
    for run in place.catalog().runs:
        code = place.git("show", f"{run.version}:train.py")
        assert f'flor.log("edition", {run.values["edition"]})' in code
        [closing] = place.git("log", "--format=%H", f"--grep=Flor-Run: {run.run}", "flor.shadow").split()
        assert place.git("show", f"{closing}:train.py") == code
    assert _is_linear(place)


def _begun(layout: Layout) -> int:
    journals = layout.journals.glob("*.journal") if layout.journals.is_dir() else ()
    return sum(1 for path in journals if os.path.getsize(path) > 0)


def _is_linear(place: Workplace) -> bool:
    parents = place.git("log", "--format=%P", "flor.shadow").splitlines()
    return all(len(line.split()) <= 1 for line in parents)
