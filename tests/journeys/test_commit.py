"""`flor.commit()`: where a run ends and the next one begins."""

from workplace import Row, Workplace


def _by_run(place: Workplace, *names: str) -> list[list[Row]]:
    return [place.rows(*names, run=run.run) for run in place.catalog().runs]


def test_a_long_lived_process_makes_a_run_of_each_round(place: Workplace) -> None:
    done = place.run(
        """
        import flor
        for round in range(3):
            flor.log("lr", flor.arg("lr", 0.5))
            for page in range(2):
                with flor.iteration("page", None, f"p{page}"):
                    flor.log("x", round * 10 + page)
            flor.commit()
        """
    )

    assert place.statuses() == ["finished"] * 3
    assert [[row.value for row in rows] for rows in _by_run(place, "x")] == [[0, 1], [10, 11], [20, 21]]
    assert [[row.it for row in rows] for rows in _by_run(place, "x")] == [[(1,), (2,)]] * 3
    assert [run.args for run in place.catalog().runs] == [{"lr": 0.5}] * 3
    assert done.stdout.count("Changes committed successfully.") == 3
    assert len({run.tstamp for run in place.catalog().runs}) == 3


def test_a_commit_within_loops_lets_them_go_on_in_the_next_run(place: Workplace) -> None:
    place.run(
        """
        import flor
        for day in flor.loop("day", ["mon", "tue", "wed"]):
            for hour in flor.loop("hour", [8.5, 9.5]):
                flor.log("x", f"{day} {hour}")
                if (day, hour) == ("tue", 8.5):
                    flor.commit()
                    flor.log("x", "between")
        flor.log("end", True)
        """
    )

    first, second = _by_run(place, "x")
    assert [(row.value, row.path, row.it) for row in first] == [
        ("mon 8.5", "day/hour", (1, 1)),
        ("mon 9.5", "day/hour", (1, 2)),
        ("tue 8.5", "day/hour", (2, 1)),
    ]
    assert [(row.value, row.path, row.it) for row in second] == [
        ("between", "day/hour", (2, 1)),
        ("tue 9.5", "day/hour", (2, 2)),
        ("wed 8.5", "day/hour", (3, 1)),
        ("wed 9.5", "day/hour", (3, 2)),
    ]
    assert [len(rows) for rows in _by_run(place, "end")] == [0, 1]
    assert place.rows("end") == [Row("end", True)]
    frame = place.frame("x")
    assert frame["day_value"].tolist() == ["mon", "mon", "tue", "tue", "tue", "wed", "wed"]


def test_a_commit_within_an_iteration_ends_with_it(place: Workplace) -> None:
    place.run(
        """
        import flor
        for i in range(2):
            with flor.iteration("page", None, f"p{i}"):
                flor.log("x", i)
                flor.commit()
                flor.log("y", i)
            flor.log("z", i)
        """
    )

    assert [[(row.value, row.it) for row in rows] for rows in _by_run(place, "x")] == [
        [(0, (1,))],
        [(1, (2,))],
        [],
    ]
    assert [[(row.value, row.it) for row in rows] for rows in _by_run(place, "y")] == [
        [],
        [(0, (1,))],
        [(1, (2,))],
    ]
    assert [[(row.value, row.it) for row in rows] for rows in _by_run(place, "z")] == [
        [],
        [(0, ())],
        [(1, ())],
    ]


def test_a_thread_that_commits_moves_alone(place: Workplace) -> None:
    place.run(
        """
        import threading, flor
        moved, done = threading.Event(), threading.Event()

        def leaves():
            flor.log("leaving", 1)
            flor.commit()
            flor.log("alone", 2)
            moved.set()
            done.wait()
            flor.log("alone", 4)

        def stays():
            moved.wait()
            flor.log("staying", 3)
            done.set()

        threads = [threading.Thread(target=target) for target in (leaves, stays)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        flor.log("last", 5)
        raise ValueError("the main run fails, the thread's own had ended before")
        """,
        code=1,
    )

    main, own = place.catalog().runs
    assert [run.status for run in (main, own)] == ["failed", "finished"]
    assert {row.name: row.value for row in place.rows(run=main.run)} == {
        "leaving": 1,
        "staying": 3,
        "last": 5,
    }
    assert [row.value for row in place.rows(run=own.run)] == [2, 4]
    assert sum("Auto-commit" in subject for subject in place.commits()) == 2


def test_a_task_that_commits_moves_alone(place: Workplace) -> None:
    place.run(
        """
        import asyncio, flor

        async def leaves(moved):
            for i in flor.loop("i", range(4)):
                flor.log("x", i)
                if i == 1:
                    flor.commit()
                    moved.set()
                await asyncio.sleep(0)

        async def stays(moved):
            await moved.wait()
            flor.log("staying", 1)

        async def main():
            flor.log("begin", 1)
            moved = asyncio.Event()
            await asyncio.gather(leaves(moved), stays(moved))
            flor.log("end", 1)

        asyncio.run(main())
        flor.log("after", 1)
        """
    )

    first, second = place.catalog().runs
    assert [
        (row.name, row.value) for row in place.rows("begin", "staying", "end", "after", run=first.run)
    ] == [
        ("begin", 1),
        ("staying", 1),
        ("end", 1),
        ("after", 1),
    ]
    assert [(row.value, row.it) for row in place.rows("x", run=first.run)] == [(0, (1,)), (1, (2,))]
    assert [(row.value, row.it) for row in place.rows("x", run=second.run)] == [(2, (3,)), (3, (4,))]
    assert [run.status for run in (first, second)] == ["finished"] * 2


def test_a_commit_without_a_record_makes_no_run(place: Workplace) -> None:
    place.run("import flor\nflor.commit()\nflor.commit()\nflor.log('x', 1)\nflor.commit()\nflor.commit()")

    assert place.values("x") == [1]
    assert place.statuses() == ["finished"]
    assert not list(place.layout.journals.glob("*.*"))


def test_a_child_that_commits_goes_on_in_a_run_of_its_own(place: Workplace) -> None:
    place.run(
        """
        import multiprocessing, flor

        def work():
            flor.log("x", 1)
            flor.commit()
            flor.log("x", 2)

        flor.log("begin", 0)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        flor.log("x", 3)
        """
    )

    assert [sorted(row.value for row in rows) for rows in _by_run(place, "x")] == [[1, 3], [2]]
    assert place.statuses() == ["finished", "finished"]
