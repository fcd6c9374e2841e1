"""A replay that is interrupted or killed loses nothing, and the next one repeats only what is missing."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from faults.replaying import KEEP_ALL, ask_one, counts, probed
from workplace import Workplace, eventually

SCRIPT = """
    import os
    import time

    import flor

    SWITCH = "SLOW"  # what a script asks for by a name in quotes, a replay sets as it was
    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            total += epoch
            # behind
            for step in flor.loop("step", range(2)):
                total += step
                # nested
            time.sleep(0.8)
            if os.environ.get(SWITCH) in (str(epoch), "all"):
                print("asleep", flush=True)
                time.sleep(600)
    """
CLOCK = """
    import os
    import time

    import flor

    SWITCH = "SLOW"
    with open({path!r}, "a") as file:
        file.write(".")
    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            total += epoch
            flor.log("seconds", time.perf_counter())
            if os.environ.get(SWITCH) == str(os.stat({path!r}).st_size):
                print("asleep", flush=True)
                time.sleep(600)
            # behind
    """
FOUND = [0, 2, 5, 9]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_waits_for_an_audit_is_kept(number: signal.Signals, place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "behind", 'flor.log("probe", total)')

    code = interrupted(place, number, "all", "--audit", "1")

    assert code == (130 if number == signal.SIGINT else -number)
    assert place.values("probe") == FOUND
    [answered] = place.catalog().entries[0].metadata.answered
    assert (answered.obtained, answered.verified, answered.unverified) == (4, 0, 4)
    assert answered.reason == "no iteration was executed in full yet, to prove it (--audit 1 does that)"
    assert ask_one(place)["reason"] == "it was answered before"
    assert counts(ask_one(place, "--audit", "1")) == (4, 4, 0, 0)
    assert place.values("probe") == FOUND


def test_of_a_run_that_is_answered_in_part_only_the_rest_is_asked_again(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "nested", 'flor.log("probe", total)')

    assert interrupted(place, signal.SIGINT, "3", "--no-slice", "--workers", "2") == 130

    kept = place.values("probe")
    assert kept == [0, 1, 2, 3]
    [answered] = place.catalog().entries[0].metadata.answered
    assert (answered.obtained, answered.unverified, answered.reason) == (4, 4, "the replay was interrupted")
    assert planned(place, "--no-slice") == [3, 4]
    assert counts(ask_one(place, "--no-slice")) == (4, 4, 0, 0)
    assert place.frame("probe")["probe"].tolist() == [*kept, 5, 6, 9, 10]
    assert ask_one(place)["reason"] == "it was answered before"


def test_what_may_have_diverged_is_asked_again(place: Workplace, tmp_path: Path) -> None:
    script = CLOCK.format(path=str(tmp_path / "executed"))
    place.run(script, env=KEEP_ALL)
    probed(place, script, "behind", 'flor.log("probe", total)')

    interrupted(place, signal.SIGINT, "3", "--no-slice", "--workers", "1")

    [answered] = place.catalog().entries[0].metadata.answered
    assert (answered.obtained, answered.diverged, answered.unverified) == (3, 0, 3)
    assert "it was not executed a second time yet" in answered.reason
    assert place.values("probe") == [0, 1, 3]
    assert counts(ask_one(place, "--no-slice", "--workers", "1", "--audit", "1")) == (3, 3, 0, 0)
    assert place.values("probe") == [0, 1, 3]


def interrupted(place: Workplace, number: signal.Signals, slow: str, *options: str) -> int:
    """The exit code of a replay that gets this signal while one segment sleeps and nothing else is left."""
    asked = ("replay", "probe", "--yes", *options)
    replay = place.start("-m", "flor", *asked, env={"SLOW": slow})
    eventually(lambda: _running(place) == ["asleep\n"], seconds=60)
    return replay.signal(number)


def _running(place: Workplace) -> list[str]:
    """What the segments that have not ended have printed: the log of one that ended is gone."""
    return [log.read_text() for log in (place.root / ".flor" / "replays").glob("*.log")]


def planned(place: Workplace, *options: str) -> list[int]:
    """The iterations that a replay would visit."""
    done = place.python("-m", "flor", "replay", "probe", "--dry-run", "--json", *options)
    plans: list[dict[str, Any]] = json.loads(done.stdout)["plans"]
    return [visit["iteration"] for plan in plans for each in plan["segments"] for visit in each["visits"]]
