"""A run that was killed goes on in another process: one run, in order, and what came twice counts once."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from flor.errors import CannotResume
from flor.query.sql import query
from flor.replay import agreement
from flor.runs import cache, supersede
from journeys.cli_user import CliUser
from journeys.going_on import GoingOn, plain
from workplace import Workplace

LOSSES = [0.1 / (1 + i) for i in range(15)]


@pytest.fixture
def killed(place: Workplace) -> GoingOn:
    """A run that was killed in its fourth epoch."""
    return GoingOn.killed(place)


def test_what_is_superseded_is_in_no_view_and_stays_in_the_file(killed: GoingOn) -> None:
    place, run = killed.place, killed.run()
    assert place.values("loss") == LOSSES[:12]

    marked = killed.mark(after_epoch=3)

    assert place.values("loss") == LOSSES[:9]
    assert place.frame("accuracy")["accuracy"].tolist() == [0.0, 10.0, 20.0]
    assert sorted(place.catalog().names) == ["accuracy", "loss", "lr"]
    after = killed.run()
    assert (after.values, after.args) == ({"loss": LOSSES[8], "accuracy": 20.0}, {"lr": 0.1})
    assert (after.duration_s, after.status) == (run.duration_s, run.status)
    assert _sql(place, "SELECT count(*) FROM logs").iloc[0, 0] == 1 + 9 + 3
    assert _sql(place, "SELECT max(iteration) FROM loops WHERE loop_name = 'epoch'").iloc[0, 0] == 3
    [file] = place.layout.sealed.glob("*.parquet")
    kept = duckdb.sql(f"SELECT name FROM '{file}' WHERE source = 'superseded' ORDER BY seq").fetchall()
    assert [name for (name,) in kept if name] == ["loss"] * 3 + ["accuracy", "late", "more", "more"]
    assert [row[2] for row in plain(marked.records) if row[2]] == [name for (name,) in kept if name]
    shown = CliUser(place.root).json("show", "last")
    assert (shown["records"], [loop["path"] for loop in shown["loops"]]) == (13, ["epoch", "epoch/step"])


def test_to_mark_again_changes_nothing_and_says_the_same(killed: GoingOn) -> None:
    first = killed.mark()
    [file] = killed.place.layout.sealed.glob("*.parquet")
    before = file.stat()

    again = killed.mark()

    assert (again.first_seq, plain(again.records)) == (first.first_seq, plain(first.records))
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_run_that_goes_on_is_one_run_with_its_records_in_order(killed: GoingOn, tmp_path: Path) -> None:
    place, before = killed.place, killed.run()
    marked = killed.mark(after_epoch=3)

    killed.go_on(marked.first_seq, 3, 5)

    after = killed.run()
    assert (after.run, after.tstamp, after.version) == (before.run, before.tstamp, before.version)
    assert (before.status, after.status) == ("interrupted", "finished")
    assert (after.filename, after.argv) == ("train.py", before.argv)
    assert after.resumed == ("0/0 top(3)",)
    assert (after.args, after.values) == ({"lr": 0.1}, {"loss": LOSSES[14], "accuracy": 40.0})
    whole = Workplace.make(tmp_path / "whole" / "project", tmp_path / "home")
    whole.write("train.py", place.root.joinpath("train.py").read_text())
    whole.python("train.py")
    for names in (("loss",), ("accuracy", "lr"), ()):
        _assert_same(place.frame(*names), whole.frame(*names))
    for sql in (
        "SELECT path, name, value, kind, source FROM logs ORDER BY rank, process, seq",
        "SELECT loop_name, iteration, value FROM loops ORDER BY ALL",
        "SELECT name, value FROM args",
    ):
        pd.testing.assert_frame_equal(_sql(place, sql), _sql(whole, sql))
    seqs = [row.seq for row in place.rows()]
    assert seqs == sorted(set(seqs))


def test_a_run_that_goes_on_is_running_and_belongs_to_its_new_process(killed: GoingOn) -> None:
    place, before = killed.place, killed.run()
    marked = killed.mark()
    started = killed.start(
        marked.first_seq,
        """
        with flor.iteration("epoch", 3, 3):
            flor.log("accuracy", 30.0)
            print("here", flush=True)
            sys.stdin.readline()
        """,
    )
    started.wait_for("here")

    [during] = place.catalog().runs
    frame = place.frame("accuracy")
    with pytest.raises(CannotResume, match=f"still running as process {started.process.pid}"):
        supersede.mark(place.layout, before.run, 0, 0, 0)
    refused = killed.go_on(marked.first_seq, code=1, script="")
    started.tell()
    assert started.ended() == 0, started.output

    assert (during.status, during.duration_s, during.pid) == ("running", None, started.process.pid)
    assert frame["accuracy"].tolist() == [0.0, 10.0, 20.0, 30.0]
    assert "another process goes on with it" in refused
    assert place.values("accuracy") == [0.0, 10.0, 20.0, 30.0]
    assert place.statuses() == ["finished"]


def test_the_time_between_the_processes_does_not_count(killed: GoingOn) -> None:
    marked = killed.mark()
    killed.go_on(marked.first_seq, 3, 5)
    run = killed.run()
    parts = [cache.read_metadata(path) for path in sorted(killed.place.layout.sealed.glob("*.parquet"))]

    first, second = ((part.ended - part.started) / 1e6 for part in parts)
    assert parts[1].started > parts[0].ended
    assert run.duration_s == pytest.approx(first + second)


def test_a_run_that_is_killed_again_goes_on_again(killed: GoingOn) -> None:
    place = killed.place
    killed.go_on(killed.mark(after_epoch=2).first_seq, 2, 3)
    assert place.values("accuracy") == [0.0, 10.0, 20.0]
    killer = "import os, signal\nwith flor.iteration('epoch', 3, 3):\n    flor.log('accuracy', -1.0)\n"
    killed.go_on(
        killed.mark(after_epoch=3).first_seq, code=-9, script=killer + "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert (place.values("accuracy"), place.statuses()) == ([0.0, 10.0, 20.0, -1.0], ["interrupted"])

    marked = killed.mark(after_epoch=3)
    killed.go_on(marked.first_seq, 3, 5)

    assert (place.values("accuracy"), place.statuses()) == ([0.0, 10.0, 20.0, 30.0, 40.0], ["finished"])
    assert place.values("loss") == LOSSES
    # What was executed twice is compared with what came last.
    assert ("epoch", (4,), "accuracy", -1.0) in plain(marked.records)
    assert ("epoch/step", (4, 1), "loss", LOSSES[9]) in plain(marked.records)
    assert len(list(place.layout.sealed.glob("*.parquet"))) == 4
    assert killed.run().resumed == ("0/0 top(3)",) * 3


def test_a_run_that_goes_on_without_a_further_record_ends_as_its_last_process(killed: GoingOn) -> None:
    marked = killed.mark()

    killed.go_on(marked.first_seq, code=1, script="raise ValueError('no more')")
    assert killed.place.statuses() == ["failed"]
    killed.go_on(killed.mark().first_seq, script="")

    assert killed.place.statuses() == ["finished"]
    assert killed.place.values("accuracy") == [0.0, 10.0, 20.0]
    assert killed.place.statuses() == ["finished"]


def test_loops_whose_values_are_told_otherwise_keep_them(place: Workplace) -> None:
    words = """
        import os, signal, sys, flor
        for epoch in flor.loop("epoch", range(3)):
            for word in flor.loop("word", ["a", "b"]):
                flor.log("x", word)
        if "die" in sys.argv:
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = GoingOn.killed(place, words)
    seq = killed.seq_after("x", 2)
    marked = supersede.mark(place.layout, killed.id, 0, 0, seq)

    killed.go_on(
        marked.first_seq,
        script="""
            with flor.iteration("epoch", 2, "last"):
                for number in flor.loop("word", range(2)):
                    flor.log("x", number)
        """,
    )

    frame = place.frame("x")
    assert frame["epoch"].tolist() == [1, 1, 2, 2, 3, 3]
    assert frame["epoch_value"].tolist() == [0, 0, 1, 1, "last", "last"]
    assert frame["word_value"].tolist() == ["a", "b", "a", "b", 0, 1]


