"""Console capture: what a script prints is kept, and its terminal shows what it always showed."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from flor.errors import FlorWarning, RunNotFound
from flor.query.console import console
from flor.record.console import LIMIT_BYTES
from workplace import Workplace

OFF = {"PYTHONUNBUFFERED": ""}
ON = OFF | {"FLOR_CAPTURE": "1"}


def printed(place: Workplace, run: str | None = None) -> pd.DataFrame:
    return console(place.catalog(), run)


def lines(place: Workplace, stream: str | None = None) -> list[str]:
    """The lines kept of the newest run."""
    frame = printed(place)
    return list(frame["text"] if stream is None else frame["text"][frame["stream"] == stream])


def test_each_line_is_kept_with_its_loops_its_stream_and_its_time(place) -> None:
    place.run(
        """
        import flor, sys
        flor.log("a", 1)
        print("begin")
        for epoch in flor.loop("epoch", range(2)):
            for word in flor.loop("word", ["x", "y"]):
                print("epoch", epoch, word)
            print("bad", file=sys.stderr)
        print("end", end="")
        """,
        env=ON,
    )

    frame = printed(place)

    fixed = ["projid", "tstamp", "filename"]
    assert list(frame) == [*fixed, "epoch", "epoch_value", "word", "word_value", "stream", "time", "text"]
    assert frame["text"].tolist() == [
        *("begin", "epoch 0 x", "epoch 0 y", "bad", "epoch 1 x", "epoch 1 y", "bad", "end")
    ]
    assert frame["stream"].tolist() == ["stderr" if text == "bad" else "stdout" for text in frame["text"]]
    assert frame["epoch"].fillna(0).tolist() == [0, 1, 1, 1, 2, 2, 2, 0]
    assert frame["word_value"].fillna("").tolist() == ["", "x", "y", "", "x", "y", "", ""]
    assert frame["time"].dtype == "datetime64[us]"
    assert frame["time"].is_monotonic_increasing
    assert (frame["time"] - frame["tstamp"]).dt.total_seconds().between(0, 60).all()


def test_lines_are_no_values(place) -> None:
    place.run('import flor\nflor.log("a", 1)\nprint("hello")', env=ON)

    [run] = place.catalog().runs
    assert run.values == {"a": 1}
    assert [row.name for row in place.rows()] == ["a"]
    assert list(place.frame("a")["a"]) == [1]


def test_it_is_off_unless_asked_for_and_the_answer_says_so(place) -> None:
    place.run('import flor\nflor.log("a", 1)\nprint("hello")')

    with pytest.warns(FlorWarning, match="FLOR_CAPTURE=1"):
        frame = printed(place)

    assert list(frame) == ["projid", "tstamp", "filename", "stream", "time", "text"]
    assert frame.empty


def test_pyproject_switches_it_on(place) -> None:
    place.write("pyproject.toml", "[tool.flor]\ncapture = true\n")

    place.run('import flor\nflor.log("a", 1)\nprint("hello")')

    assert lines(place) == ["hello"]


def test_a_script_reads_its_own_output_and_that_of_runs_before(place) -> None:
    script = 'import flor\nflor.log("a", 1)\nprint("{}")\nprint(flor.io()["text"].tolist()[0])\n'
    place.run(script.format("one"), env=ON)
    [first] = place.catalog().runs
    shown = place.run(script.format("two"), env=ON).stdout

    assert shown.splitlines()[:2] == ["two", "two"]
    assert printed(place, first.run[:6])["text"].tolist() == ["one", "one"]
    assert printed(place, "last")["text"].tolist() == ["two", "two"]
    with pytest.raises(RunNotFound):
        printed(place, "nothing")


def test_the_newest_run_with_output_answers(place) -> None:
    place.run('import flor\nflor.log("a", 1)\nprint("hello")', env=ON)
    place.run('import flor\nflor.log("a", 1)\nprint("bye")')

    assert lines(place) == ["hello"]


def test_what_is_printed_before_the_first_record_is_not_kept(place) -> None:
    place.run('import flor\nprint("before")\nflor.log("a", 1)\nprint("after")', env=ON)

    assert lines(place) == ["after"]


def test_after_a_commit_output_belongs_to_the_next_run(place) -> None:
    place.run(
        """
        import flor
        flor.log("a", 1); print("one", end="")
        flor.commit()
        print("between")
        flor.log("a", 2); print("two")
        """,
        env=ON,
    )

    first, second = place.catalog().runs
    assert printed(place, first.run)["text"].tolist() == ["one"]
    assert printed(place, second.run)["text"].tolist() == ["two"]


def test_handlers_of_logging_made_before_are_heard(place) -> None:
    place.run(
        """
        import logging
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        import flor
        flor.log("a", 1)
        logging.info("in %s", "time")
        """,
        env=ON,
    )

    assert lines(place, "stderr") == ["INFO in time"]


def test_of_progress_bars_the_last_state_is_kept(place) -> None:
    place.run(
        """
        import flor
        from tqdm import tqdm
        flor.log("a", 1)
        for i in range(5):
            print(f"{i * 25}%", end="\\r")
        print()
        for _ in tqdm(range(100), desc="bar", mininterval=0):
            pass
        """,
        env=ON,
    )

    assert lines(place, "stdout") == ["100%"]
    [bar] = lines(place, "stderr")
    assert bar.startswith("bar: 100%")


def test_what_flordb_says_itself_is_not_kept(place) -> None:
    shown = place.run('import flor\nflor.log("a", 1)\nprint("mine")', env=ON | {"FLOR_ECHO": "all"}).stdout

    assert shown.splitlines() == [
        *("Created branch flor.shadow", "a: 1", "mine", "Changes committed successfully.")
    ]
    assert lines(place) == ["mine"]


def test_lines_of_threads_stay_whole(place) -> None:
    place.run(
        """
        import flor, sys, threading
        sys.setswitchinterval(1e-6)
        flor.log("a", 1)
        def say(name):
            for i in range(300):
                print(name, i)
        threads = [threading.Thread(target=say, args=(name,)) for name in "abcd"]
        [thread.start() for thread in threads]; [thread.join() for thread in threads]
        """,
        env=ON,
    )

    assert sorted(lines(place)) == sorted(f"{name} {i}" for name in "abcd" for i in range(300))


def test_a_traceback_and_what_exit_hooks_print_are_kept(place) -> None:
    place.write(
        "train.py",
        'import atexit, flor\natexit.register(print, "bye")\nflor.log("a", 1)\nraise ValueError("no")\n',
    )
    place.python("train.py", code=1, env=ON)

    assert lines(place, "stderr")[0] == "Traceback (most recent call last):"
    assert lines(place, "stderr")[-1] == "ValueError: no"
    assert lines(place, "stdout") == ["bye"]


def test_children_keep_their_output_in_a_journal_of_their_own(place) -> None:
    place.run(
        """
        import flor, multiprocessing
        def work(i):
            flor.log("i", i); print("child", i)
        if __name__ == "__main__":
            flor.log("a", 1)
            print("parent", end="")
            for method in ("fork", "spawn"):
                process = multiprocessing.get_context(method).Process(target=work, args=(method,))
                process.start(); process.join()
            print("!")
        """,
        env=ON,
    )

    frame = printed(place)

    assert sorted(frame["text"]) == ["child fork", "child spawn", "parent!"]
    assert frame["process"].isna().tolist() == [not text.startswith("child") for text in frame["text"]]
    assert len(place.catalog().runs) == 1


def test_a_forked_child_that_only_prints_is_heard_too(place) -> None:
    place.run(
        """
        import flor, os, warnings
        # From Python 3.12 on, a fork beside any other thread warns.
        warnings.simplefilter("ignore", DeprecationWarning)
        flor.log("a", 1)
        for epoch in flor.loop("epoch", range(1)):
            if os.fork() == 0:
                print("child", flush=True)
                os._exit(0)
            os.wait()
        """,
        env=ON,
    )

    assert lines(place) == ["child"]


def test_a_killed_script_loses_no_line(place) -> None:
    place.write(
        "train.py",
        """import flor, os
