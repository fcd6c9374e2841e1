"""Replays that are killed, meet each other, or find the code gone: nothing is left running or lost."""

import signal
import socket
from pathlib import Path

import pytest

from workplace import Workplace, eventually

KEEP_ALL = {"FLOR_EPSILON": "1000"}

SLOW = """
    import os
    import time

    import flor

    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            for step in flor.loop("step", range(3)):
                total += step
                if os.environ.get("FLOR_REPLAY"):
                    time.sleep(float(os.environ.get("SLOWLY", "0")))
                # nested
            flor.log("total", total)
    """


@pytest.fixture
def slow(place: Workplace) -> Workplace:
    """A project with a run that lacks an answer for `probe`."""
    place.run(SLOW, env=KEEP_ALL)
    place.write("train.py", SLOW.replace("# nested\n", 'flor.log("probe", total * 2)\n'))
    return place


def executed_in(place: Workplace) -> list[int]:
    """The processes that execute the project's script again."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if str(place.layout.worktrees).encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_replay_that_is_stopped_leaves_no_process_and_the_next_one_completes(
    number: int, slow: Workplace
) -> None:
    stopped = slow.start("-m", "flor", "replay", "probe", "--yes", "--workers", "2", env={"SLOWLY": "600"})
    eventually(lambda: executed_in(slow), seconds=60)
    code = stopped.signal(number)
    eventually(lambda: not executed_in(slow))

    slow.python("-m", "flor", "replay", "probe", "--yes")

    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert slow.values("probe") == [0, 2, 6, 6, 8, 12, 12, 14, 18]
    assert not list(slow.layout.worktrees.iterdir())


def test_two_replays_at_once_give_the_answers_once(slow: Workplace) -> None:
    both = [
        slow.start("-m", "flor", "replay", "probe", "--yes", env={"SLOWLY": "0.1", "FLOR_MOUNT": mount})
        for mount in ("on", "off")
    ]

    codes = [each.ended() for each in both]

    assert codes == [0, 0], [each.output for each in both]
    assert slow.frame("probe")["probe"].tolist() == [0, 2, 6, 6, 8, 12, 12, 14, 18]
    assert not list(slow.layout.worktrees.iterdir())


def test_a_run_whose_code_is_gone_is_refused_with_the_reason(slow: Workplace) -> None:
    slow.write("train.py", "import flor\nflor.log('probe', 1)\n")
    slow.git("branch", "-D", "flor.shadow")
    slow.git("reflog", "expire", "--expire=now", "--all")
    slow.git("gc", "--prune=now", "--quiet")

    done = slow.python("-m", "flor", "replay", "probe", "--yes", code=1)

    assert "Traceback" not in done.stderr
    assert "its code is no longer in the repository" in done.stdout + done.stderr


def test_a_script_that_reads_standard_input_is_not_waited_for(place: Workplace) -> None:
    script = "import flor, sys\nprint(repr(sys.stdin.read()))\nflor.log('x', 1)\n# suffix\n"
    place.run(script, input="")
    place.write("train.py", script.replace("# suffix", "flor.log('probe', 2)"))

    place.python("-m", "flor", "replay", "probe", "--yes", input="never read\n")

    assert place.values("probe") == [2]


def test_a_port_that_is_taken_is_named(place: Workplace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        script = (
            f"import flor, socket\nsocket.socket().bind(('127.0.0.1', {port}))\nflor.log('x', 1)\n# suffix\n"
        )
        place.write("train.py", script)
        taken.close()
        place.python("train.py")
        place.write("train.py", script.replace("# suffix", "flor.log('probe', 2)"))
        again = socket.socket()
        again.bind(("127.0.0.1", port))

        done = place.python("-m", "flor", "replay", "probe", "--yes", code=1)
        again.close()

    assert "a port that it binds is in use" in done.stdout + done.stderr


def test_segments_that_bind_one_port_are_executed_one_after_another(place: Workplace) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    script = SLOW.replace(
        "total = 0", f"import socket\n\n    socket.socket().bind(('127.0.0.1', {port}))\n    total = 0"
    ).replace("import socket\n\n    socket.socket()", "import socket\n\n    kept = socket.socket()\n    kept")
    place.run(script, env=KEEP_ALL)
    place.write("train.py", script.replace("# nested\n", 'flor.log("probe", total * 2)\n'))

    place.python("-m", "flor", "replay", "probe", "--yes", "--workers", "3", env={"SLOWLY": "0.3"})

    assert place.frame("probe")["probe"].tolist() == [0, 2, 6, 6, 8, 12, 12, 14, 18]


def test_a_run_of_which_a_file_cannot_be_had_is_refused_and_the_others_are_answered(
    place: Workplace,
) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    script = "import flor\nflor.log('x', 1)\n# suffix\n"
    place.run(script)
    place.write(".gitattributes", "*.bin filter=lfs\n")
    place.write("model.bin", pointer)
    place.run(script)
    place.write("train.py", script.replace("# suffix", "flor.log('probe', 2)"))

    done = place.python("-m", "flor", "replay", "probe", "--yes", code=1)

    assert place.values("probe") == [2]
    assert "model.bin: its content is not in the LFS store of this clone" in done.stdout
    assert "Traceback" not in done.stderr