def test_a_ring_that_goes_round_after_going_on_loses_nothing(killed: GoingOn) -> None:
    count = 3 * 26_214 + 1_000
    script = f"""
        import os, signal
        for i in flor.loop("i", range({count})):
            flor.log("x", i)
            if i % 1000 == 0:
                flor.log("t", "a text of several slots, " * 4)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    for first_seq in (killed.mark().first_seq, 26_214 * 4, 26_214 * 20 + 1):
        killed.go_on(first_seq, code=-9, script=script)

        assert killed.place.values("x") == list(range(count))
        assert killed.place.values("t") == ["a text of several slots, " * 4] * (count // 1000 + 1)
        killed.mark()
        assert killed.place.rows("x") == []


def test_the_code_is_committed_at_the_end_if_it_was_not(killed: GoingOn) -> None:
    place = killed.place
    assert _closed(place) == []

    killed.go_on(killed.mark().first_seq, 3, 5)

    assert _closed(place) == [killed.id]
    place.run("import flor\nflor.log('x', 1)")
    assert _closed(place).count(killed.id) == 1


def test_code_that_a_later_run_has_committed_is_not_committed_again(killed: GoingOn) -> None:
    place = killed.place
    marked = killed.mark()
    place.run("import flor\nflor.log('x', 1)")
    assert _closed(place).count(killed.id) == 1

    killed.go_on(marked.first_seq, 3, 5)

    assert _closed(place).count(killed.id) == 1
    assert [run.status for run in place.catalog().runs] == ["finished", "finished"]


def test_what_is_executed_again_is_compared_with_what_it_was(killed: GoingOn) -> None:
    marked = killed.mark()
    killed.go_on(
        marked.first_seq,
        script="""
            with flor.iteration("epoch", 3, 3):
                for step in flor.loop("step", range(3)):
                    flor.log("loss", 0.1 / (10 + step) + (step == 1))
                flor.log("accuracy", 30)
                flor.log("new", "text")
                for step in flor.loop("extra", "a"):
                    flor.log("more", step)
            flor.log("after", 1)
        """,
    )

    now = supersede.records_from(killed.place.catalog(), killed.id, 0, 0, marked.first_seq)
    found = agreement.compare(marked.records, now)

    assert [str(one) for one in found] == [
        f"epoch 4, step 2: loss {0.1 / 11 + 1} was {0.1 / 11}",
        "epoch 4: accuracy 30 was 30.0",
        "epoch 4: late is missing, it was True",
        "epoch 4: new 'text' was not logged before",
    ]


def test_what_children_recorded_after_the_moment_is_superseded_too(place: Workplace) -> None:
    forking = """
        import os, signal, sys, flor
        for epoch in flor.loop("epoch", range(2)):
            flor.log("x", epoch)
            if not os.fork():
                flor.log("y", epoch)
                sys.exit()
            os.wait()
        flor.log("x", -1)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = GoingOn.killed(place, forking)
    seq, moment = _seq_and_time(place, "x", 1)
    assert (place.values("x"), sorted(place.values("y"))) == ([0, 1, -1], [0, 1])

    marked = supersede.mark(place.layout, killed.id, 0, 0, seq, children_after_us=moment)

    assert (place.values("x"), place.values("y")) == ([0, 1], [0])
    assert [row[2] for row in plain(marked.records)] == ["x"]


