"""Tasks as processes of this machine: how they end, and that nothing is left of them."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from flor.executors.local import LocalExecutor
from flor.executors.tasks import Outcome, Task
from workplace import eventually

SOURCE = Path(__file__).parents[3] / "src"
BOUND = "import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen()\n"


def task(tmp_path: Path, name: str, program: str, **options: object) -> Task:
    command = (sys.executable, "-c", textwrap.dedent(program))
    given = {"cwd": tmp_path, "environment": dict(os.environ), "log": tmp_path / "logs" / name}
    return Task(name, command, **given | options)


def run(*tasks: Task, workers: int = 2) -> dict[str, Outcome]:
    with LocalExecutor(workers).run(tasks) as outcomes:
        return {outcome.task: outcome for outcome in outcomes}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_outcomes_come_as_the_tasks_end(tmp_path: Path) -> None:
    slow = task(tmp_path, "slow", "import time; time.sleep(1); print('slowly')")
    fast = task(tmp_path, "fast", "print('fast')")

    with LocalExecutor(2).run([slow, fast]) as outcomes:
        ended = list(outcomes)

    assert [outcome.task for outcome in ended] == ["fast", "slow"]
    assert [outcome.tail for outcome in ended] == ["fast\n", "slowly\n"]
    assert all(outcome.is_success and outcome.explanation() == "" for outcome in ended)
    assert ended[1].seconds > 1 > ended[0].seconds
    assert (ended[0].peak_memory_bytes or 0) > 1_000_000


def test_no_more_run_at_a_time_than_there_are_workers(tmp_path: Path) -> None:
    program = """
        import os, time
        mine = f"running-{os.getpid()}"
        open(mine, "w").close()
        time.sleep(0.2)
        print(sum(name.startswith("running-") for name in os.listdir()))
        os.remove(mine)
    """
    drawn: list[str] = []

    def tasks() -> Iterator[Task]:
        for number in range(5):
            drawn.append(str(number))
            yield task(tmp_path, str(number), program)

    with LocalExecutor(2).run(tasks()) as outcomes:
        first = next(outcomes)
        drawn_so_far = len(drawn)
        counts = [int(outcome.tail) for outcome in (first, *outcomes)]

    assert drawn_so_far == 2
    assert len(counts) == 5
    assert max(counts) <= 2


def test_a_failure_tells_exit_code_and_what_was_printed_last(tmp_path: Path) -> None:
    failing = task(tmp_path, "failing", "print('about to'); raise SystemExit('it went wrong')")

    outcome = run(failing)["failing"]

    assert outcome.exit_code == 1
    assert outcome.explanation() == "exit code 1"
    assert outcome.tail == "about to\nit went wrong\n"


def test_a_killed_task_is_told_from_one_that_failed(tmp_path: Path) -> None:
    killed = task(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)")
    aborted = task(tmp_path, "aborted", "import os; os.abort()")

    outcomes = run(killed, aborted)

    assert (outcomes["killed"].exit_code, outcomes["killed"].signal) == (None, signal.SIGKILL)
    assert outcomes["killed"].explanation() == "killed by SIGKILL: probably out of memory"
    assert outcomes["aborted"].explanation() == "killed by SIGABRT"


def test_a_guard_that_is_killed_takes_its_task_with_it(tmp_path: Path) -> None:
    program = "import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(600)"
    killer = """
        import os, time
        while not (said := open("logs/one").read()).endswith("\\n"):
            time.sleep(0.02)
        os.kill(int(said.split()[0]), 9)
    """

    outcome = run(task(tmp_path, "one", program), task(tmp_path, "killer", killer))["one"]

    assert outcome.signal == signal.SIGKILL
    eventually(lambda: not is_alive(int(outcome.tail.split()[1])))


def test_reading_standard_input_gets_its_end_and_does_not_wait(tmp_path: Path) -> None:
    reads = task(tmp_path, "reads", "import sys; print(repr(sys.stdin.read()))")
    asks = task(tmp_path, "asks", "input('your name? ')")
    secret = task(tmp_path, "secret", "import getpass; getpass.getpass()")

    outcomes = run(reads, asks, secret)

    assert outcomes["reads"].tail == "''\n"
    assert outcomes["asks"].tail.endswith("EOFError: EOF when reading a line\n")
    assert outcomes["secret"].tail.rstrip().endswith("EOFError")


def test_two_that_bind_one_port_are_told_so(tmp_path: Path) -> None:
    program = BOUND.format(port=_free_port()) + "import time; time.sleep(1)"

    outcomes = run(task(tmp_path, "one", program), task(tmp_path, "two", program))

    [failed] = [outcome for outcome in outcomes.values() if not outcome.is_success]
    assert failed.explanation() == "exit code 1: a port that it binds is in use"


def test_what_cannot_be_started_ends_with_the_reason(tmp_path: Path) -> None:
    missing = Task("missing", ("/no/such/program",), tmp_path, {}, tmp_path / "logs" / "missing")
    homeless = task(tmp_path, "homeless", "", cwd=tmp_path / "gone")
    good = task(tmp_path, "good", "print('still')")

    outcomes = run(missing, homeless, good)

    assert outcomes["missing"].explanation().startswith("did not run to its end: ")
    assert "No such file" in outcomes["missing"].reason
    assert (
        outcomes["homeless"].explanation()
        == f"did not run to its end: its folder {tmp_path / 'gone'} is gone"
    )
    assert outcomes["good"].is_success


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    program = "opened = open('/dev/full', 'w'); opened.write('x'); opened.flush()"

    outcome = run(task(tmp_path, "one", program))["one"]

    assert outcome.explanation() == "exit code 1: a disk is full"


def test_leaving_the_block_ends_what_runs_with_all_that_it_started(tmp_path: Path) -> None:
    program = """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        kept, away = subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)
        print(os.getpid(), kept.pid, away.pid, flush=True)
        time.sleep(600)
    """
    waits = """
        import time
        while not open("logs/long").read().endswith("\\n"):
            time.sleep(0.02)
    """
    executor = LocalExecutor(2, grace_s=0.2)

    with executor.run([task(tmp_path, "long", program), task(tmp_path, "short", waits)]) as outcomes:
        assert next(outcomes).task == "short"
        pids = [int(word) for word in (tmp_path / "logs" / "long").read_text().split()]
        alive = list(map(is_alive, pids))

    assert alive == [True, True, True]
    assert [pid for pid in pids if is_alive(pid)] == []


def test_what_a_task_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    program = """
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        left = subprocess.Popen(sleep, start_new_session=True)
        print(left.pid)
    """

    outcome = run(task(tmp_path, "one", program))["one"]

    assert outcome.is_success
    assert not is_alive(int(outcome.tail))


DRIVER = """
import os, sys
from pathlib import Path
from flor.executors.local import LocalExecutor
from flor.executors.tasks import Task

code = "import os, time; print(os.getpid(), file=open(f'pid-{os.getpid()}', 'w')); time.sleep(600)"
program, here = (sys.executable, "-c", code), Path.cwd()
tasks = [Task(str(i), program, here, dict(os.environ), here / f"log-{i}") for i in (1, 2)]
with LocalExecutor(2).run(tasks) as outcomes:
    try:
        list(outcomes)
    except KeyboardInterrupt:
        print("stopping", flush=True)
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_driver(tmp_path: Path, number: int) -> None:
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
    pids = [pid_in(path) for path in tmp_path.glob("pid-*")]

    driver.send_signal(number)
    said, _ = driver.communicate(timeout=20)

    eventually(lambda: not any(map(is_alive, pids)), seconds=5)
    assert said == ("" if number == signal.SIGKILL else "stopping\nstopped\n")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
