"""Threads and asyncio tasks: one run, and a stack of loops for each."""

from workplace import Row, Workplace


def test_threads_that_log_for_the_first_time_at_once_share_one_run(place: Workplace) -> None:
    place.run(
        """
        import threading, flor
        barrier = threading.Barrier(8)

        def work(number):
            barrier.wait()
            flor.log("x", number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )

    assert place.statuses() == ["finished"]
    assert sorted(place.values("x")) == list(range(8))


def test_each_thread_has_loops_of_its_own_and_none_pair(place: Workplace) -> None:
    place.run(
        """
        import sys, threading, flor
        sys.setswitchinterval(1e-6)

        def work(number):
            for epoch in flor.loop("epoch", range(20)):
                for step in flor.loop("step", range(5)):
                    flor.log("x", number * 1_000 + epoch * 10 + step)

        with_loop = []
        for outer in flor.loop("outer", range(2)):
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            flor.log("done", outer)
        """
    )

    rows = place.rows("x")
    assert len(rows) == 2 * 4 * 20 * 5
    assert all(row.it == (row.value % 1_000 // 10 + 1, row.value % 10 + 1) for row in rows)
    # The loops of every thread are told apart, and each thread has one of its own.
    by_path: dict[str, set[int]] = {}
    for row in rows:
        by_path.setdefault(row.path, set()).add(row.value // 1_000)
    assert len(by_path) == 8
    assert all(len(threads) == 1 for threads in by_path.values())
    assert [row.path for row in place.rows("done")] == ["outer", "outer"]


def test_tasks_inherit_the_loops_they_start_in_and_keep_their_own(place: Workplace) -> None:
    place.run(
        """
        import asyncio, flor

        async def work(number):
            for step in flor.loop("step", range(3)):
                await asyncio.sleep(0)
                flor.log("x", number * 10 + step)
            flor.log("after", number)

        async def main():
            for epoch in flor.loop("epoch", range(2)):
                await asyncio.gather(*(work(number) for number in range(3)))
                flor.log("epoch_done", epoch)

        asyncio.run(main())
        """
    )

    rows = place.rows("x")
    assert len(rows) == 18
    assert {row.path for row in rows} == {"epoch/step", "epoch/step#2", "epoch/step#3"}
    for row in rows:
        assert row.it[1] == row.value % 10 + 1
    for epoch in (1, 2):
        mine = [row for row in rows if row.it[0] == epoch]
        assert len({(row.path, row.value // 10) for row in mine}) == 3
    assert [(row.path, row.it) for row in place.rows("epoch_done")] == [("epoch", (1,)), ("epoch", (2,))]
    assert {(row.path, row.it) for row in place.rows("after")} == {("epoch", (1,)), ("epoch", (2,))}


def test_async_generators_and_to_thread_keep_their_places(place: Workplace) -> None:
    place.run(
        """
        import asyncio, flor

        async def batches():
            for batch in flor.loop("batch", ["a", "b", "c"]):
                await asyncio.sleep(0)
                yield batch

        def compute(batch):
            for part in flor.loop("part", range(2)):
                flor.log("part_sum", f"{batch}{part}")

        async def main():
            async for batch in batches():
                flor.log("inside", batch)
                await asyncio.to_thread(compute, batch)
            flor.log("outside", 1)
            async for batch in batches():
                if batch == "b":
                    break
            await asyncio.sleep(0)

        asyncio.run(main())
        """
    )

    inside = [(row.value, row.path, row.it) for row in place.rows("inside")]
    assert inside == [("a", "batch", (1,)), ("b", "batch", (2,)), ("c", "batch", (3,))]
    parts = [(row.value, row.path, row.it) for row in place.rows("part_sum")]
    expected = [(f"{b}{p}", "batch/part", (i, p + 1)) for i, b in enumerate("abc", 1) for p in (0, 1)]
    assert parts == expected
    assert place.rows("outside") == [Row("outside", 1)]


def test_iterations_of_a_server_keep_apart_though_requests_overlap(place: Workplace) -> None:
    place.run(
        """
        import asyncio, threading, flor

        async def request(number):
            with flor.iteration("page", None, f"p{number}"):
                await asyncio.sleep(0.001 * (3 - number))
                flor.log("served", number)
                with flor.iteration("field", 4, "name"):
                    flor.log("field_value", number)

        async def main():
            await asyncio.gather(*(request(number) for number in range(3)))

        asyncio.run(main())

        def threaded(number):
            with flor.iteration("page", None, f"t{number}"):
                flor.log("served", number)

        threads = [threading.Thread(target=threaded, args=(n,)) for n in range(3, 6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )

    frame = place.frame("served")
    assert sorted(frame["page"]) == [1, 2, 3, 4, 5, 6]
    by_page = dict(zip(frame["page_value"], frame["served"], strict=True))
    assert by_page == {"p0": 0, "p1": 1, "p2": 2, "t3": 3, "t4": 4, "t5": 5}
    assert {(row.path, row.it[1]) for row in place.rows("field_value")} == {("page/field", 5)}