def test_clones_that_have_the_run_as_it_was_learn_what_was_superseded(killed: GoingOn) -> None:
    place = killed.place
    user = CliUser(place.root)
    user.git("init", "--quiet", "--bare", "../remote.git")
    user.git("remote", "add", "origin", "../remote.git")
    user.git("push", "--quiet", "origin", "main")
    user.read("push")
    user.git("clone", "--quiet", "--branch", "main", "../remote.git", "../clone")
    clone = Workplace(place.root.parent / "clone", place.environ)
    CliUser(clone.root).read("pull")
    assert clone.values("loss") == LOSSES[:12]

    killed.go_on(killed.mark().first_seq, 3, 5)
    user.read("push")
    CliUser(clone.root).read("pull")

    assert (clone.values("loss"), clone.statuses()) == (LOSSES, ["finished"])
    assert clone.values("late") == []
    _assert_same(clone.frame("loss", "accuracy"), place.frame("loss", "accuracy"))
    user.git("clone", "--quiet", "--branch", "main", "../remote.git", "../fresh")
    fresh = Workplace(place.root.parent / "fresh", place.environ)
    CliUser(fresh.root).read("pull")
    assert (fresh.values("loss"), fresh.catalog().problems) == (LOSSES, ())


def _seq_and_time(place: Workplace, name: str, value: object) -> tuple[int, int]:
    """Of the record with this value."""
    [chunk] = place.catalog().chunks([name])
    rows = chunk.table.to_pylist()
    return next((row["seq"], row["ts"]) for row in rows if (row["name"], row["vi"]) == (name, value))


def _closed(place: Workplace) -> list[str]:
    """The runs that have an auto-commit."""
    return place.git("log", "--format=%(trailers:key=Flor-Run,valueonly)", "flor.shadow").split()


def _sql(place: Workplace, sql: str) -> pd.DataFrame:
    return query(place.catalog(), sql, None)


def _assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    own = [name for name in one.columns if name not in ("tstamp", "run", "projid")]
    pd.testing.assert_frame_equal(one[own], other[own])
