"""Loops of every shape, and ways to leave them."""

import os
import pty
import termios

from workplace import Row, Workplace


def test_a_loop_left_in_any_way_leaves_no_wrong_context_behind(place: Workplace) -> None:
    place.run(
        """
        import flor

        def by_return():
            for i in flor.loop("i", range(5)):
                if i == 2:
                    return

        def by_exception():
            for i in flor.loop("i", range(5)):
                for j in flor.loop("j", range(5)):
                    if j == 1:
                        raise KeyError(j)

        def numbers():
            for i in flor.loop("i", range(5)):
                yield i

        for i in flor.loop("i", range(5)):
            if i == 3:
                break
        flor.log("after", "break")
        by_return()
        flor.log("after", "return")
        try:
            by_exception()
        except KeyError:
            flor.log("after", "exception")
        flor.log("after", "handler")
        for number in numbers():
            if number == 1:
                break
        flor.log("after", "generator")
        for i in flor.loop("i", range(3)):
            continue
        else:
            flor.log("after", "else")
        """
    )

    assert [row.value for row in place.rows("after")] == [
        "break", "return", "exception", "handler", "generator", "else",
    ]  # fmt: skip
    assert all(row.path == "" and row.it == () for row in place.rows("after"))


def test_the_values_of_a_loop_over_things_of_many_types_are_those_that_are_simple(place: Workplace) -> None:
    place.run(
        """
        import numpy as np
        import flor

        class Batch: ...

        ITEMS = [(1, 2), Batch(), 3, Batch(), "a", [1], (4,), {}, Batch(), np.float32(0.5), np.complex64(1),
                 np.float64(2.5), None, np.datetime64("2026-01-01"), np.int8(7), Batch(), True]
        with flor.checkpointing():
            for i in flor.loop("watched", ITEMS):
                flor.log("x", 1)
        for i in flor.loop("bare", ITEMS):
            flor.log("x", 1)
        """
    )

    frame = place.frame("x")
    simple = {3: 3, 5: "a", 10: 0.5, 12: 2.5, 15: 7, 17: True}
    for name in ("watched", "bare"):
        rows = frame[frame[name].notna()]
        assert {
            int(i): v for i, v in zip(rows[name], rows[f"{name}_value"], strict=True) if v is not None
        } == simple


def test_a_generator_that_is_never_finished_is_closed_by_the_loop_around_it(place: Workplace) -> None:
    done = place.run(
        """
        import flor
        kept = []
        for epoch in flor.loop("epoch", range(3)):
            flor.log("before", epoch)
            steps = flor.loop("step", range(10))
            kept.append(steps)
            next(steps), next(steps)
            flor.log("inside", epoch)
        flor.log("after", 1)
        """
    )

    assert done.stderr == ""
    assert [(row.path, row.it) for row in place.rows("before")] == [("epoch", (i,)) for i in (1, 2, 3)]
    assert [(row.path, row.it) for row in place.rows("inside")] == [("epoch/step", (i, 2)) for i in (1, 2, 3)]
    assert place.rows("after") == [Row("after", 1)]


def test_anything_can_be_iterated_over(place: Workplace) -> None:
    done = place.run(
        """
        import itertools, flor, numpy as np

        class Strange:
            def __len__(self): raise NotImplementedError("nobody knows")
            def __iter__(self): return iter("ab")

        for key in flor.loop("dict", {"x": 1, "y": 2}):
            flor.log("key", key)
        for pair in flor.loop("items", {"x": 1}.items()):
            flor.log("pair", list(pair))
        for n in flor.loop("generator", (n * n for n in range(3))):
            flor.log("square", n)
        for n in flor.loop("infinite", itertools.count(5)):
            flor.log("counted", n)
            if n == 7: break
        for c in flor.loop("strange", Strange()):
            flor.log("strange_item", c)
        for x in flor.loop("array", np.linspace(0, 1, 3)):
            flor.log("element", x)
        for f in flor.loop("ufunc", [np.sin, np.cos]):
            flor.log("function", f.__name__)
        for row in flor.loop("matrix", np.matrix([[1, 2], [3, 4]])):
            flor.log("row_sum", int(row.sum()))
        for nothing in flor.loop("empty", []):
            flor.log("never", 1)
        """
    )

    assert done.stderr == ""
    frame = place.frame("key", "square", "counted", "strange_item", "element", "function", "row_sum")
    for loop, values in [
        ("dict", ["x", "y"]), ("generator", [0, 1, 4]), ("infinite", [5, 6, 7]), ("strange", ["a", "b"]),
        ("array", [0.0, 0.5, 1.0]),
    ]:  # fmt: skip
        assert frame[f"{loop}_value"].dropna().tolist() == values
    assert frame["function"].dropna().tolist() == ["sin", "cos"]
    assert frame["row_sum"].dropna().tolist() == [3, 7]
    assert frame["ufunc_value"].dropna().tolist() == []
    assert "empty" not in frame
    assert place.values("pair") == [["x", 1]]


