"""Children and subprocesses: which of them are part of a run."""

import os
from collections import Counter

import pytest

from flor.entities import Run
from flor.runs import ring
from workplace import Workplace


def only(place: Workplace) -> Run:
    [run] = place.catalog().runs
    return run


CHILDREN = """
import multiprocessing, sys, flor

def work(number):
    lr = flor.arg("lr", 0.1)
    late = flor.arg("late", 1)
    layers = flor.arg("layers", (1, 2))
    for i in flor.loop("i", range(100)):
        flor.log("x", number * 1_000 + i)
    flor.log("seen", [lr, late, type(layers).__name__, list(layers)])

if __name__ == "__main__":
    context = multiprocessing.get_context(METHOD)
    lr = flor.arg("lr", 0.1)
    flor.arg("layers", (1, 2))
    children = [context.Process(target=work, args=(number,)) for number in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    flor.log("mine", [sys.argv, [child.exitcode for child in children]])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_are_part_of_the_run_and_have_its_arguments(place: Workplace, method: str) -> None:
    script = CHILDREN.replace("METHOD", repr(method))

    done = place.run(script, "--kwargs", "lr=0.5", "late=7", "layers=3,4", "--flag")

    assert done.stderr == ""
    run = only(place)
    assert run.status == "finished"
    assert run.args == {"lr": 0.5, "layers": [3, 4], "late": 7}
    assert place.values("mine") == [[["train.py", "--flag"], [0, 0, 0]]]
    assert place.values("seen") == [[0.5, 7, "tuple", [3, 4]]] * 3
    rows = [row for row in place.rows("x") if row.name == "x"]
    by_process = Counter(row.process for row in rows)
    assert len(by_process) == 3
    assert 0 not in by_process
    assert set(by_process.values()) == {100}
    assert {row.it[0] == row.value % 1_000 + 1 for row in rows} == {True}
    assert sorted(row.value for row in rows) == sorted(n * 1_000 + i for n in range(3) for i in range(100))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_a_parent_that_never_logged_get_its_kwargs(place: Workplace, method: str) -> None:
    place.run(
        f"""
        import multiprocessing, flor

        def work():
            flor.log("lr", flor.arg("rate", 0.1))

        if __name__ == "__main__":
            child = multiprocessing.get_context({method!r}).Process(target=work)
            child.start()
            child.join()
        """,
        "--kwargs",
        "rate=0.25",
    )

    assert place.values("lr") == [0.25]


def test_a_pool_and_an_executor_lose_nothing(place: Workplace) -> None:
    place.run(
        """
        import multiprocessing, concurrent.futures, flor

        def work(number):
            flor.log("x", number)
            return number

        if __name__ == "__main__":
            flor.log("begin", 1)
            with multiprocessing.Pool(3) as pool:
                pool.map(work, range(30))
            with concurrent.futures.ProcessPoolExecutor(2) as executor:
                list(executor.map(work, range(30, 60)))
        """
    )

    assert only(place).status == "finished"
    assert sorted(place.values("x")) == list(range(60))


def test_a_child_that_is_terminated_keeps_what_it_logged(place: Workplace) -> None:
    place.run(
        """
        import multiprocessing, time, flor

        def work(said):
            for i in range(1_000):
                flor.log("x", i)
            said.send(True)
            time.sleep(60)

        if __name__ == "__main__":
            flor.log("begin", 1)
            heard, said = multiprocessing.Pipe()
            child = multiprocessing.get_context("fork").Process(target=work, args=(said,))
            child.start()
            heard.recv()
            child.terminate()
            child.join()
        """
    )

    assert only(place).status == "finished"
    assert place.values("x") == list(range(1_000))


def test_a_fork_in_the_middle_of_nested_loops_keeps_the_records_of_both_apart(place: Workplace) -> None:
    """Both processes go on in the same loops; the child's own rows begin with an empty stack."""
    place.run(
        """
        import os, flor
        child = None
        for epoch in flor.loop("epoch", ["a", "b", "c"]):
            for step in flor.loop("step", [0.5, 0.25, 2]):
                flor.log("x", float(epoch == "b"))
                if epoch == "b" and step == 0.25:
                    child = os.fork()
                flor.log("who", "child" if child == 0 else "parent")
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        flor.log("end", 1)
        """
    )

    run = only(place)
    assert run.status == "finished"
    mine = [row for row in place.rows("who") if row.process == 0 and row.name == "who"]
    assert [row.value for row in mine] == ["parent"] * 9
    assert [row.it for row in mine] == [(e, s) for e in (1, 2, 3) for s in (1, 2, 3)]
    theirs = [row for row in place.rows("who") if row.process != 0]
    assert [row.value for row in theirs if row.name == "who"] == ["child"] * 5
    values = [row.value for row in place.rows() if row.name is None and row.path == "epoch/step"]
    assert values == [0.5, 0.25, 2] * 3


