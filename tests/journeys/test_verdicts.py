"""Of each value that was logged in hindsight, whether it is proved; and how it is proved later."""

import json
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest

from journeys.test_replay import KEEP_ALL, PROBES, SCRIPT, replay
from workplace import Workplace


def ask(place: Workplace, *arguments: str) -> dict[str, Any]:
    """The report of a replay of the only run."""
    [report] = json.loads(replay(place, "probe", *arguments, "--json").stdout)["runs"]
    return dict(report)


def recorded(place: Workplace, where: str = "top") -> None:
    """A run, and a probe at this place since."""
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace(f"# {where}\n", f"{PROBES[where]}\n"))


def rows(place: Workplace, *arguments: str) -> list[dict[str, Any]]:
    """`flor dataframe probe --provenance --json ARGUMENTS`."""
    done = place.python("-m", "flor", "dataframe", "probe", "--provenance", "--json", *arguments)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def verdicts(place: Workplace) -> dict[str, int]:
    """How many values of each verdict the frame shows."""
    return dict(Counter(row["probe_verdict"] for row in rows(place)))


def counted(facts: dict[str, Any]) -> dict[str, int]:
    """The same, as a report or the table `replays` tells it."""
    return {name: facts[name] for name in ("verified", "unverified", "diverged") if facts[name]}


def replays(place: Workplace) -> list[dict[str, Any]]:
    """The table `replays`."""
    done = place.python("-m", "flor", "query", "SELECT * FROM replays ORDER BY replay", "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("where", ["top", "nested", "suffix"])
def test_what_was_not_proved_is_proved_by_an_audit_later(where: str, place: Workplace) -> None:
    recorded(place, where)
    before = ask(place, "--audit", "0")
    values = place.values("probe")
    assert before["unverified"] > 0
    assert "--audit 1" in before["reason"]
    assert verdicts(place) == counted(before)
    assert ask(place)["reason"] == "it was answered before"

    after = ask(place, "--audit", "1")

    assert counted(after) == {"verified": len(values)} == verdicts(place)
    assert [counted(one) for one in replays(place)] == [counted(after)]
    assert place.values("probe") == values
    assert ask(place, "--audit", "1")["reason"] == "it was answered before"


def test_an_audit_of_some_iterations_changes_only_their_verdicts(place: Workplace) -> None:
    recorded(place)
    ask(place, "--audit", "0", "--workers", "1")
    unsure = [row["epoch"] for row in rows(place, "--where", "probe_verdict = 'unverified'")]
    assert len(unsure) > 0

    ask(place, f"probe_verdict = 'unverified' and epoch = {unsure[0]}", "--audit", "1")

    assert [row["epoch"] for row in rows(place, "--where", "probe_verdict <> 'verified'")] == unsure[1:]
    assert len(place.values("probe")) == 4
    assert ask(place)["reason"] == "it was answered before"


def test_what_no_audit_can_prove_is_not_executed_again_for_one(place: Workplace) -> None:
    script = SCRIPT.replace("with flor.checkpointing(weights=weights):", "if weights:")
    place.run(script)
    place.write("train.py", script.replace("# top\n", f"{PROBES['top']}\n"))
    before = ask(place)
    assert counted(before) == {"unverified": 4} == verdicts(place)

    again = ask(place, "--audit", "1")

    assert again["reason"].startswith("it was answered before, and no iteration of it can be executed")
    assert (again["segments"], verdicts(place)) == (0, {"unverified": 4})


def test_verdicts_stand_beside_values_in_files_of_every_kind(place: Workplace) -> None:
    recorded(place)
    ask(place, "--audit", "1")

    columns = ("probe", "probe_source", "probe_verdict")
    [row, *_] = rows(place)
    for name in ("frame.csv", "frame.parquet"):
        kind = name.partition(".")[2]
        place.python("-m", "flor", "dataframe", "probe", "mean", "--provenance", f"--{kind}", name)
    head, *lines = (place.root / "frame.csv").read_text("utf-8").splitlines()
    table = pq.read_table(place.root / "frame.parquet")

    assert (row["probe_source"], row["probe_verdict"]) == ("replay", "verified")
    assert head.endswith(",".join([*columns, "mean", "mean_source"]))
    assert all("replay,verified," in line for line in lines)
    assert set(table["probe_verdict"].to_pylist()) == {"verified"}
    assert "mean_verdict" not in table.column_names


def test_the_view_of_records_keeps_its_columns(place: Workplace) -> None:
    recorded(place)
    ask(place, "--audit", "1")

    done = place.python("-m", "flor", "query", "SELECT * FROM logs WHERE source = 'replay'", "--json")
    found = json.loads(done.stdout)

    assert len(found) == 4
    assert list(found[0]) == [
        "projid", "tstamp", "filename", "run", "rank", "process", "ctx_id", "path", "name", "value",
        "value_float", "value_int", "kind", "source", "seq", "wall_time",
    ]  # fmt: skip


def test_of_several_names_each_has_verdicts_of_its_own(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    clock = 'flor.log("probe", epoch)\n            flor.log("clock", __import__("time").time())\n'
    place.write("train.py", SCRIPT.replace("# top\n", clock))

    [report] = json.loads(replay(place, "probe,clock", "--audit", "1", "--json").stdout)["runs"]

    frame = place.frame("probe", "clock", provenance=True)
    assert set(frame["probe_verdict"]) == {"verified"}
    assert set(frame["clock_verdict"]) == {"unverified"}
    told = {one["name"]: counted(one) for one in replays(place)}
    assert told == {"probe": {"verified": 4}, "clock": {"unverified": 4}}
    assert counted(report) == {"verified": 4, "unverified": 4}
