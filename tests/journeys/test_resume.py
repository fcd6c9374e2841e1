"""`flor resume` goes on with a run that was killed, and nobody can tell it from one that never was."""

import os
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from flor.checkpoints import naming
from flor.checkpoints.store import CheckpointStore, Kept
from flor.entities import RunId, Status
from workplace import Started, Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000", "FLOR_STRICT": "1"}

SCRIPT = """
    import os
    import random
    import signal

    import flor

    random.seed(flor.arg("seed", 7))
    weights = [0.0] * 5
    history = []


    def step(x):
        for k in range(5):
            weights[k] += random.gauss(x, 0.1)
        return sum(weights)


    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(5)):
            for x in flor.loop("step", [1.0, -2.0, 0.5]):
                flor.log("loss", step(x))
                if os.environ.get("KILL") == f"{epoch} {x}":
                    os.kill(os.getpid(), signal.SIGKILL)
            history.append(sum(weights))
            flor.log("mean", sum(history) / len(history))
    flor.log("digest", [weight.hex() for weight in weights])
    """


@pytest.fixture
def wanted(place: Workplace, tmp_path: Path) -> list[object]:
    """What a run that was never killed says."""
    place.run(SCRIPT, env=KEEP_ALL)
    return [(row.name, row.value, row.path, row.it, row.source) for row in place.rows()]


def killed(place: Workplace, moment: str, script: str = SCRIPT, by: int = signal.SIGKILL) -> str:
    """A run that is killed at the moment; its id."""
    place.write("train.py", script)
    place.python("train.py", code=-by, env={**KEEP_ALL, "KILL": moment})
    return place.catalog().runs[-1].run


def resume(place: Workplace, run: str, **options: Any) -> CompletedProcess[str]:
    """`flor resume RUN`."""
    return place.python("-m", "flor", "resume", run, **options)


def wait_until_ready(started: Started) -> None:
    while started.process.stdout.readline() != "ready\n":
        assert started.process.poll() is None


def states(place: Workplace, run: str) -> list[Kept]:
    return CheckpointStore(place.layout.checkpoints).kept(run)


def rows(place: Workplace, run: str) -> list[object]:
    return [(row.name, row.value, row.path, row.it, row.source) for row in place.rows(run=RunId(run))]


@pytest.mark.parametrize("moment", ["0 1.0", "1 1.0", "2 -2.0", "4 0.5"])
def test_a_resumed_run_says_what_one_says_that_was_never_killed(
    place: Workplace, wanted: list[object], moment: str
) -> None:
    run = killed(place, moment)

    resumed = resume(place, run, env=KEEP_ALL)

    assert rows(place, run) == wanted
    assert place.catalog().find(run).status is Status.FINISHED
    assert "differs" not in resumed.stderr


def test_it_goes_on_from_the_last_state_that_was_kept(place: Workplace) -> None:
    run = killed(place, "3 -2.0")
    last = naming.in_words([kept.manifest for kept in states(place, run)])[-1]

    resumed = resume(place, "last", env=KEEP_ALL)

    assert f"Resuming run {run} (train.py): {last}." in resumed.stderr


def test_variables_that_the_script_sets_may_be_set_by_now(place: Workplace, wanted: list[object]) -> None:
    setting = 'import os\nos.environ.update(WANDB_MODE="offline")\nos.environ.pop("RUN_NAME", None)\n'
    run = killed(place, "3 -2.0", setting + textwrap.dedent(SCRIPT))
    last = naming.in_words([kept.manifest for kept in states(place, run)])[-1]

    resumed = resume(place, run, env={**KEEP_ALL, "WANDB_MODE": "offline", "RUN_NAME": "again"})

    assert f"Resuming run {run} (train.py): {last}." in resumed.stderr
    assert rows(place, run) == wanted


