"""A state that is restored wrongly is found out: no value that follows from it counts as verified."""

import json
import re
from typing import Any

import pytest

from faults import breaking
from faults.breaking import BREAKS
from faults.replaying import KEEP_ALL, ask_one, counts, probed
from workplace import Workplace

SCRIPT = """
    import random

    import flor

    random.seed(3)
    weights = [random.random() for _ in range(4)]
    scale = 1.0
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(4)):
            # top
            for step in flor.loop("step", range(3)):
                for k in range(4):
                    weights[k] += random.gauss(scale, 0.1)
                # nested
            scale *= 0.9
            flor.log("mean", sum(weights) / 4)
    # suffix
    """
PROBE = 'flor.log("probe", [scale, *weights])'


def asked(place: Workplace, where: str, **broken: Any) -> dict[str, Any]:
    """The report of a replay of a probe at that place, with an audit."""
    path = breaking.search_path(place)
    place.run(SCRIPT, env={**path, "FLOR_EPSILON": "1000"})
    place.write("train.py", SCRIPT.replace(f"# {where}\n", f"{PROBE}\n"))
    arguments = ("-m", "flor", "replay", "probe", "--yes", "--json", "--workers", "1", "--audit", "1")
    done = place.start(*arguments, env={**path, **broken})
    assert done.ended() in (0, 1), done.output
    [report] = json.loads(done.output[0])["runs"]
    return dict(report)


def foreseen(place: Workplace) -> Any:
    """What the script of today logs by itself."""
    place.python("train.py")
    return place.values("probe", max(place.catalog().runs, key=lambda run: run.tstamp).run)


def shown(place: Workplace) -> set[Any]:
    """The verdicts of the values that replays found."""
    frame = place.frame("probe", provenance=True, where="probe_source = 'replay'")
    return set(frame["probe_verdict"])


@pytest.mark.parametrize("what", BREAKS)
@pytest.mark.parametrize("where", ["top", "nested", "suffix"])
def test_what_follows_from_a_wrong_state_is_a_divergence(what: str, where: str, place: Workplace) -> None:
    report = asked(place, where, BREAK=what, BREAK_WHEN="after")

    assert report["diverged"] == report["obtained"] > 0
    assert report["verified"] == 0
    assert shown(place) == {"diverged"}
    assert re.match(r"[^;]+ (after epoch \d|when executed in full|\S+ was \S+)", report["reason"])


@pytest.mark.parametrize("what", BREAKS)
def test_a_state_that_is_not_the_kept_one_is_not_entered_and_the_run_is_planned_without_it(
    what: str, place: Workplace
) -> None:
    report = asked(place, "top", BREAK=what, BREAK_WHEN="before")

    assert re.search(
        r"the state (after|in) epoch \d.* was not entered: .* is not as it was", report["reason"]
    )
    assert report["obtained"] == 4
    assert place.values("probe") == foreseen(place)


def test_without_a_fault_all_is_verified(place: Workplace) -> None:
    report = asked(place, "top")

    assert place.values("probe") == foreseen(place)
    assert (report["verified"], report["reason"]) == (4, "")
    assert shown(place) == {"verified"}


def test_where_a_later_audit_finds_a_wrong_state_what_was_not_proved_diverges(place: Workplace) -> None:
    path = breaking.search_path(place)
    place.run(SCRIPT, env={**path, **KEEP_ALL})
    probed(place, SCRIPT, "suffix", PROBE)
    assert counts(ask_one(place, "--audit", "0")) == (1, 0, 0, 1)
    assert shown(place) == {"unverified"}

    report = ask_one(place, "--audit", "1", code=1, **path, BREAK="a leaf left out", BREAK_WHEN="after")

    assert counts(report) == (1, 0, 1, 0)
    assert shown(place) == {"diverged"}
    assert counts(ask_one(place, "--audit", "1")) == (1, 1, 0, 0)
    assert place.values("probe") == foreseen(place)
    assert shown(place) == {"verified"}


def test_what_was_proved_once_is_not_proved_again(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "top", PROBE)
    before = ask_one(place)
    probed(place, SCRIPT, "top", PROBE.replace("scale", "-scale"))
    audited = ask_one(place, "--audit", "1")
    probed(place, SCRIPT, "top", PROBE.replace("scale", "2 * scale"))

    later = ask_one(place)

    assert before["unverified"] > 0
    assert counts(audited) == counts(later) == (4, 4, 0, 0)