def test_ten_levels_and_recursion_keep_every_iteration(place: Workplace) -> None:
    place.run(
        """
        import flor

        def deeper(level, path):
            if level == 10:
                flor.log("leaf", path)
                return
            for i in flor.loop(f"l{level}", range(2 if level % 3 == 0 else 1)):
                deeper(level + 1, [*path, i])

        def recurse(depth):
            flor.log("depth", depth)
            if depth < 4:
                for i in flor.loop("same", [10, 20]):
                    if i == 10:
                        recurse(depth + 1)

        deeper(0, [])
        recurse(0)
        """
    )

    leaves = place.rows("leaf")
    assert len(leaves) == 2**4
    assert all(row.path == "/".join(f"l{level}" for level in range(10)) for row in leaves)
    assert [row.it for row in leaves] == [tuple(i + 1 for i in row.value) for row in leaves]
    depths = place.rows("depth")
    assert [(row.value, row.path, row.it) for row in depths] == [
        (depth, "/".join(["same"] * depth), (1,) * depth) for depth in range(5)
    ]
    assert "same_4" in place.frame("depth").columns


def test_training_and_test_steps_of_one_name_stand_below_one_another(place: Workplace) -> None:
    place.run(
        """
        import flor
        lr = flor.arg("lr", 0.5)
        for epoch in flor.loop("epoch", range(10)):
            for step in flor.loop("step", range(1000)):
                flor.log("loss", 1.0 / (step + 1))
            for step in flor.loop("step", range(100)):
                flor.log("correct", step)
            flor.log("accuracy", epoch / 10)
        """
    )

    frame = place.frame("lr", "loss", "correct", "accuracy")
    assert len(frame) == 11_000
    first = frame[frame["epoch"] == 1]
    assert first["loss"].notna().tolist() == [True] * 1000 + [False] * 100
    assert first["correct"].notna().tolist() == [False] * 1000 + [True] * 100
    assert first["step"].tolist() == [*range(1, 1001), *range(1, 101)]
    assert set(frame["accuracy"][frame["epoch"] == 4]) == {0.3}
    assert set(frame["lr"]) == {0.5}


def test_a_million_iterations_take_no_memory(place: Workplace) -> None:
    """Inner loops, driven iterations and values that need a record of their own included."""
    place.run(
        """
        import resource, flor

        def grown():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        def work(count):
            for i in flor.loop("i", range(count)):
                flor.log("x", 0.5)
                if i % 50 == 0:
                    for j in flor.loop("j", (1.5,)):
                        flor.log("y", i)
                    with flor.iteration("page", None, "p"):
                        flor.log("z", i)

        work(60_000)
        before = grown()
        work(1_000_000)
        flor.log("grown_mb", grown() - before)
        """
    )

    assert place.values("grown_mb")[0] < 16
    assert place.catalog().names["x"] == 1_060_000
    assert place.catalog().names["y"] == 21_200


def test_iterations_that_a_script_drives_itself(place: Workplace) -> None:
    place.run(
        """
        import flor
        for value in ("cover", "contents"):
            with flor.iteration("page", None, value):
                flor.log("x", value)
                for i, word in enumerate(["a", "b"]):
                    with flor.iteration("word", i, word):
                        flor.log("y", word)
        with flor.iteration("page", 7, {"not": "simple"}):
            flor.log("x", "seven")
        with flor.iteration("page", None, "again"):
            flor.log("x", "third by itself")
        try:
            with flor.iteration("page", 1.5, None):
                pass
        except TypeError as error:
            flor.log("refused", str(error))
        try:
            with flor.iteration("page", None, 1):
                1 / 0
        except ZeroDivisionError:
            flor.log("out", 1)
        """
    )

    frame = place.frame("x")
    assert frame["page"].tolist() == [1, 2, 8, 3]
    assert frame["page_value"].tolist()[:2] == ["cover", "contents"]
    assert frame["page_value"].tolist()[3] == "again"
    assert place.frame("y")[["page", "word"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert len(place.values("refused")) == 1
    assert place.rows("out") == [Row("out", 1)]


def test_progress_bars_show_on_a_terminal_and_change_nothing_for_the_script(place: Workplace) -> None:
    place.write(
        "train.py",
        """
        import multiprocessing, flor

        class Strange:
            def __len__(self): raise NotImplementedError("nobody knows")
            def __iter__(self): return iter("ab")

        for epoch in flor.loop("epoch", range(3)):
            for c in flor.loop("strange", Strange()):
                flor.log("x", c)
        multiprocessing.set_start_method("spawn")
        flor.log("method", multiprocessing.get_start_method())
        """,
    )
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = place.start("train.py", env={"FLOR_ECHO": "all"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = _read_all(mine)

    assert process.ended() == 0, shown
    assert "epoch: 100%" in shown
    assert "epoch: 0, strange: a, x: a" in shown
    assert place.values("method") == ["spawn"]
    assert place.values("x") == ["a", "b"] * 3


def _read_all(descriptor: int) -> str:
    content = b""
    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            return content.decode()
        content += piece