def test_children_forked_while_threads_log_do_not_hang(place: Workplace) -> None:
    place.run(
        """
        import os, threading, flor
        stop = threading.Event()
        flor.log("begin", 1)

        def work(number):
            i = 0
            while not stop.is_set():
                flor.log(f"t{number}-{i % 500}", f"text {i}")
                i += 1

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads: thread.start()
        for number in range(20):
            child = os.fork()
            if child == 0:
                for i in flor.loop("i", ["p", "q"]):
                    flor.log("x", number)
                    flor.log("new name", "text")
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
        """
    )

    assert sorted(place.values("x")) == sorted([*range(20), *range(20)])


def test_a_forked_child_that_returns_normally_ends_no_run_of_its_parent(place: Workplace) -> None:
    done = place.run(
        """
        import os, flor
        flor.log("x", 1)
        if os.fork() == 0:
            flor.log("x", 2)
        else:
            os.wait()
            flor.log("x", 3)
        """,
        "--kwargs",
        "unread=1",
    )

    assert only(place).status == "finished"
    assert sorted(place.values("x")) == [1, 2, 3]
    assert done.stdout.count("Changes committed") == 1
    assert done.stderr.count("unread") == 1


def test_a_subprocess_is_a_run_of_its_own_with_its_parent(place: Workplace) -> None:
    place.write("child.py", "import flor\nflor.log('y', flor.arg('lr', 0.5))")
    place.run(
        """
        import subprocess, sys, flor
        flor.log("x", flor.arg("lr", 0.1))
        subprocess.run([sys.executable, "child.py"], check=True)
        subprocess.run(f"{sys.executable} child.py", shell=True, check=True)
        """,
        "--kwargs",
        "lr=0.25",
    )

    parent, *children = place.catalog().runs
    assert parent.parent is None
    assert [child.parent for child in children] == [parent.run] * 2
    assert [child.filename for child in children] == ["child.py"] * 2
    assert place.values("y") == [0.5, 0.5]


def test_a_killed_run_whose_pid_the_shell_has_got_is_nobodys_parent(place: Workplace) -> None:
    left_behind = ring.folders()[0] / f"flor-{os.getuid()}-{os.getpid()}-0123456789abcdef.0.0.ring"
    left_behind.touch()
    try:
        place.run("import flor; flor.log('x', 1)")
    finally:
        left_behind.unlink()

    assert only(place).parent is None


def test_children_of_a_subprocess_are_of_its_run_not_of_the_one_above(place: Workplace) -> None:
    place.write(
        "tool.py",
        """
        import multiprocessing, flor

        def work(number):
            flor.log("y", number)

        if __name__ == "__main__":
            for method in ("spawn", "fork"):
                child = multiprocessing.get_context(method).Process(target=work, args=(1,))
                child.start()
                child.join()
        """,
    )
    place.run(
        """
        import subprocess, sys, flor
        flor.log("x", 1)
        subprocess.run([sys.executable, "tool.py"], check=True)
        """
    )

    main, *others = place.catalog().runs
    assert [row.name for row in place.rows(run=main.run)] == ["x"]
    assert place.values("y") == [1, 1]
    assert [run.parent for run in others] == [main.run] * len(others)


def test_a_grandchild_finds_the_run_though_its_parent_never_logs(place: Workplace) -> None:
    place.run(
        """
        import multiprocessing, flor

        def inner():
            flor.log("y", flor.arg("lr", 0.1))

        def outer():
            child = multiprocessing.get_context("spawn").Process(target=inner)
            child.start()
            child.join()

        if __name__ == "__main__":
            flor.log("x", flor.arg("lr", 0.1))
            child = multiprocessing.get_context("spawn").Process(target=outer)
            child.start()
            child.join()
        """,
        "--kwargs",
        "lr=0.5",
    )

    assert place.only_run().status == "finished"
    assert place.values("y") == [0.5]
