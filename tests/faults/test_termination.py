"""SIGTERM while training state is kept: one more state at the next header, and the end within 5 seconds."""

import os
import signal
import textwrap
import time
from pathlib import Path

import pytest

from flor.checkpoints.store import CheckpointStore
from workplace import Started, Workplace

PATIENCE_S = 5.0
LATE_S = 10.0  # on a machine that is busy; a step that is waited for takes a minute
A_MINUTE = """
import hashlib, time
rounds = 200_000
began = time.perf_counter()
hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
rounds = int(rounds * 60 / (time.perf_counter() - began))
"""
TRAIN = """
import time
import flor
import numpy as np

weights = np.zeros(50_000)
with flor.checkpointing(weights=weights):
    for epoch in flor.loop("epoch", range(100)):
        for step in flor.loop("step", range(10)):
            weights += np.random.default_rng(step).random(50_000)
            flor.log("sum", float(weights.sum()))
            {work}
print("over")
"""


def train(place: Workplace, work: str, script: str = TRAIN, **env: str) -> Started:
    """A training run that executes `work` in each step, and says "now" when the signal is to come."""
    place.write("train.py", script.replace("{work}", work))
    return place.start("train.py", env=env)


def terminated(started: Started) -> float:
    """Send SIGTERM, of which the process must end; how long that took."""
    started.wait_for("now")
    began = time.monotonic()
    code = started.signal(signal.SIGTERM)
    assert code == -signal.SIGTERM, started.output
    return time.monotonic() - began


def entries(place: Workplace) -> list[str]:
    run = place.only_run()
    assert run.status == "interrupted"
    store = CheckpointStore(place.layout.checkpoints)
    kept = store.kept(run.run, whole=True)
    assert not list(place.layout.checkpoints.rglob("*.tmp"))
    return [one.manifest.entry for one in kept]


def test_in_a_step_the_next_one_is_entered_and_the_process_ends(place: Workplace) -> None:
    work = "if (epoch, step) == (0, 4): print('now', flush=True); time.sleep(0.5)"

    took_s = terminated(train(place, work))

    assert took_s < PATIENCE_S
    assert entries(place)[-1] == "0/0 step(0, 0, 5)"
    assert len(place.values("sum")) == 5


def test_what_is_kept_last_is_the_state_of_that_moment(place: Workplace) -> None:
    work = "if (epoch, step) == (0, 4): print('now', flush=True); time.sleep(0.5)"
    terminated(train(place, work))

    done = place.python("-c", "import flor; print(float(flor.load('weights').sum()))")

    assert float(done.stdout) == place.values("sum")[-1]


def test_a_run_that_was_ended_twice_goes_on_as_if_it_never_had(place: Workplace) -> None:
    script = TRAIN.replace("range(100)", "range(4)")
    work = "if epoch < 2 and step == 4: print('now', flush=True); time.sleep(0.5)"
    terminated(train(place, work, script))
    resumed = place.start("-m", "flor", "resume", "last")
    resumed.wait_for("now")  # in the second epoch
    [child] = children(resumed.process.pid)
    os.kill(child, signal.SIGTERM)
    resumed.ended()
    assert place.statuses() == ["interrupted"]

    done = place.python("-m", "flor", "resume", "last")

    assert "over" in done.stdout.splitlines()
    place.run(script.replace("{work}", ""))
    first, again = (place.values("sum", run=run.run) for run in place.catalog().runs)
    assert len(first) == 40
    assert first == again
    assert place.statuses() == ["finished", "finished"]


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_without_the_top_of_its_iteration_a_step_is_passed_over_for_the_next_top(place: Workplace) -> None:
    """Reading so many objects takes longer than may be spent: only the first state is kept."""
    table = "table = [{'row': [number]} for number in range(50_000)]"
    slow = TRAIN.replace("with flor.checkpointing(", f"{table}\nwith flor.checkpointing(table=table, ")
    work = "if (epoch, step) == (1, 4): print('now', flush=True); time.sleep(0.5)"

    terminated(train(place, work, slow, FLOR_EPSILON="0.001"))

    assert entries(place) == ["0/0 top(0)", "0/0 after(0, 0)", "0/0 top(2)"]
    assert len(place.values("sum")) == 20


PLAIN = """
import time
import flor

total = [0]
with flor.checkpointing(total=total):
    for epoch in flor.loop("epoch", range(9)):
        total[0] += 1
        flor.log("sum", total[0])
        if epoch == 3:
            print("now", flush=True)
            time.sleep(0.5)
            {work}
"""


@pytest.mark.parametrize(
    ("work", "entry"), [("", "0/0 top(4)"), ("break", "0/0 done"), ("raise ValueError", "0/0 top(")]
)
def test_the_next_entry_point_of_any_kind_will_do(place: Workplace, work: str, entry: str) -> None:
    terminated(train(place, work, PLAIN))

    assert entries(place)[-1].startswith(entry)  # a block that is left by an exception has no end to enter
    assert place.values("sum") == [1, 2, 3, 4]


def test_a_step_that_takes_a_minute_in_c_is_not_waited_for(place: Workplace) -> None:
    work = "print('now', flush=True); hashlib.pbkdf2_hmac('sha256', b'', b'', rounds)"

    took_s = terminated(train(place, work, A_MINUTE + TRAIN))

    assert PATIENCE_S - 0.5 < took_s < PATIENCE_S + LATE_S
    assert entries(place) == ["0/0 top(0)"]
    assert len(place.values("sum")) == 1


