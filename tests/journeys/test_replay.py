"""A statement added today is answered for the runs of the past, as if it had stood there from the start."""

import json
import textwrap
from subprocess import CompletedProcess
from typing import Any

import pytest

from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}

SCRIPT = """
    import random

    import flor

    random.seed(flor.arg("seed", 7))
    weights = [random.random() for _ in range(4)]
    # prefix


    def step(x):
        for k in range(4):
            weights[k] += random.gauss(x, 0.1)
        # inside step
        return sum(weights)


    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(4)):
            # top
            for x in flor.loop("step", [1.0, -2.0, 0.5]):
                loss = flor.log("loss", step(x))
                # nested
            mean = sum(weights) / 4
            # behind
            flor.log("mean", mean)
    flor.log("digest", [weight.hex() for weight in weights])
    # suffix
    """

LEFT = """try:
                for sign in flor.loop("sign", [1, -1] * (epoch % 2)):
                    for k in flor.loop("k", range(2)):
                        weights[k] += sign * random.random()
                    flor.log("inside", weights[0])
                    if epoch == 3 and sign < 0:
                        raise ValueError
            except ValueError:
                pass
            # behind
"""
PROBES = {
    "prefix": 'flor.log("probe", weights[0])',
    "inside step": 'flor.log("probe", weights[1] * 2)',
    "top": 'flor.log("probe", [weight.hex() for weight in weights])',
    "nested": 'flor.log("probe", loss + epoch)',
    "behind": 'half = mean / 2\n            flor.log("probe", half)',
    "suffix": 'flor.log("probe", max(weights))',
}


def replay(place: Workplace, *arguments: str, **options: Any) -> CompletedProcess[str]:
    """`flor replay ARGUMENTS --yes`."""
    return place.python("-m", "flor", "replay", *arguments, "--yes", **options)


def cells(place: Workplace, run: int) -> list[list[Any]]:
    """The rows of the frame of everything logged in one run, oldest run first."""
    frame = place.frame("seed", "loss", "mean", "probe", "digest")
    stamp = sorted(frame["tstamp"].unique())[run]
    rows = frame[frame["tstamp"] == stamp].drop(columns="tstamp")
    return [[value.hex() if isinstance(value, float) else value for value in row] for row in rows.values]


@pytest.mark.parametrize("where", PROBES)
def test_hindsight_equals_foresight(place: Workplace, where: str) -> None:
    probed = SCRIPT.replace(f"# {where}\n", f"{PROBES[where]}\n")
    assert probed != SCRIPT
    place.run(SCRIPT, env=KEEP_ALL)
    place.run(probed, env=KEEP_ALL)

    replay(place, "probe", "--audit", "1")

    assert cells(place, 0) == cells(place, 1)


def test_a_script_with_a_byte_order_mark_and_other_line_ends(place: Workplace) -> None:
    def run(script: str) -> None:
        text = textwrap.dedent(script).replace("    ", "\t").replace("\n", "\r\n")
        (place.root / "train.py").write_bytes(text.encode("utf-8-sig"))
        place.python("train.py", env=KEEP_ALL)

    run(SCRIPT)
    run(SCRIPT.replace("# top\n", 'flor.log("probe", weights[0])\n'))

    told = replay(place, "probe", "--audit", "1").stdout

    assert "its effect was kept" in told or "a state of its own" in told, "it is read, and planned"
    assert cells(place, 0) == cells(place, 1)


CALLED = """
    import random

    import flor


    class Trainer:
        def __init__(self):
            self.weights = [random.random()]
            self.seen = 0

        def fit(self, epochs):
            with flor.checkpointing(weights=self.weights):
                for epoch in flor.loop("epoch", range(epochs)):
                    self.weights[0] += random.random()
                    self.seen += 1
                    flor.log("loss", self.weights[0])
            {end}


    def main():
        random.seed(flor.arg("seed", 3))
        trainer = same = Trainer()
        trainer.fit(4)
        # suffix


    main()
    """


@pytest.mark.parametrize("end", ["flor.log('mean', 1.0)", "flor.log('mean', self.weights[0] / self.seen)"])
@pytest.mark.parametrize("name", ["trainer", "same"])
def test_what_only_a_probe_reads_behind_a_call_is_as_the_run_left_it(
    place: Workplace, name: str, end: str
) -> None:
    script = CALLED.replace("{end}", end) + "flor.log('digest', 1)\n"
    place.run(script, env=KEEP_ALL)
    place.run(script.replace("# suffix\n", f'flor.log("probe", {name}.seen)\n'), env=KEEP_ALL)

    replay(place, "probe", "--audit", "0")

    assert cells(place, 0) == cells(place, 1)