flor.log("a", 1)
for i in range(1000):
    print("line", i)
os.write(1, b"\\nready\\n")
input()
""",
    )
    started = place.start("train.py", env=ON)
    started.wait_for("ready")

    started.kill()

    assert lines(place) == [f"line {i}" for i in range(1000)]


def test_a_flood_is_bounded_and_the_rest_counted(place) -> None:
    script = 'import flor\nflor.log("a", 1)\nfor i in range(2_000): print(f"{i:010000}")\nflor.log("b", 2)'
    shown = [line for line in place.run(script, env=ON).stdout.splitlines() if line.isdigit()]

    kept = lines(place)

    assert len(shown) == 2_000
    assert kept[:-1] == shown[: LIMIT_BYTES // 10_000]
    left_out = 2_000 * 10_000 - 10_000 * (len(kept) - 1)
    assert kept[-1] == f"[flor: {left_out:,} more bytes of output were left out]"
    assert place.only_run().values == {"a": 1, "b": 2}


def test_text_that_the_stream_refuses_raises_as_ever_and_is_not_kept(place) -> None:
    place.run(
        """
        import flor
        flor.log("a", 1)
        try:
            print("\\xfc")
        except UnicodeEncodeError:
            print("refused")
        """,
        env=ON | {"PYTHONIOENCODING": "ascii"},
    )

    assert lines(place) == ["refused"]


def test_bytes_that_are_no_text_come_back(place) -> None:
    place.run(
        'import flor\nflor.log("a", 1)\nprint("file \\udcff")\nprint("plain")',
        env=ON | {"PYTHONIOENCODING": "utf-8:replace"},
    )

    assert lines(place) == ["file \udcff", "plain"]


CLOSED = """
import flor, sys
flor.log("a", 1)
sys.stdout.close()
try:
    print("lost")
except ValueError as error:
    print(error, file=sys.stderr)
