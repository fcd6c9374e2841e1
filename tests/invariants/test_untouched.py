"""A program with FlorDB computes what it computes without, and nothing of its user's is touched."""

import os
from pathlib import Path

from faults.git_user import GitUser
from workplace import SOURCE, Workplace

WITHOUT = """
from contextlib import nullcontext
def log(name, value): return value
def arg(name, default): return default
def loop(name, iterable): return iter(iterable)
def iteration(name, index, value): return nullcontext()
def checkpointing(**objects): return nullcontext()
def commit(): pass
"""

DRAWS = """
import random, sys, tempfile, uuid
import flor
import numpy as np
random.seed(flor.arg("seed", 7))
np.random.seed(7)
generator = np.random.default_rng(7)
{more}
with flor.checkpointing(generator=generator):
    for epoch in flor.loop("epoch", range(3)):
        order = list(range(10))
        random.shuffle(order)
        for step in flor.loop("step", order):
            flor.log("a", random.random())
            flor.log("b", np.random.randn(3))
            flor.log("c", generator.integers(100, size=2000))
        print(epoch, order, random.random(), np.random.rand(), generator.random(), {draw})
flor.commit()
flor.log("after", 1)
print(random.random(), np.random.rand(), generator.random(), {draw})
"""


def said(place: Workplace, stub: Path | None, script: str) -> list[str]:
    env = {"PYTHONPATH": f"{stub}{os.pathsep}{SOURCE}"} if stub else {}
    lines = place.run(script, env=env).stdout.splitlines()
    return [line for line in lines if not line.startswith(("Created", "Changes", "checkpoints:"))]


def stub_of(tmp_path: Path) -> Path:
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "flor.py").write_text(WITHOUT)
    return tmp_path / "stub"


def test_what_a_script_draws_at_random_is_what_it_draws_without(place: Workplace, tmp_path: Path) -> None:
    script = DRAWS.format(more="", draw="0")

    recorded = said(place, None, script)

    assert recorded == said(place, stub_of(tmp_path), script)
    assert len(recorded) == 4
    assert len(place.values("a")) == 30


STATE = """
import faulthandler, gc, io, locale, logging, os, random, signal, sys, threading, warnings
import multiprocessing

def state():
    return {
        "signals": [(n, str(signal.getsignal(n))) for n in signal.valid_signals() if n not in (9, 19)],
        "wakeup": signal.set_wakeup_fd(-1),
        "mask": str(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "logging": (logging.root.level, list(logging.root.handlers), logging.raiseExceptions),
        "loggers": sorted(logging.root.manager.loggerDict),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "hooks": (sys.excepthook, sys.displayhook, threading.excepthook, sys.unraisablehook),
        "trace": (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "folder": os.getcwd(), "umask": os.umask(0o22), "environ": dict(os.environ), "path": list(sys.path),
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()),
        "locale": locale.setlocale(locale.LC_ALL), "faults": faulthandler.is_enabled(),
        "method": multiprocessing.get_start_method(allow_none=True),
        "random": random.getstate(), "niceness": os.nice(0), "meta_path": [str(one) for one in sys.meta_path],
    }

import numpy as np
os.umask(0o22)
before = state()
printed, errors, drawn = np.get_printoptions(), np.geterr(), np.random.get_state()[1].tolist()
import flor
for epoch in flor.loop("epoch", range(3)):
    flor.log("x", np.arange(5000.0))
    flor.log("y", epoch)
with flor.iteration("page", None, "p"):
    flor.log("z", flor.arg("lr", 0.5))
flor.commit()
flor.log("w", 1)
flor.dataframe("w")
after = state()
for grows in ("loggers", "meta_path"):  # pandas and others have theirs
    after[grows] = [one for one in after[grows] if one in before[grows]]
changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
print("changed", changed)
print("numpy", (np.get_printoptions(), np.geterr()) == (printed, errors))
print("numpy's draws", np.random.get_state()[1].tolist() == drawn)
print("threads", [one.name for one in threading.enumerate() if one.name not in ("MainThread", "flor")])
"""


def test_the_global_state_of_the_interpreter_stays_as_it_is(place: Workplace) -> None:
    lines = place.run(STATE).stdout.splitlines()

    assert {"changed {}", "numpy True", "numpy's draws True", "threads []"} <= set(lines)


def test_a_users_files_index_stash_and_branch_are_the_same_after_a_run(place: Workplace) -> None:
    user = GitUser(place.root)
    place.write("train.py", "import flor\nfor i in flor.loop('i', range(3)):\n    flor.log('x', i)\n")
    place.write("kept.txt", "one\n")
    place.write(".gitignore", "ignored.txt\n")
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "work")
    place.write("kept.txt", "stashed\n")
    place.git("stash")
    place.write("kept.txt", "modified\n")
    place.write("staged.txt", "staged\n")
    place.git("add", "staged.txt")
    place.write("staged.txt", "staged, then modified\n")
    place.write("untracked.txt", "untracked\n")
    place.write("ignored.txt", "ignored\n")
    (place.root / ".flor").mkdir()
    (place.root / ".flor" / ".gitignore").write_text("*\n")
    before = user.belongings()

    place.python("train.py")
    place.python("train.py", "--kwargs", "unread=1")
    place.rows()

    assert user.belongings() == before
    assert place.git("symbolic-ref", "HEAD") == "refs/heads/main"
    files = place.git("ls-tree", "-r", "--name-only", "flor.shadow").split()
    assert {"kept.txt", "staged.txt", "untracked.txt", "train.py"} <= set(files)
    assert "ignored.txt" not in files
    assert place.git("show", "flor.shadow:kept.txt") == "modified"
