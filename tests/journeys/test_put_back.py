"""Files that a killed run had written are put back to an entry point, and nothing else is touched."""

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flor.checkpoints.store import CheckpointStore
from flor.errors import StoreError
from flor.replay import outputs
from flor.replay.outputs import PutBack
from flor.replay.rewinding import Act
from flor.runs.files import RunFiles
from journeys.remembered import contents, files_of, given, settle
from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000", "FLOR_STRICT": "1"}

# At each header the tree is copied beside the project: that is how it has to look afterwards.
SCRIPT = """
    import csv, os, pathlib, shutil, signal, sqlite3, subprocess, sys, time
    import flor, numpy as np
    {imports}

    def copies(name):
        ignore = shutil.ignore_patterns(".flor", ".git", "__pycache__")
        shutil.copytree(".", "../copies/" + name, ignore=ignore)

    def kept(count):
        while len(list(pathlib.Path(".flor/checkpoints").rglob("[0-9]*.manifest"))) < count:
            time.sleep(0.01)
        return True

    class Headers:
        def __iter__(self):
            return self
        def __init__(self):
            self.epoch = -1
        def __next__(self):
            self.epoch += 1
            copies(str(self.epoch))
            if self.epoch == 4:
                raise StopIteration
            return self.epoch

    data = np.load("data.npy")
    rows = open("rows.csv", "w", newline="", buffering=1)
    weights = np.zeros(4)
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", Headers()):
            weights += data.sum() + epoch
            flor.log("sum", float(weights.sum()))
            csv.writer(rows).writerow([epoch, weights.sum()])
            {body}
            if epoch == {last}:
                {end}
"""
KILL = "kept(4) and os.kill(os.getpid(), signal.SIGKILL)"

BODIES = {
    "append": """
            with open("log.txt", "a") as log:
                log.write(f"epoch {epoch}\\n")""",
    "best": """
            np.save("best.npy", weights)""",
    "renamed": """
            pathlib.Path("best.tmp").write_bytes(bytes([epoch]) * 100)
            os.replace("best.tmp", "best.bin")""",
    "many": """
            pathlib.Path("out").mkdir(exist_ok=True)
            np.savez(f"out/{epoch}.npz", weights=weights)""",
    "database": """
            with sqlite3.connect("results.db") as base:
                base.execute("CREATE TABLE IF NOT EXISTS results(a)")
                base.execute("INSERT INTO results VALUES (?)", (epoch,))
            base.close()""",
    "child": """
            code = "import sys; open('child.bin', 'wb').write(bytes([0, int(sys.argv[1])]) * 50)"
            subprocess.run([sys.executable, "-c", code, str(epoch)], check=True)""",
    "removed": """
            pathlib.Path(f"state{epoch}.bin").write_bytes(bytes([epoch]) * 10)
            pathlib.Path(f"state{epoch - 1}.bin").unlink(missing_ok=True)""",
    "overwritten": """
            pathlib.Path("ours.txt").write_text(f"{epoch}")""",
}


@dataclass(frozen=True)
class Killed:
    """A run that was killed, and how its tree looked at each header."""

    place: Workplace

    @property
    def files(self) -> RunFiles:
        return files_of(self.place)

    @property
    def copies(self) -> Path:
        return self.place.root.parent / "copies"

    def entry(self, epoch: int) -> Mapping[str, Any]:
        store = CheckpointStore(self.place.layout.checkpoints)
        facts: Mapping[str, Any] = store.find(self.place.only_run().run, f"0/0 top({epoch})").manifest.facts
        return facts["files"]

    def put_back(self, epoch: int, **options: Any) -> PutBack:
        return outputs.put_back(self.files, self.entry(epoch), self.place.root, self.place.layout, **options)

    def now(self) -> Mapping[str, bytes]:
        return contents(self.place.root)

    def then(self, epoch: int) -> Mapping[str, bytes]:
        return contents(self.copies / str(epoch))


