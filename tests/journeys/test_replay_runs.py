"""Which runs and iterations are answered: crashed and running ones, of several scripts, by predicates."""

import json
import signal
from typing import Any

import pytest

from faults.replaying import KEEP_ALL, ask, ask_one, probed
from workplace import Workplace, eventually

SCRIPT = """
    import os
    import sys
    import time

    import flor

    lr = flor.arg("lr", 0.1)
    total = 0.0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            total += epoch * lr
            # inside
            flor.log("acc", 10 * epoch + lr)
            if epoch == 2 and "fail" in sys.argv:
                raise ValueError("no more")
            if epoch == 2 and "wait" in sys.argv and not os.environ.get("FLOR_REPLAY"):
                print("waiting", flush=True)
                time.sleep(600)
    # suffix
    """
INSIDE = 'flor.log("probe", total)'
COMPLETE = [0.0, 0.1, 0.1 + 0.2]


def test_a_run_that_failed_gives_what_it_has(place: Workplace) -> None:
    place.write("train.py", SCRIPT)
    place.python("train.py", "fail", code=1, env=KEEP_ALL)
    probed(place, SCRIPT, "inside", INSIDE)

    report = ask_one(place)

    assert place.values("probe") == COMPLETE
    assert report["diverged"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, None])
def test_a_run_that_was_killed_interrupted_or_goes_on_gives_the_iterations_that_it_has(
    number: int | None, place: Workplace
) -> None:
    place.write("train.py", SCRIPT)
    started = place.start("train.py", "wait", env=KEEP_ALL)
    started.wait_for("waiting")
    eventually(lambda: len(place.catalog(seal=False).runs) == 1)
    if number is not None:
        started.signal(number)
    probed(place, SCRIPT, "inside", INSIDE)

    report = ask_one(place)

    assert place.values("probe") in (COMPLETE, COMPLETE[:2])
    assert report["diverged"] == 0
    assert report["obtained"] == len(place.values("probe"))
    if number is None:
        started.kill()


def test_what_a_run_that_goes_on_has_later_is_asked_for_later(place: Workplace) -> None:
    script = SCRIPT.replace("time.sleep(600)", "sys.stdin.readline()")
    place.write("train.py", script)
    started = place.start("train.py", "wait", env=KEEP_ALL)
    started.wait_for("waiting")
    probed(place, script, "inside", INSIDE)
    first = ask_one(place)
    again = ask_one(place)
    started.tell()
    assert started.ended() == 0

    later = ask_one(place)

    assert first["obtained"] >= 2
    assert again["obtained"] == 0
    assert first["obtained"] + later["obtained"] == 4
    assert place.values("probe") == [*COMPLETE, 0.1 + 0.2 + 3 * 0.1]


def test_only_runs_of_the_script_with_the_place_are_executed(place: Workplace) -> None:
    touching = "import flor\nopen('touched', 'a').write('once')\nflor.log('rows', 10)\n"
    place.write("prep.py", touching)
    place.write("train.py", SCRIPT)
    place.python("prep.py")
    place.python("train.py", env=KEEP_ALL)
    probed(place, SCRIPT, "inside", INSIDE)

    prepared, trained = ask(place)

    assert (prepared["obtained"], prepared["segments"], trained["obtained"]) == (0, 0, 4)
    assert "prep.py does not import the file of the statement" in prepared["reason"]
    assert (place.root / "touched").read_text() == "once"


PREDICATES = {
    "lr < 0.01 and epoch >= 3": {"0.001": [3, 4]},
    "lr >= 0.01": {"0.1": [1, 2, 3, 4]},
    "acc < 15": {"0.1": [1, 2], "0.001": [1, 2]},
    "acc = 20.001": {"0.001": [3]},
    "tstamp > '2020-01-01' and epoch = 1": {"0.1": [1], "0.001": [1]},
    "tstamp > '2999-01-01'": {},
    "probe IS NULL and epoch_value = 3": {"0.1": [4], "0.001": [4]},
    "filename = 'train.py' and lr < 0.05 and epoch in (1, 4)": {"0.001": [1, 4]},
    "nothing_like_it > 1": "nothing_like_it",
    "acc <": "acc <",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Two runs that a predicate can tell apart, and a probe."""
    folder = tmp_path_factory.mktemp("runs")
    place = Workplace.make(folder / "project", folder)
    place.write("train.py", SCRIPT)
    for lr in (0.1, 0.001):
        place.python("train.py", "--kwargs", f"lr={lr}", env=KEEP_ALL)
    probed(place, SCRIPT, "inside", INSIDE)
    return place


@pytest.mark.parametrize("where", [where for where, found in PREDICATES.items() if isinstance(found, dict)])
def test_a_predicate_leaves_the_iterations_that_satisfy_it(where: str, recorded: Workplace) -> None:
    arguments = ("-m", "flor", "replay", "probe", where, "--dry-run", "--json")

    plans = json.loads(recorded.python(*arguments).stdout)["plans"]

    runs = {run.run: str(run.args["lr"]) for run in recorded.catalog().runs}
    assert {runs[plan["run"]]: _wanted(plan) for plan in plans} == PREDICATES[where]


def _wanted(plan: dict[str, Any]) -> list[int]:
    visits = [visit for segment in plan["segments"] for visit in segment["visits"]]
    return sorted(visit["iteration"] for visit in visits if visit["is_wanted"])


@pytest.mark.parametrize("where", [where for where, found in PREDICATES.items() if isinstance(found, str)])
def test_a_predicate_that_cannot_be_understood_is_explained_before_anything_runs(
    where: str, recorded: Workplace
) -> None:
    done = recorded.python("-m", "flor", "replay", "probe", where, "--yes", code=1)

    assert PREDICATES[where] in done.stderr
    assert "Traceback" not in done.stderr
    assert recorded.values("probe") == []


def test_the_same_from_python(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "inside", INSIDE)
    ask_it = """
        import flor

        report = flor.replay("probe", where="epoch >= 3", audit=1)
        [run] = report.runs
        print(run.obtained, run.verified, report.is_complete, "<table>" in report._repr_html_())
        """
    place.write("ask.py", ask_it)

    done = place.python("ask.py")

    assert done.stdout.splitlines()[-1] == "2 2 True True"
    assert ask_one(place)["obtained"] == 2
    assert len(place.values("probe")) == 4
    assert ask_one(place)["reason"] == "it was answered before"