def test_an_iteration_goes_on_behind_loops_that_are_left_or_stand_deeper(place: Workplace) -> None:
    plain = SCRIPT.replace("# behind\n", LEFT)
    place.run(plain, env=KEEP_ALL)
    place.run(plain.replace("# behind\n", 'flor.log("probe", weights[0] + weights[1])\n'), env=KEEP_ALL)

    replay(place, "probe", "--audit", "0")

    assert len(cells(place, 0)) == len(cells(place, 1))
    assert cells(place, 0) == cells(place, 1)


SHARED = """
    import time

    import flor

    weights = [1.0]


    def run(data, rate):
        for x in flor.loop("step", data):
            error = x - weights[0]
            # nested
            if rate:
                weights[0] += rate * error
        return weights[0]


    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(4)):
            flor.log("mean", run([1.0, -2.0, 0.5, 3.0], 0.3))
            time.sleep(0.4)
        flor.log("digest", run([0.25, 0.75], 0.0))
        flor.log("loss", weights[0])
    flor.log("seed", 1)
    """


def test_a_loop_of_a_function_is_executed_to_its_end_where_another_one_is_around_it(place: Workplace) -> None:
    place.run(SHARED, env=KEEP_ALL)
    place.run(SHARED.replace("# nested\n", 'flor.log("probe", error)\n'), env=KEEP_ALL)

    told = replay(place, "probe", "--audit", "0").stdout

    assert "the rest of an iteration of epoch" in told, "it is cut short, and with it nothing else"
    assert len(cells(place, 0)) == len(cells(place, 1))
    assert cells(place, 0) == cells(place, 1)


WRITES = """
    import os
    import random

    import flor

    random.seed(3)
    log, rows = open("log.txt", "w"), open("rows.txt", "w")
    log.write("header\\n")
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            for x in flor.loop("step", range(3)):
                log.write(f"{flor.log('loss', random.random())}\\n")
            print(epoch, file=rows, flush=True)
            # behind
            flor.log("epoch_loss", epoch)
    log.close()
    # suffix
    """
ASKS = {
    "a place": ("behind", "log.tell()"),
    "a place of what was written out": ("behind", "rows.tell()"),
    "a size": ("behind", "os.path.getsize('log.txt')"),
    "what is on the disk by then": ("behind", "open('rows.txt').read()"),
    "all of it": ("suffix", "open('log.txt').read()"),
}


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("only", ["", "epoch >= 3"])
def test_a_statement_may_ask_for_a_file_that_the_run_was_writing(
    what: str, only: str, place: Workplace
) -> None:
    where, asked = ASKS[what]
    place.run(WRITES, env=KEEP_ALL)
    for name in ("log.txt", "rows.txt"):
        (place.root / name).unlink()
    place.run(WRITES.replace(f"# {where}", f'flor.log("probe", {asked})'), env=KEEP_ALL)

    replay(place, "probe", *filter(None, [only]), "--workers", "1")

    hindsight, foresight = (place.values("probe", run=run.run) for run in place.catalog().runs)
    assert hindsight == (foresight[2:] if only and where == "behind" else foresight)


IN_FUNCTION = """
    import random
    import time

    import flor


    def train(epochs):
        random.seed(3)
        weights = [random.random() for _ in range(4)]
        holder = {"w": weights}
        with flor.checkpointing(holder=holder):
            for epoch in flor.loop("epoch", range(epochs)):
                for x in flor.loop("step", [1.0, -2.0]):
                    holder["w"][0] += random.gauss(x, 0.1)
                    time.sleep(0.05)
                    flor.log("loss", holder["w"][0])
                # behind


    train(4)
    """


def test_a_statement_may_read_a_variable_that_the_loop_does_not(place: Workplace) -> None:
    probed = IN_FUNCTION.replace("# behind", 'flor.log("probe", weights[0])')
    place.run(IN_FUNCTION, env=KEEP_ALL)
    place.run(probed, env=KEEP_ALL)

    [report, _] = json.loads(replay(place, "probe", "--audit", "1", "--json").stdout)["runs"]

    hindsight, foresight = (place.values("probe", run=run.run) for run in place.catalog().runs)
    assert hindsight == foresight
    assert report["verified"] == len(foresight)


def test_a_variable_that_only_the_header_reads_is_known_at_each_entry_point(place: Workplace) -> None:
    script = IN_FUNCTION.replace("0.05", "0.3")
    place.run(script, env=KEEP_ALL)
    place.write("train.py", script.replace("# behind", 'flor.log("probe", epochs + holder["w"][0])'))

    planned = replay(place, "probe", "--dry-run", "--json", "--workers", "1")
    replay(place, "probe")

    [segment] = json.loads(planned.stdout)["plans"][0]["segments"]
    assert [visit["replaced"] for visit in segment["visits"]] == [[f"0/0 after({at}, 0)"] for at in range(4)]
    assert place.values("probe") == [4 + loss for loss in place.values("loss")[1::2]]