def run(place: Workplace, body: str, *, last: int = 3, end: str = KILL, imports: str = "") -> Killed:
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.arange(4.0))
    given(place, "data.npy", buffer.getvalue())
    settle()
    place.write("train.py", SCRIPT.format(body=body.strip(), last=last, end=end, imports=imports))
    code = -signal.SIGKILL if KILL in end else 1 if "raise" in end else 0
    place.python("train.py", code=code, env=KEEP_ALL)
    return Killed(place)


def test_every_entry_point_of_a_killed_run_can_be_gone_back_to(place: Workplace) -> None:
    given(place, "ours.txt", "before")
    killed = run(place, "".join(BODIES.values()))

    for epoch in (3, 2, 1):
        done = killed.put_back(epoch)
        assert done.unknown == ()
        assert killed.now() == killed.then(epoch)


def test_torch_checkpoints_are_put_back(place: Workplace) -> None:
    body = 'torch.save({"w": torch.from_numpy(weights)}, "best.pt")'
    killed = run(place, body, imports="import torch")

    assert "best.pt" in killed.put_back(2).restored
    assert killed.now() == killed.then(2)


@pytest.mark.parametrize("end", ['raise ValueError("no")', "sys.exit(0)"])
def test_runs_that_ended_otherwise_are_put_back_too(place: Workplace, end: str) -> None:
    killed = run(place, BODIES["append"], end=end)

    done = killed.put_back(1)

    assert set(done.truncated) == {"log.txt", "rows.csv"}
    assert done.unknown == ()
    assert killed.now() == killed.then(1)


def test_what_is_written_out_after_the_last_hook_is_the_runs_own_too(place: Workplace) -> None:
    """A file that nobody closes is written when the interpreter ends."""
    killed = run(place, 'held.write(f"{epoch}")', end="pass", imports='held = open("held.txt", "w")')
    assert killed.now()["held.txt"] == b"0123"

    assert "held.txt" in killed.put_back(1).truncated
    assert killed.now() == killed.then(1)


def test_a_dry_run_says_the_same_and_changes_nothing(place: Workplace) -> None:
    killed = run(place, BODIES["many"])
    before = killed.now()

    said = killed.put_back(1, is_dry=True)

    assert killed.now() == before
    assert not place.layout.set_aside.exists()
    done = killed.put_back(1)
    assert (said.restored, said.truncated, said.removed, said.unknown, said.sizes) == (
        done.restored,
        done.truncated,
        done.removed,
        done.unknown,
        done.sizes,
    )


def test_what_stood_in_the_files_is_saved(place: Workplace) -> None:
    killed = run(place, BODIES["best"] + BODIES["many"] + BODIES["append"])
    before = killed.now()

    done = killed.put_back(1)

    assert done.set_aside
    saved = contents_of_aside(done.set_aside)
    assert saved["best.npy"] == before["best.npy"]
    assert saved["out/2.npz"] == before["out/2.npz"]
    size = len(killed.then(1)["log.txt"])
    assert killed.now()["log.txt"] + saved[f"log.txt.from-{size}"] == before["log.txt"]


