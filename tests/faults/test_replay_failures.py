"""Past runs that fail, or cannot be executed any more: each says why, and the others are answered."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.replaying import KEEP_ALL, ask, ask_one, counts, probed
from workplace import SOURCE, Workplace, eventually

_SMALL = "2m"
LOOP = """
    import flor

    total = 0.0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            total += epoch
            flor.log("total", total)
            # behind
    """


def test_a_probe_that_raises_names_the_line_and_the_corrected_one_takes_its_place(place: Workplace) -> None:
    place.run(LOOP, env=KEEP_ALL)
    spread = 'flor.log(\n                "probe",\n                1 / (epoch - 2),\n            )'
    probed(place, f"\n\n\n{LOOP}", "behind", spread)

    done = place.python("-m", "flor", "replay", "probe", "--yes", code=1)

    lines = [line.strip() for line in (place.root / "train.py").read_text().splitlines()]
    line = lines.index("1 / (epoch - 2),") + 1
    assert f"the probe raised ZeroDivisionError: division by zero (train.py, line {line})" in done.stdout
    assert "  ZeroDivisionError: division by zero" in done.stderr
    assert place.values("probe") == [-0.5, -1.0, 1.0]
    assert place.values("total") == [0.0, 1.0, 3.0, 6.0]

    probed(place, LOOP, "behind", 'flor.log("probe", epoch - 2)')
    ask(place)
    assert place.values("probe") == [-2, -1, 0, 1]


def test_a_line_that_came_with_a_probe_and_raises_is_shown(place: Workplace) -> None:
    place.run(LOOP, env=KEEP_ALL)
    probed(place, LOOP, "behind", 'part = total / (epoch - 2)\n            flor.log("probe", part)')

    report = ask_one(place, code=1)

    assert "(at `part = total / (epoch - 2)`)" in report["reason"]


def test_a_version_that_no_longer_imports_is_named_and_the_others_are_answered(
    place: Workplace, tmp_path: Path
) -> None:
    script = "import flor\nfrom tools import scale\nflor.log('x', scale(2))\n# suffix\n"
    (tmp_path / "tools").mkdir()
    path = {"PYTHONPATH": f"{SOURCE}:{tmp_path / 'tools'}"}
    (tmp_path / "tools" / "tools.py").write_text("def scale(x):\n    return x\n")
    place.run(script, env=path)
    place.run(script.replace("from tools import scale", "scale = abs"), env=path)
    (tmp_path / "tools" / "tools.py").write_text("def scaled(x):\n    return x\n")
    probed(place, script, "suffix", "flor.log('probe', 1)")

    first, second = ask(place, code=1, **path)

    assert "the script ended with ImportError: cannot import name 'scale' from 'tools'" in first["reason"]
    assert (first["obtained"], second["obtained"]) == (0, 1)


def test_a_missing_package_is_named(place: Workplace, tmp_path: Path) -> None:
    script = "import flor\nimport tools\nflor.log('x', 1)\n# suffix\n"
    (tmp_path / "tools.py").touch()
    place.run(script, env={"PYTHONPATH": f"{SOURCE}:{tmp_path}"})
    (tmp_path / "tools.py").unlink()
    probed(place, script, "suffix", "flor.log('probe', 1)")

    report = ask_one(place, code=1)

    assert "the script ended with ModuleNotFoundError: No module named 'tools'" in report["reason"]
    assert report["obtained"] == 0


DATA = """
    import flor

    flor.log("x", open({path!r}).read())
    # suffix
    """


def test_a_data_file_that_was_deleted_is_had_from_the_store(place: Workplace) -> None:
    place.write(".gitignore", "data.txt\n")
    data = place.write("data.txt", "then")
    script = DATA.format(path="data.txt")
    place.run(script)
    data.unlink()
    probed(place, script, "suffix", 'flor.log("probe", open("data.txt").read())')

    report = ask_one(place)

    assert place.values("probe") == ["then"]
    assert report["diverged"] == 0
    assert not data.exists()


def test_a_data_file_that_was_deleted_and_not_kept_is_named(place: Workplace, tmp_path: Path) -> None:
    data = tmp_path / "data.txt"
    data.write_text("then")
    script = DATA.format(path=str(data))
    place.run(script)
    data.unlink()
    probed(place, script, "suffix", "flor.log('probe', 1)")

    report = ask_one(place, code=1)

    assert report["reason"].startswith(f"an input is no longer what it read: {data}")
    assert place.values("probe") == []


SLOW = """
    import os
    import time

    import flor

    SWITCH = "SLOWLY"  # what a script asks for by a name in quotes, a replay sets as it was
    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            for step in flor.loop("step", range(2)):
                total += step
                if os.environ.get(SWITCH):
                    print("pid", os.getpid(), flush=True)
                    time.sleep(600)
                # nested
    """


def test_a_worker_that_is_killed_is_reported_and_the_next_replay_completes(place: Workplace) -> None:
    place.run(SLOW, env=KEEP_ALL)
    probed(place, SLOW, "nested", 'flor.log("probe", total)')
    going_on = place.start("-m", "flor", "replay", "probe", "--yes", "--workers", "1", env={"SLOWLY": "1"})
    eventually(lambda: _told_pids(place), seconds=60)
    os.kill(_told_pids(place)[-1], signal.SIGKILL)

    code = going_on.ended()

    assert code == 1
    assert "killed by SIGKILL" in going_on.output[0]
    ask(place)
    assert place.frame("probe")["probe"].tolist() == [0, 1, 1, 2, 2, 3]


def _told_pids(place: Workplace) -> list[int]:
    logs = (place.root / ".flor" / "replays").glob("*.log")
    return [
        int(line.split()[1]) for log in logs for line in log.read_text().splitlines() if line[:4] == "pid "
    ]


@pytest.fixture
def small_disk(place: Workplace) -> Iterator[Path]:
    """A disk of a few MB for the store."""
    folder = place.layout.home
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_a_replay_with_room_completes(place: Workplace, small_disk: Path) -> None:
    place.run(LOOP, env=KEEP_ALL)
    large = 'import random\n            flor.log("probe", str(random.random()) * 40_000)'
    probed(place, LOOP, "behind", large)

    done = place.python("-m", "flor", "replay", "probe", "--yes", code=1)

    assert "Traceback" not in done.stderr
    assert re.search("disk.* is full|No space left", done.stdout + done.stderr)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert place.values("total") == [0.0, 1.0, 3.0, 6.0]
    place.python("-m", "flor", "replay", "probe", "--yes")
    assert len(place.values("probe")) == 4
    place.python("-m", "flor", "fsck")


@pytest.mark.parametrize("left", [0, 4_096, 60_000])
def test_with_hardly_any_room_a_replay_says_so(left: int, place: Workplace, small_disk: Path) -> None:
    place.run(LOOP, env=KEEP_ALL)
    assert place.values("total") == [0.0, 1.0, 3.0, 6.0]
    probed(place, LOOP, "behind", 'flor.log("probe", epoch)')
    room = os.statvfs(small_disk)
    (small_disk / "filling").write_bytes(bytes(max(room.f_bavail * room.f_frsize - left, 0)))

    done = place.python("-m", "flor", "replay", "probe", "--yes", code=1)

    assert "Traceback" not in done.stderr
    assert re.search("disk.* full|No space left", done.stdout + done.stderr)
    (small_disk / "filling").unlink()
    place.python("-m", "flor", "replay", "probe", "--yes")
    assert place.values("probe") == [0, 1, 2, 3]


def test_windows_are_shown_to_nobody(place: Workplace) -> None:
    place.write("gui.py", BACKEND)
    script = (
        "import flor\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2])\nplt.show()\nflor.log('x', 1)\n# suffix\n"
    )
    place.run(script, env={"MPLBACKEND": "module://gui", "DISPLAY": ":7"})
    probed(place, script, "suffix", "import os\nflor.log('probe', os.environ.get('DISPLAY'))")

    ask(place, MPLBACKEND="module://gui", DISPLAY=":7")

    assert place.values("probe") == [None]
    assert (place.root / "shown").read_text() == "once\n"


BACKEND = """
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas, FigureManagerBase


class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        with open("shown", "a") as file:
            file.write("once\\n")


FigureCanvas.manager_class = FigureManager
"""


def test_a_script_without_tkinter_is_executed_again(place: Workplace) -> None:
    script = """
        import sys

        sys.modules["tkinter"] = None
        import flor

        try:
            import tkinter
        except ImportError:
            window = None
        flor.log("x", 1)
        # suffix
        """
    place.run(script)
    probed(place, script, "suffix", "flor.log('probe', window)")

    assert counts(ask_one(place)) == (1, 0, 0, 1)
    assert place.values("probe") == [None]