LOGS_FIRST = """
    import random

    import flor

    flor.log("before", 1)
    random.seed(7)
    with flor.checkpointing():
        weight = flor.log("weight", random.random())
        for epoch in flor.loop("epoch", range(3)):
            flor.log("drawn", random.random())
            # probe
    """


def test_what_is_seeded_behind_the_first_call_stays_seeded(place: Workplace) -> None:
    place.run(LOGS_FIRST, env=KEEP_ALL)
    place.write("train.py", LOGS_FIRST.replace("# probe", 'flor.log("probe", weight)'))

    [report] = json.loads(replay(place, "probe", "--json").stdout)["runs"]

    assert (report["verified"], report["reason"]) == (3, "")


MEASURE = """
    import numpy


    def norm(values):
        return norm(values[0]) if isinstance(values[0], list) else float(numpy.sum(numpy.square(values)))
    """


def test_a_statement_may_import_what_the_run_had_not_loaded(place: Workplace) -> None:
    place.write("measure.py", MEASURE)
    probed = SCRIPT.replace("import flor\n", "import flor\n    from measure import norm\n")
    probed = probed.replace("# behind\n", 'flor.log("probe", norm([weights]))\n')
    place.run(SCRIPT, env=KEEP_ALL)
    place.run(probed, env=KEEP_ALL)

    [report, _] = json.loads(replay(place, "probe", "--audit", "1", "--json").stdout)["runs"]

    assert cells(place, 0) == cells(place, 1)
    assert (report["verified"], report["reason"]) == (4, "")


def test_the_report_says_how_sure_the_answers_are(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", f"{PROBES['top']}\n"))

    [report] = json.loads(replay(place, "probe", "--audit", "1", "--json").stdout)["runs"]

    assert report["level"] == "outer"
    assert (report["obtained"], report["verified"], report["reason"]) == (4, 4, "")


def test_what_was_answered_is_not_asked_again_and_a_changed_statement_is(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", 1)\n'))
    replay(place, "probe")

    again = replay(place, "probe")
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", 2)\n'))
    replay(place, "probe")

    assert "it was answered before" in again.stdout
    assert place.values("probe") == [2, 2, 2, 2]


def test_a_predicate_chooses_runs_and_iterations(place: Workplace) -> None:
    for seed in (1, 2):
        place.write("train.py", SCRIPT)
        place.python("train.py", "--kwargs", f"seed={seed}", env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", epoch)\n'))

    replay(place, "probe", "seed = 2 and epoch >= 3")

    frame = place.frame("seed", "probe").dropna(subset=["probe"])
    assert [tuple(row) for row in frame[["seed", "epoch", "probe"]].values] == [(2, 3, 2), (2, 4, 3)]


def test_a_wrong_column_is_explained_before_anything_runs(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", 1)\n'))

    refused = replay(place, "probe", "sed = 2", code=1)

    assert "sed" in refused.stderr
    assert "seed" in refused.stderr


def test_a_name_that_nothing_logs_is_explained(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)

    assert "Closest: loss" in replay(place, "los", code=1).stderr


def test_a_probe_that_raises_is_reported_and_loses_nothing(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# behind\n", 'flor.log("probe", 1 / (epoch - 2))\n'))

    failed = replay(place, "probe", code=1)

    assert "the probe raised ZeroDivisionError" in failed.stdout
    assert place.values("probe") == [-0.5, -1.0, 1.0]


def test_a_probe_that_changes_state_sees_the_run_as_it_was(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    perturbing = 'weights[0] += 1000 * random.random()\n            flor.log("probe", weights[1])'
    place.write("train.py", SCRIPT.replace("# behind\n", f"{perturbing}\n"))

    [report] = json.loads(replay(place, "probe", "--no-slice", "--json").stdout)["runs"]

    place.write("train.py", SCRIPT.replace("# behind\n", 'flor.log("wanted", weights[1])\n'))
    replay(place, "wanted")
    assert place.values("probe") == place.values("wanted")
    assert report["diverged"] == 0


def test_nothing_of_the_user_s_changes(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", 1)\n'))
    place.write("notes.txt", "mine\n")
    place.git("stash", "list")
    before = [
        place.git("status", "--porcelain"),
        place.git("worktree", "list"),
        place.git("rev-parse", "HEAD"),
    ]

    replay(place, "probe")

    after = [
        place.git("status", "--porcelain"),
        place.git("worktree", "list"),
        place.git("rev-parse", "HEAD"),
    ]
    assert after == before
    assert sorted(path.name for path in (place.root / ".flor" / "worktrees").iterdir()) == []


def test_a_dry_run_shows_the_plan_and_executes_nothing(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    place.write("train.py", SCRIPT.replace("# top\n", 'flor.log("probe", 1)\n'))

    shown = replay(place, "probe", "--dry-run", "--show-patch").stdout

    assert "log level outer loop without suffix." in shown
    assert '+        flor.log("probe", 1)' in shown
    assert place.values("probe") == []