def contents_of_aside(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_doing_it_again_changes_nothing_more(place: Workplace) -> None:
    killed = run(place, BODIES["best"] + BODIES["append"])
    killed.put_back(2)
    first = killed.now()

    again = killed.put_back(2)

    assert killed.now() == first == killed.then(2)
    assert (again.restored, again.truncated, again.removed, again.unknown) == ((), (), (), ())


def test_files_that_the_run_did_not_write_are_never_touched(place: Workplace) -> None:
    """Notes taken while it ran, code edited, data downloaded by others, files of another run."""
    given(place, "ours.txt", "before")
    others = """
            code = "import sys; open('notes.txt', 'a').write(sys.argv[1]); open('code.py', 'w').write('x')"
            subprocess.run([sys.executable, "-c", code, str(epoch)], check=True)"""
    killed = run(place, others)

    done = killed.put_back(1)

    now = killed.now()
    assert now["notes.txt"] == b"0123"
    assert now["code.py"] == b"x"
    assert now["ours.txt"] == b"before"
    assert [path for path, _ in done.unknown] == ["notes.txt"]


@pytest.mark.parametrize("change", ["overwritten", "replaced", "link"])
def test_files_that_changed_since_the_run_ended_are_left_alone(place: Workplace, change: str) -> None:
    killed = run(place, BODIES["best"] + BODIES["append"], end='raise ValueError("no")')
    for name in ("best.npy", "log.txt"):
        path = place.root / name
        if change == "link":
            path.rename(path.with_name("real-" + name))
            path.symlink_to("real-" + name)
            continue
        if change == "replaced":
            path.unlink()
        path.write_bytes(b"mine now")
        later = time.time() + 60
        os.utime(path, (later, later))
    before = killed.now()

    done = killed.put_back(1)

    assert {path for path, _ in done.unknown} >= {"best.npy", "log.txt"}
    assert {name: content for name, content in killed.now().items() if name != "rows.csv"} == {
        name: content for name, content in before.items() if name != "rows.csv"
    }


def test_a_file_too_large_to_be_kept_is_named(place: Workplace) -> None:
    killed = run(place, 'pathlib.Path("big.bin").write_bytes(bytes([epoch]) * 6_000_000)')

    done = killed.put_back(2)

    [(path, reason)] = done.unknown
    assert path == "big.bin"
    assert "not kept" in reason
    assert len(killed.now()["big.bin"]) == 6_000_000


def test_a_large_log_is_cut_off(place: Workplace) -> None:
    body = """
            with open("big.log", "ab") as log:
                log.write(bytes([epoch]) * 3_000_000)"""
    killed = run(place, body)

    assert "big.log" in killed.put_back(2).truncated
    assert killed.now() == killed.then(2)


def test_files_of_any_number_are_put_back(place: Workplace) -> None:
    body = """
            for number in range(300 if epoch == 0 else 2):
                pathlib.Path(f"{epoch}-{number}.txt").write_text("x")"""
    killed = run(place, body, end=f"time.sleep(1); {KILL}")

    done = killed.put_back(2)

    assert done.unknown == ()
    assert killed.now() == killed.then(2)


def test_the_start_of_a_run_can_be_gone_back_to(place: Workplace) -> None:
    given(place, "state.bin", "what was read")
    body = 'pathlib.Path("state.bin").write_bytes(bytes(3)); time.sleep(0.2)'  # what it opens is noted
    imports = 'import time; flor.log("read", open("state.bin").read()); time.sleep(0.6)'
    killed = run(place, BODIES["many"] + "\n            " + body, imports=imports)

    outputs.fetch(place.only_run(), place.root, place.layout)
    done = outputs.put_back(killed.files, {}, place.root, place.layout)

    assert done.restored == ("state.bin",)
    assert done.unknown == ()
    assert set(killed.now()) == {"README", "train.py", "data.npy", "state.bin"}
    assert killed.now()["state.bin"] == b"what was read"


def test_an_entry_point_that_says_nothing_of_files_leaves_all_as_they_are(place: Workplace) -> None:
    killed = run(place, BODIES["best"])
    before = killed.now()

    done = outputs.put_back(killed.files, None, place.root, place.layout)

    assert killed.now() == before
    assert {path for path, _ in done.unknown} == {"best.npy", "rows.csv"}


def test_nothing_is_changed_where_nothing_can_be_saved(place: Workplace) -> None:
    killed = run(place, BODIES["best"])
    before = killed.now()
    place.layout.set_aside.write_text("in the way")

    with pytest.raises(StoreError, match="cannot be saved"):
        killed.put_back(1)

    assert killed.now() == before


def test_the_beginning_of_the_run_may_be_executed_in_between(place: Workplace) -> None:
    """It opens anew what is held; and if it goes wrong everything is given back."""
    killed = run(place, BODIES["best"] + BODIES["append"] + BODIES["many"])
    before = killed.now()
    decided = outputs.plan(killed.files, killed.entry(2), place.root, place.layout)

    held = outputs.hold(decided, place.root, place.layout, runs_before=True)
    (place.root / "rows.csv").write_bytes(b"")
    (place.root / "out" / "0.npz").unlink()
    held.give_back()
    assert killed.now() == before

    held = outputs.hold(decided, place.root, place.layout, runs_before=True)
    (place.root / "rows.csv").write_bytes(b"")
    (place.root / "out" / "0.npz").write_bytes(b"")
    (place.root / "out" / "3.npz").unlink()
    done = held.carry_out()
    assert done.unknown == ()
    assert killed.now() == killed.then(2)
    assert done.sizes[str((place.root / "rows.csv").resolve())] == len(killed.then(2)["rows.csv"])
    assert {one.path for one in decided.actions if one.act is Act.REMOVE} == set(done.removed)


def test_a_handle_that_is_open_goes_on_with_the_same_file(place: Workplace) -> None:
    killed = run(place, BODIES["append"])
    with open(place.root / "log.txt", "a") as log:
        killed.put_back(2)
        log.write("after")

    assert killed.now()["log.txt"] == killed.then(2)["log.txt"] + b"after"


def test_names_that_are_no_text_are_put_back(place: Workplace) -> None:
    body = 'open(b"caf\\xe9.log", "ab").write(bytes([epoch]) * 10)'
    killed = run(place, body)

    done = killed.put_back(2)

    assert r"caf\xe9.log" in done.truncated
    assert (place.root / os.fsdecode(b"caf\xe9.log")).read_bytes() == bytes([0] * 10 + [1] * 10)


def test_a_read_only_folder_is_named(place: Workplace) -> None:
    if os.geteuid() == 0:
        # Root may write anywhere; a folder in the way of a removal does the same.
        killed = run(place, BODIES["many"], end=f"time.sleep(1); {KILL}")
        later = place.root / "out" / "2.npz"
        later.unlink()
        later.mkdir()
        done = killed.put_back(1)
        assert [path for path, _ in done.unknown] == ["out/2.npz"]
        return
    killed = run(place, BODIES["many"])
    (place.root / "out").chmod(0o500)
    try:
        done = killed.put_back(1)
    finally:
        (place.root / "out").chmod(0o700)
    assert {path for path, _ in done.unknown} == {"out/1.npz", "out/2.npz", "out/3.npz"}


def test_a_whole_tree_can_be_copied_and_put_back_there(place: Workplace) -> None:
    """What is known is relative to the root."""
    killed = run(place, BODIES["append"])
    moved = place.root.with_name("moved")
    shutil.move(place.root, moved)
    there = Killed(Workplace(moved, place.environ))

    assert there.put_back(2).unknown == ()
    assert there.now() == killed.then(2)
    assert json.dumps(dict(there.put_back(2).sizes))


def test_what_another_run_wrote_meanwhile_is_left_alone(place: Workplace) -> None:
    """Both saved without being seen: nobody can tell whose it is."""
    place.write(
        "other.py",
        """
        import flor, subprocess, sys
        flor.log("a", 1)
        code = "open('shared.bin', 'wb').write(bytes([0, 9]))"
        subprocess.run([sys.executable, "-c", code], check=True)
        """,
    )
    other = """
            if epoch == 2:
                env = {**os.environ, "FLOR_EPSILON": "0.02"}
                subprocess.run([sys.executable, "other.py"], check=True, env=env)"""
    run(place, other + BODIES["best"])
    catalog = place.catalog()
    ours = next(one for one in catalog.runs if one.filename == "train.py")
    others = outputs.written_by_others(catalog, ours)
    entry = CheckpointStore(place.layout.checkpoints).find(ours.run, "0/0 top(1)").manifest.facts["files"]

    done = outputs.put_back(files_of(place, ours.run), entry, place.root, place.layout, others)

    assert others == {"shared.bin"}
    assert (place.root / "shared.bin").read_bytes() == bytes([0, 9])
    assert [path for path, _ in done.unknown] == ["shared.bin"]