sys.stdout = None
print("nowhere")
flor.commit()
flor.log("b", 1)
"""


def test_a_closed_stream_is_closed_as_ever(place) -> None:
    without, kept = place.run(CLOSED), place.run(CLOSED, env=ON)

    assert without.stderr == kept.stderr == "I/O operation on closed file.\n"
    assert lines(place) == ["I/O operation on closed file."]


def test_a_reader_that_goes_away_stops_the_script_as_ever(place) -> None:
    place.write("train.py", 'import flor\nflor.log("a", 1)\nwhile True: print("y" * 1000)\n')
    codes = []
    for env in (OFF, ON):
        started = place.start("train.py", env=env)
        assert started.process.stdout
        started.process.stdout.readline()
        started.process.stdout.close()
        codes.append(started.process.wait(timeout=60))
        with started.process:
            assert "BrokenPipeError" in started.process.stderr.read()

    assert codes[0] == codes[1]


def test_a_stream_of_another_kind_keeps_its_write(place) -> None:
    shown = place.run(
        """
        import sys
        class Fixed:
            __slots__ = ("inner",)
            def write(self, text): return self.inner.write(text)
            def flush(self): self.inner.flush()
        fixed = Fixed(); fixed.inner = sys.stdout; sys.stdout = fixed
        import flor
        flor.log("a", 1)
        print("shown")
        """,
        env=ON,
    )

    assert "shown" in shown.stdout.splitlines()
    assert shown.stderr == ""
    assert place.only_run().faults == ("stdout is not kept: the `write` of a Fixed cannot be replaced",)


def test_output_that_is_led_elsewhere_is_not_kept_and_the_streams_are_left_as_they_were(place) -> None:
    place.run(
        """
        import atexit, contextlib, io, sys
        import flor
        atexit.register(lambda: None)
        flor.log("a", 1)
        with contextlib.redirect_stdout(io.StringIO()) as inner:
            print("inside")
        assert inner.getvalue() == "inside\\n"
        sys.stdout.writelines(["x\\n", "y\\n"])
        from flor.record import session
        session.current().close()
        assert "write" not in vars(sys.stdout) and "write" not in vars(sys.stderr)
        """,
        env=ON,
    )

    assert lines(place) == ["x", "y"]


SHOW = """
import logging, sys, warnings
from tqdm import tqdm
logging.basicConfig()
import flor
flor.log("a", 1)
for stream in (sys.stdout, sys.stderr):
    print(stream.isatty(), stream.encoding, stream.errors, stream.line_buffering)
print("no end", end="")
print("x", file=sys.stderr)
sys.stdout.write("\\u00fc\\u4e16")
sys.stdout.buffer.write(b"bytes\\n")
with flor.iteration("page", None, 1):
    flor.log("b", 2)
for i in tqdm(range(3), bar_format="{n}/{total}", mininterval=0):
    for j in tqdm(range(3), bar_format="{n}/{total}", leave=False, mininterval=0):
        tqdm.write(f"{i} {j}")
logging.warning("careful")
warnings.warn("look")
print(repr(print("a", "b", sep="\\n", flush=True)), sys.stdout.write(""), file=sys.stderr)
raise ValueError("\\u00fc")
"""


@pytest.mark.parametrize("option", [[], ["-u"]])
def test_a_terminal_shows_the_same_bytes_with_and_without(place, option) -> None:
    place.write("train.py", SHOW)

    without = _on_a_terminal(place, [*option, "train.py"], OFF)
    place.git("branch", "-D", "flor.shadow")
    kept = _on_a_terminal(place, [*option, "train.py"], ON)

    assert kept == without
    assert b"careful" in kept
    assert "WARNING:root:careful" in lines(place)


@pytest.mark.parametrize("option", [[], ["-u"]])
def test_a_pipe_gets_the_same_bytes_with_and_without(place, option) -> None:
    place.write("train.py", SHOW)

    without = place.python(*option, "train.py", code=1, env=OFF)
    place.git("branch", "-D", "flor.shadow")
    kept = place.python(*option, "train.py", code=1, env=ON)

    assert (kept.stdout, kept.stderr) == (without.stdout, without.stderr)


def _on_a_terminal(place: Workplace, arguments: list[str], env: dict[str, str]) -> bytes:
    """All bytes that a terminal gets."""
    mine, theirs = pty.openpty()
    environ = place._environ(env | {"FLOR_ECHO": "all", "COLUMNS": "80", "TQDM_MININTERVAL": "0"})
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=place.root, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    content = b""
    while piece := _read(mine):
        content += piece
    os.close(mine)
    assert process.wait(timeout=60) == 1
    return content


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed
        return b""


def test_ctrl_c_while_printing_stops_the_script(place) -> None:
    place.write(
        "train.py",
        'import flor\nflor.log("a", 1)\nprint("ready", flush=True)\nwhile True: print("y", end="")\n',
    )
    started = place.start("train.py", env=ON)
    started.wait_for("ready")

    started.process.send_signal(signal.SIGINT)
    started.process.communicate(timeout=60)

    assert place.statuses() == ["interrupted"]
    assert lines(place)[-1] == "KeyboardInterrupt"


def test_the_streams_of_a_script_that_keeps_nothing_are_not_touched(place) -> None:
    place.run('import flor, sys\nflor.log("a", 1)\nassert "write" not in vars(sys.stdout)')

    assert Path(place.layout.home).exists()