def test_a_run_can_be_killed_and_resumed_again_and_again(place: Workplace, wanted: list[object]) -> None:
    run = killed(place, "1 1.0")

    for moment in ("2 1.0", "2 0.5", "4 -2.0"):
        resume(place, run, code=128 + signal.SIGKILL, env={**KEEP_ALL, "KILL": moment})
    resume(place, run, env=KEEP_ALL)

    assert rows(place, run) == wanted
    assert len(place.catalog().runs) == 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), ""),
        (lambda content: bytes(byte ^ 1 for byte in content), "the store lacks a part of it"),
    ],
)
def test_where_a_state_cannot_be_read_it_goes_on_from_the_one_before(
    place: Workplace, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    run = killed(place, "3 -2.0")
    words = naming.in_words([kept.manifest for kept in states(place, run)])
    packs = [kept.path.with_suffix(".safetensors") for kept in states(place, run)]
    last = max(number for number, pack in enumerate(packs) if pack.exists())
    packs[last].write_bytes(spoil(packs[last].read_bytes()))

    resumed = resume(place, run, env=KEEP_ALL)

    assert f"Resuming run {run} (train.py): {words[last - 1]}." in resumed.stderr
    assert f"passed over: {words[last]}: {reason}" in resumed.stderr
    place.run(SCRIPT, env=KEEP_ALL)
    assert rows(place, run) == rows(place, place.catalog().runs[-1].run)


def test_what_is_not_kept_is_passed_over_and_said_before_the_script_goes_on(place: Workplace) -> None:
    drawing = SCRIPT.replace(
        "history = []\n", "history = []\n    noise = (random.random() for _ in range(99))\n", 1
    )
    drawing = drawing.replace("history.append(", "history.append(next(noise) + ", 1)
    place.run(drawing, env=KEEP_ALL)
    wanted = [(row.name, row.value, row.path, row.it, row.source) for row in place.rows()]
    run = killed(place, "2 0.5", drawing)

    resumed = resume(place, run, env=KEEP_ALL)

    assert f"Resuming run {run} (train.py): before epoch 1." in resumed.stderr
    assert "noise was not kept: it is" in resumed.stderr
    assert rows(place, run) == wanted


def test_what_stands_in_the_way_of_every_state_is_met_only_once(place: Workplace) -> None:
    body = textwrap.indent(textwrap.dedent(SCRIPT).partition("with flor")[2], "    ")
    called = textwrap.dedent(SCRIPT).partition("with flor")[0] + f"def main():\n    with flor{body}\n"
    called += 'print("begun", flush=True)\n(lambda: main())() if "DEEPER" in os.environ else main()\n'
    run = killed(place, "3 1.0", called)

    resumed = resume(place, run, env={**KEEP_ALL, "DEEPER": "1"})

    assert resumed.stdout.count("begun") == 2
    assert f"Resuming run {run} (train.py): its start." in resumed.stderr
    assert "epoch 1: the way there cannot be restored: the program has no such frame" in resumed.stderr
    place.python("train.py", env=KEEP_ALL)
    assert rows(place, run) == rows(place, place.catalog().runs[-1].run)


WAITING = SCRIPT.replace(
    "weights = [",
    'print("ready", flush=True)\n    time.sleep(float(os.environ.get("WAIT", "0")))\n    weights = [',
    1,
).replace("import signal\n", "import signal\n    import time\n", 1)


def test_ctrl_c_on_the_way_ends_it_all_and_the_run_stays_as_it_was(place: Workplace) -> None:
    run = killed(place, "3 1.0", WAITING)
    before = rows(place, run)
    started = place.start("-m", "flor", "resume", run, env={**KEEP_ALL, "WAIT": "60"}, start_new_session=True)
    wait_until_ready(started)

    os.killpg(started.process.pid, signal.SIGINT)

    assert "ready" not in started.process.communicate()[0]
    assert started.process.returncode == 130
    assert rows(place, run) == before


def test_a_program_that_ends_on_its_way_to_the_first_loop_is_not_started_again(place: Workplace) -> None:
    (place.root / "7").mkdir()
    run = killed(place, "3 1.0", SCRIPT.replace('"seed", 7', '"seed", len(os.listdir("7"))'))
    before = rows(place, run)
    (place.root / "7").rmdir()

    refused = resume(place, run, code=1, env=KEEP_ALL)

    assert refused.stderr.count("FileNotFoundError") == 1
    assert "it can be entered nowhere exactly" in refused.stderr
    assert "The program ended before it came to its first flor.checkpointing block" in refused.stderr
    assert rows(place, run) == before


def test_the_exit_code_is_the_script_s(place: Workplace) -> None:
    run = killed(
        place, "1 1.0", SCRIPT.replace('flor.log("digest"', 'raise SystemExit(5)\n    flor.log("digest"')
    )

    resume(place, run, code=5, env=KEEP_ALL)

    assert place.catalog().find(run).status is Status.FINISHED


def test_what_comes_out_differently_is_named(place: Workplace) -> None:
    noisy = SCRIPT.replace("sum(history) / len(history)", "os.getpid()")
    run = killed(place, "3 1.0", noisy + '\n    flor.log("end", 1)\n')
    # Without its later states the run goes on from where it logged a mean already.
    for kept in states(place, run):
        if not kept.manifest.entry.endswith(("top(0)", "top(1)")):
            kept.path.unlink()

    resumed = resume(place, run, env=KEEP_ALL)

    assert "differs from what was recorded before: epoch 2: mean " in resumed.stderr


def test_changed_code_is_named_and_nothing_is_done(place: Workplace) -> None:
    place.write("helpers.py", "RATE = 1\n")
    place.git("add", ".")
    place.git("commit", "--quiet", "-m", "A helper")
    run = killed(place, "2 1.0", SCRIPT.replace("import flor\n", "import flor\n    import helpers\n", 1))
    before = rows(place, run)

    place.write("helpers.py", "RATE = 2\n")
    refused = resume(place, run, code=1, env=KEEP_ALL)

    assert "its code has changed since: helpers.py" in refused.stderr
    assert rows(place, run) == before


ORDERED = SCRIPT.replace(
    "history = []\n",
    'history = []\n    words = list(set("the order of a set is that of its hashes".split()))\n',
    1,
).replace("history.append(", 'flor.log("word", words[epoch])\n            history.append(')


def test_what_depends_on_the_order_of_a_set_is_not_resumed_where_hashes_are_random(place: Workplace) -> None:
    run = killed(place, "2 1.0", ORDERED)
    before = rows(place, run)

    refused = resume(place, run, code=1, env=KEEP_ALL)

    assert "words depends on the order of a set (train.py:11), another one in each process" in refused.stderr
    assert rows(place, run) == before


def test_it_is_resumed_where_the_hashes_are_the_same(place: Workplace) -> None:
    seeded = {**KEEP_ALL, "PYTHONHASHSEED": "5"}
    place.run(ORDERED, env=seeded)
    wanted = [(row.name, row.value, row.path, row.it, row.source) for row in place.rows()]
    place.python("train.py", code=-signal.SIGKILL, env={**seeded, "KILL": "2 1.0"})
    run = place.catalog().runs[-1].run

    resume(place, run, env=KEEP_ALL)

    assert rows(place, run) == wanted


def test_where_the_order_of_a_set_may_matter_is_said(place: Workplace) -> None:
    counting = SCRIPT.replace("return sum(weights)", "return sum([weights[k] for k in {4, *range(4)}])")
    place.run(counting, env=KEEP_ALL)
    wanted = [(row.name, row.value, row.path, row.it, row.source) for row in place.rows()]
    run = killed(place, "2 1.0", counting)

    resumed = resume(place, run, env=KEEP_ALL)

    assert "sets of strings may have another order than in the run" in resumed.stderr
    assert rows(place, run) == wanted


def test_a_run_that_has_finished_is_not_resumed(place: Workplace) -> None:
    place.run(SCRIPT)

    assert "cannot be resumed: it has finished" in resume(place, "last", code=1).stderr


def test_a_run_that_is_running_is_not_resumed(place: Workplace) -> None:
    place.write(
        "train.py", 'import flor, sys\nflor.log("a", 1)\nprint("ready", flush=True)\nsys.stdin.read()\n'
    )
    started = place.start("train.py")
    wait_until_ready(started)

    refused = resume(place, "last", code=1)
    started.process.communicate("")

    assert "it is still running" in refused.stderr


def test_two_cannot_resume_a_run_at_once(place: Workplace) -> None:
    slow = SCRIPT.replace(
        'flor.log("mean"',
        'print("ready", flush=True)\n            import sys; sys.stdin.read()\n            flor.log("mean"',
    )
    place.write("train.py", slow)
    started = place.start("train.py", env=KEEP_ALL)
    wait_until_ready(started)
    started.process.kill()
    started.process.communicate()
    first = place.start("-m", "flor", "resume", "last", env=KEEP_ALL)
    wait_until_ready(first)

    refused = resume(place, "last", code=1)
    first.process.communicate("")

    assert "cannot be resumed" in refused.stderr


def test_files_that_the_run_wrote_are_as_if_it_had_not_been_killed(place: Workplace) -> None:
    writing = SCRIPT.replace(
        "    history = []\n",
        '    history = []\n    log = open("log.csv", "a")\n'
        '    best = __import__("json").load(open("best.json")) if os.path.exists("best.json") else None\n',
    ).replace(
        "            history.append",
        "            print(epoch, sum(weights), file=log, flush=True)\n"
        '            open("best.json", "w").write(repr(weights))\n'
        '            flor.log("best", best)\n'
        "            history.append",
    )
    place.run(writing, env=KEEP_ALL)
    wanted = {name: (place.root / name).read_bytes() for name in ("log.csv", "best.json")}
    said = [(row.name, row.value) for row in place.rows()]
    for name in wanted:
        (place.root / name).unlink()

    run = killed(place, "3 1.0", writing)
    resume(place, run, env=KEEP_ALL)

    assert {name: (place.root / name).read_bytes() for name in wanted} == wanted
    assert [(row.name, row.value) for row in place.rows(run=RunId(run))] == said


def holding(when: str) -> str:
    """The script with two files that it holds open, of which one is written out in time."""
    return SCRIPT.replace(
        "    history = []\n",
        '    history = []\n    log, rows = open("log.txt", "w"), open("rows.bin", "ab")\n'
        '    log.write("header\\n")\n',
    ).replace(
        "            history.append",
        "            log.write(repr(weights))\n            rows.write(bytes([epoch]))\n"
        f"            {when}\n            history.append",
    )


@pytest.mark.parametrize(
    ("when", "entries"),
    [
        ("pass", ("its start",)),
        # The last of them may not be written yet when the process is killed.
        ("log.flush(), rows.flush()", ("epoch 4, after step (nested loop 1)", "after epoch 3")),
    ],
)
def test_what_a_script_had_written_and_not_flushed_is_not_lost(
    when: str, entries: tuple[str, ...], place: Workplace
) -> None:
    script = holding(when)
    place.run(script, env=KEEP_ALL)
    wanted = {name: (place.root / name).read_bytes() for name in ("log.txt", "rows.bin")}
    for name in wanted:
        (place.root / name).unlink()

    run = killed(place, "4 1.0", script)
    resumed = resume(place, run, env=KEEP_ALL)

    assert any(f"Resuming run {run} (train.py): {entry}." in resumed.stderr for entry in entries)
    assert "not all that was written to log.txt" in resumed.stderr
    assert {name: (place.root / name).read_bytes() for name in wanted} == wanted


def test_what_it_had_not_flushed_is_written_out_before_it_ends_of_sigterm(place: Workplace) -> None:
    script = holding("os.environ.get('KILL') == f'{epoch}' and os.kill(os.getpid(), signal.SIGTERM)")
    place.run(script, env=KEEP_ALL)
    wanted = {name: (place.root / name).read_bytes() for name in ("log.txt", "rows.bin")}
    for name in wanted:
        (place.root / name).unlink()

    run = killed(place, "3", script, signal.SIGTERM)
    resumed = resume(place, run, env=KEEP_ALL)

    assert f"Resuming run {run} (train.py): after epoch 4." in resumed.stderr
    assert {name: (place.root / name).read_bytes() for name in wanted} == wanted


MAKING = """
    import glob, os, signal, sqlite3, time
    import flor

    database = sqlite3.connect("made.db")
    database.execute("CREATE TABLE losses (loss)")
    database.close()
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            flor.log("epoch", epoch)
            while "KILL" in os.environ:
                if glob.glob(".flor/checkpoints/*/000000.manifest"):
                    os.kill(os.getpid(), signal.SIGKILL)
    """


def test_a_file_that_the_run_had_made_before_its_first_state_is_made_again(place: Workplace) -> None:
    run = killed(place, "at once", MAKING)

    resumed = resume(place, run, env=KEEP_ALL)

    assert f"Resuming run {run} (train.py): before epoch 1." in resumed.stderr
    assert place.values("epoch", RunId(run)) == [0, 1, 2]