def test_nor_is_it_where_the_interpreter_tells_somebody_else_of_signals(place: Workplace) -> None:
    """Then the handler alone hears of it: it comes as soon as the computation is over."""
    script = """
    import os, signal, time
    import flor

    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(2)):
            print("now", flush=True)
            while True:
                time.sleep(0.1)
                if signal.set_wakeup_fd(write) != write:
                    os._exit(7)
    """

    took_s = terminated(train(place, "", textwrap.dedent(script)))

    assert PATIENCE_S - 0.5 < took_s < PATIENCE_S + LATE_S


BELONGINGS = """
import faulthandler, os, signal, sys, threading, time
import flor

def sigterm():
    caught = next(line for line in open("/proc/self/status") if line.startswith("SigCgt"))
    return signal.getsignal(signal.SIGTERM), int(caught.split()[1], 16) >> 14 & 1

def wakeup():
    return signal.set_wakeup_fd(-1)

def epochs():
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(2)):
            yield epoch
"""


def test_after_the_block_all_is_as_it_was(place: Workplace) -> None:
    done = place.run(
        BELONGINGS
        + """
before, descriptors = sigterm(), len(os.listdir("/proc/self/fd"))
for _ in range(3):
    with flor.checkpointing():
        inside = sigterm()
        with flor.checkpointing():
            pass
        assert sigterm() == inside
    assert sigterm() == before == (signal.SIG_DFL, 0)
    assert inside[1] == 1
assert wakeup() == -1
deadline = time.monotonic() + 10
while any(one.name == "flor-sigterm" for one in threading.enumerate()):
    assert time.monotonic() < deadline
    time.sleep(0.01)
flor.log("more", len(os.listdir("/proc/self/fd")) - descriptors)
"""
    )

    assert done.stderr == ""
    assert place.values("more")[0] <= 5  # what the run itself holds open


OTHERS = {
    "a handler of the script": "def mine(*arguments): print('mine'); sys.exit(3)\nsignal.signal(15, mine)",
    "a signal that is ignored": "signal.signal(15, signal.SIG_IGN)",
    "a handler of faulthandler": "faulthandler.register(15, file=sys.stdout)",
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_handles_the_signal_already_is_not_replaced(place: Workplace, other: str) -> None:
    done = place.run(
        BELONGINGS
        + OTHERS[other]
        + """
before = sigterm()
with flor.checkpointing():
    assert sigterm() == before
assert sigterm() == before
with flor.checkpointing():
    for epoch in flor.loop("epoch", range(3)):
        os.kill(os.getpid(), signal.SIGTERM)
print("over")
""",
        code=3 if "script" in other else 0,
    )

    assert ("over" in done.stdout) == ("script" not in other)
    assert ("mine" in done.stdout) == ("script" in other)
    assert ("most recent call first" in done.stdout) == ("faulthandler" in other)


def test_a_handler_set_inside_the_block_takes_over_and_stays(place: Workplace) -> None:
    done = place.run(
        BELONGINGS
        + """
with flor.checkpointing():
    signal.signal(15, lambda *arguments: print("mine"))
    mine = sigterm()
    for epoch in flor.loop("epoch", range(2)):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3)
assert sigterm() == mine
"""
    )

    assert done.stdout.count("mine") == 2


def test_the_alarms_of_a_script_go_on(place: Workplace) -> None:
    done = place.run(
        BELONGINGS
        + """
rung = []
signal.signal(signal.SIGALRM, lambda *arguments: rung.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
with flor.checkpointing():
    for epoch in flor.loop("epoch", range(3)):
        time.sleep(0.2)
assert signal.getitimer(signal.ITIMER_REAL)[1] == 0.05
signal.setitimer(signal.ITIMER_REAL, 0)
flor.log("rung", len(rung))
"""
    )

    assert done.stderr == ""
    assert place.values("rung")[0] >= 8


CHILDREN = """
import multiprocessing, torch

def tell(*_):
    flor.log("child", list(map(str, sigterm())) + [signal.getsignal(15) is signal.SIG_DFL])

def wait():
    tell()
    with flor.checkpointing():
        tell()
    time.sleep(60)

if __name__ == "__main__":
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(2)):
            child = multiprocessing.get_context("fork").Process(target=wait)
            child.start()
            time.sleep(0.5)
            began = time.monotonic()
            child.terminate()
            child.join()
            flor.log("took", [child.exitcode, time.monotonic() - began])
            loader = torch.utils.data.DataLoader(range(4), num_workers=1, worker_init_fn=tell)
            flor.log("items", len(list(loader)))
        assert sigterm()[1] == 1
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        flor.log("ended", os.waitstatus_to_exitcode(os.wait()[1]))
    print("over")
"""


def test_children_and_loader_workers_end_at_once(place: Workplace) -> None:
    done = place.run(BELONGINGS + CHILDREN)

    assert "over" in done.stdout.splitlines()
    assert all(is_default for *_, is_default in place.values("child"))
    assert len(place.values("child")) == 6
    assert all(code == -signal.SIGTERM and took_s < PATIENCE_S for code, took_s in place.values("took"))
    assert place.values("items") == [4, 4]
    assert place.values("ended") == [-signal.SIGTERM]


def test_a_block_in_a_thread_leaves_signals_alone(place: Workplace) -> None:
    done = place.run(
        BELONGINGS
        + """
def work():
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(2)):
            flor.log("inside", str(sigterm()))

before = str(sigterm())
thread = threading.Thread(target=work)
thread.start()
thread.join()
flor.log("inside", before)
"""
    )

    assert done.stderr == ""
    assert len(set(place.values("inside"))) == 1
