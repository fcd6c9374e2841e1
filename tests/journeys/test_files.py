"""What a run remembers of the files that it read and wrote."""

import hashlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flor.runs.contents import Contents
from flor.runs.files import CHANGED
from journeys.cli_user import CliUser
from journeys.remembered import files_of, given, modes, settle
from workplace import Workplace

WRITES = """
    import csv, os, pathlib, sqlite3, subprocess, sys
    import flor, numpy as np
    data = np.load("data/x.npy")
    flor.log("mean", data.mean())
    with open("log.csv", "a") as file:
        csv.writer(file).writerow([1, 2])
    np.savez("arrays.npz", data=data)
    pathlib.Path("deep/er").mkdir(parents=True)
    pathlib.Path("deep/er/note.txt").write_text("note")
    with sqlite3.connect("results.db") as connection:
        connection.execute("CREATE TABLE results(a)")
    connection.close()
    subprocess.run([sys.executable, "-c", "open('child.bin', 'wb').write(bytes(10))"], check=True)
    pathlib.Path("part").write_text("whole")
    os.replace("part", "whole.txt")
    pathlib.Path("gone.txt").write_text("x")
    os.remove("gone.txt")
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept(place: Workplace) -> Contents:
    return Contents(place.layout.files)


def array(place: Workplace) -> Path:
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.arange(10.0))
    given(place, ".gitignore", "data/\n")
    return given(place, "data/x.npy", buffer.getvalue())


def test_files_that_libraries_read_and_write(place: Workplace) -> None:
    data = array(place)
    settle()

    place.run(WRITES)

    assert modes(place) == {
        "data/x.npy": "r",
        "log.csv": "w",
        "arrays.npz": "w",
        "deep/er/note.txt": "w",
        "results.db": "w",
        "child.bin": "w",
        "whole.txt": "w",
    }
    known = files_of(place)
    assert known.inputs["data/x.npy"].sha256 == sha256(data.read_bytes())
    assert all(one.is_new for one in known.outputs.values())
    assert [path for path, one in known.outputs.items() if not one.is_seen] == ["child.bin"]
    assert known.outputs["whole.txt"].sha256 == sha256(b"whole")
    assert known.tree.is_complete
    assert known.tree.left_out == ()
    assert place.only_run().faults == ()


def test_torch_saves_without_a_word_and_is_found(place: Workplace) -> None:
    given(place, "weights.pt", "old")
    settle()

    place.run(
        """
        import flor, torch
        flor.log("a", 1)
        torch.save({"w": torch.zeros(3)}, "weights.pt")
        torch.save({"w": torch.zeros(3)}, "best.pt")
        torch.load("best.pt")
        """
    )

    assert modes(place) == {"weights.pt": "w", "best.pt": "wr"}
    found = files_of(place).outputs
    assert (found["weights.pt"].is_new, found["best.pt"].is_new) == (False, True)


def test_what_a_run_read_is_kept_though_a_later_one_overwrites_it(place: Workplace) -> None:
    given(place, ".gitignore", "data.txt\n")
    given(place, "data.txt", "first")
    settle()
    script = """
        import flor, pathlib, sys, time
        flor.log("content", pathlib.Path("data.txt").read_text())
        time.sleep(0.6)
        pathlib.Path("data.txt").write_text(sys.argv[1])
        """

    place.run(script, "second")
    settle()
    place.run(script, "third")

    runs = [run.run for run in place.catalog().runs]
    assert [modes(place, run) for run in runs] == [{"data.txt": "rw"}] * 2
    for run, content in zip(runs, (b"first", b"second"), strict=True):
        read = files_of(place, run).inputs["data.txt"]
        assert (read.kept, read.sha256) == ("store", sha256(content))
        assert kept(place).path(sha256(content)).read_bytes() == content


def test_an_input_that_changes_at_once_is_said_to_be_unknown(place: Workplace) -> None:
    given(place, "data.txt", "first")
    settle()

    place.run(
        """
        import flor, pathlib
        flor.log("content", pathlib.Path("data.txt").read_text())
        pathlib.Path("data.txt").write_text("second")
        """
    )

    read = files_of(place).inputs["data.txt"]
    assert (read.sha256, read.kept, read.note) == (None, "", CHANGED)


def test_content_that_is_in_the_code_version_is_not_kept_twice(place: Workplace) -> None:
    for name in ("tracked.csv", "changed.csv", "new.csv", "ignored.csv"):
        given(place, name, name)
    given(place, ".gitignore", "ignored.csv\n")
    place.git("add", "tracked.csv", "changed.csv", ".gitignore")
    place.git("commit", "--quiet", "-m", "data")
    given(place, "changed.csv", "changed since")
    settle()

    place.run("import flor, glob\nflor.log('n', [open(one).read() for one in glob.glob('*.csv')])")

    where = {path: one.kept for path, one in files_of(place).inputs.items()}
    assert where == dict.fromkeys(("tracked.csv", "changed.csv", "new.csv"), "version") | {
        "ignored.csv": "store"
    }
    assert [path.name for path in place.layout.files.rglob("*") if path.is_file()] == [sha256(b"ignored.csv")]


def test_what_is_no_data_of_the_program_does_not_count(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    outside = tmp_path / "elsewhere" / "data.bin"
    outside.write_bytes(b"outside")
    for name in (".env", "module.py", "lib.so", ".git/info/exclude", "venv/pyvenv.cfg", "venv/x.txt"):
        given(place, name, "secret = 1")
    settle()

    place.run(
        f"""
        import flor, json, module, os, sys
        names = [".env", "module.py", "lib.so", ".git/info/exclude", os.__file__, "/proc/self/status"]
        names += ["/dev/null", "/etc/passwd", sys.executable, {str(outside)!r}]
        for name in names:
            open(name, "rb").read(10)
        flor.log("a", 1)
        open("venv/new.txt", "w").close()
        open("module.py", "a").close()
        """
    )

    known = files_of(place)
    assert set(known.inputs) == {".env", str(outside)}
    assert known.inputs[".env"].sha256 is None
    assert "secret" in known.inputs[".env"].note
    assert known.inputs[str(outside)].sha256 == sha256(b"outside")
    assert known.inputs[str(outside)].kept == ""
    assert not place.layout.files.exists()


def test_inputs_are_kept_up_to_a_limit(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    given(place, ".gitignore", "*.bin\n")
    for number in range(3):
        given(place, f"{number}.bin", bytes([number]) * 1_000)
    settle()

    place.run(
        """
        import flor
        from flor.record import intake
        intake.KEPT_LIMIT_BYTES = 2_500
        for number in range(3):
            open(f"{number}.bin", "rb").read()
        flor.log("a", 1)
        """
    )

    read = files_of(place).inputs
    assert [read[f"{number}.bin"].kept for number in range(3)] == ["store", "store", ""]
    assert all(one.sha256 for one in read.values())


def test_names_of_any_kind_from_any_folder(place: Workplace) -> None:
    name = b"caf\xe9 \\ .txt"
    given(place, ".gitignore", "data/\n")
    (place.root / "data").mkdir()
    Path(os.fsdecode(os.fsencode(place.root / "data") + b"/" + name)).write_bytes(b"x")
    given(place, "data/π .txt", "y")
    settle()

    place.run(
        f"""
        import flor, os, pathlib
        os.chdir("data")
        open({name!r}, "rb").read()
        pathlib.Path("π .txt").read_text()
        flor.log("a", 1)
        open("../new\\udcff.txt", "w").write("new")
        """
    )

    assert modes(place) == {r"data/caf\xe9 \\ .txt": "r", "data/π .txt": "r", r"new\xff.txt": "w"}
    assert all(one.sha256 for one in files_of(place).inputs.values())


def test_what_workers_read_and_write_counts_though_they_never_log(place: Workplace) -> None:
    for number in range(40):
        given(place, f"images/{number}.txt", str(number))
    settle()

    place.run(
        """
        import flor, multiprocessing, pathlib
        def work(part):
            for number in range(part, 40, 4):
                pathlib.Path(f"images/{number}.txt").read_text()
            pathlib.Path(f"part{part}.txt").write_text("done")
        flor.log("a", 1)
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=work, args=(part,)) for part in range(4)]
        [worker.start() for worker in workers]
        [worker.join() for worker in workers]
        """
    )

    known = files_of(place)
    assert set(known.inputs) == {f"images/{number}.txt" for number in range(40)}
    assert all(one.sha256 for one in known.inputs.values())
    assert {path: one.is_seen for path, one in known.outputs.items()} == {
        f"part{n}.txt": True for n in range(4)
    }
    assert not list(place.layout.journals.glob("*.opened"))


def test_each_run_of_a_process_has_files_of_its_own(place: Workplace) -> None:
    given(place, "data.txt", "x")
    given(place, "more.txt", "y")
    settle()

    place.run(
        """
        import flor, pathlib
        pathlib.Path("data.txt").read_text()
        flor.log("a", 1)
        pathlib.Path("a").write_text("a")
        flor.commit()
        for name in ("data.txt", "more.txt", "a"):
            pathlib.Path(name).read_text()
        flor.log("a", 2)
        pathlib.Path("b").write_text("b")
        """
    )

    first, second = (run.run for run in place.catalog().runs)
    assert modes(place, first) == {"data.txt": "r", "a": "w"}
    assert modes(place, second) == {"data.txt": "r", "more.txt": "r", "a": "r", "b": "w"}


def test_a_killed_run_has_what_was_known_until_then(place: Workplace) -> None:
    given(place, ".gitignore", "data.txt\n")
    given(place, "data.txt", "x")
    place.write(
        "train.py",
        """
        import flor, pathlib, time
        pathlib.Path("data.txt").read_text()
        flor.log("a", 1)
        pathlib.Path("out.txt").write_text("written")
        time.sleep(1)
        print("now", flush=True)
        time.sleep(60)
        """,
    )
    settle()
    started = place.start("train.py")
    started.wait_for("now")
    started.kill()

    known = files_of(place)
    assert modes(place) == {"data.txt": "r", "out.txt": "w"}
    assert kept(place).has(known.inputs["data.txt"].sha256 or "")
    assert not known.tree.is_complete
    assert known.tree.names
    assert abs(known.tree.alive_ns - time.time_ns()) < 60e9


def test_files_outside_git_are_kept_too(plain_place: Workplace) -> None:
    given(plain_place, "data.txt", "x")
    settle()

    plain_place.run("import flor\nflor.log('a', open('data.txt').read())")

    assert files_of(plain_place).inputs["data.txt"].kept == "store"


def test_a_folder_that_cannot_be_read_or_written_harms_nothing(place: Workplace) -> None:
    closed = place.root / "closed"
    given(place, "closed/data.txt", "x")
    settle()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        done = place.run("import flor\nflor.log('a', open('closed/data.txt').read())")
    finally:
        closed.chmod(stat.S_IRWXU)

    assert "Traceback" not in done.stderr
    assert files_of(place).inputs["closed/data.txt"].sha256 == sha256(b"x")


def test_a_tree_of_20_000_files_is_compared_in_the_background(place: Workplace) -> None:
    for folder in range(100):
        (place.root / "data" / str(folder)).mkdir(parents=True)
        for number in range(200):
            (place.root / "data" / str(folder) / f"{number}.txt").touch()
    given(place, ".gitignore", "data/\n")
    settle()

    done = place.run(
        """
        import flor, pathlib, subprocess, sys, time
        flor.log("a", 0)
        began = time.perf_counter()
        for turn in range(20):
            flor.log("a", turn)
            time.sleep(0.01)
        print(time.perf_counter() - began)
        subprocess.run([sys.executable, "-c", "open('data/7/new.bin', 'wb').write(bytes(9))"], check=True)
        """
    )

    # While the files are listed the program goes on: 20 pauses of 10 ms, and not much else.
    assert float(done.stdout.splitlines()[-2]) < 1.0
    assert modes(place) == {"data/7/new.bin": "w"}
    assert files_of(place).outputs["data/7/new.bin"].is_new
    assert files_of(place).tree.is_complete


def test_a_tree_with_too_many_files_is_left_out_and_that_is_said(place: Workplace) -> None:
    for number in range(30):
        given(place, f"data/{number}.txt", "x")
    settle()

    place.run(
        """
        import flor
        from flor.record import tree
        tree.FILES_LIMIT = 20
        flor.log("a", 1)
        open("seen.txt", "w").write("x")
        """
    )

    known = files_of(place)
    assert set(known.outputs) >= {"seen.txt"}
    assert not known.tree.is_complete
    assert "more than 20 files" in known.tree.left_out[0]


def test_sql_and_the_command_line_show_them(tmp_path: Path) -> None:
    user = CliUser.with_repository(tmp_path / "user")
    user.write("data.txt", "x")
    settle()
    user.write(
        "train.py", "import flor\nflor.log('a', open('data.txt').read())\nopen('out.txt', 'w').write('y')\n"
    )
    user.train()

    [run] = user.json("runs")
    assert user.json("query", "SELECT run, path, mode, sha256 FROM files ORDER BY path") == [
        {"run": run["run"], "path": "data.txt", "mode": "r", "sha256": sha256(b"x")},
        {"run": run["run"], "path": "out.txt", "mode": "w", "sha256": sha256(b"y")},
    ]
    shown = user.json("show", "last")["files"]
    assert [one["path"] for one in shown["inputs"]] == ["data.txt"]
    assert [(one["path"], one["size"]) for one in shown["outputs"]] == [("out.txt", 1)]
    page = user.read("show", "last")
    assert "files read" in page
    assert "in the code version" in page
    assert "files written" in page


def test_kept_files_are_checked_and_freed_with_their_runs(tmp_path: Path) -> None:
    user = CliUser.with_repository(tmp_path / "user")
    user.write(".gitignore", "*.txt\n")
    for name in ("a", "b"):
        user.write(f"{name}.txt", name)
    settle()
    user.write("train.py", "import flor, sys\nflor.log('a', open(sys.argv[1]).read())\n")
    for name in ("a.txt", "b.txt"):
        subprocess.run([sys.executable, "train.py", name], cwd=user.folder, env=user._environ(), check=True)
    first = next(one["run"] for one in user.json("runs"))
    store = user.folder / ".flor" / "files"
    paths = {path.name: path for path in store.rglob("*") if path.is_file()}
    assert set(paths) == {sha256(b"a"), sha256(b"b")}

    user.flor("rm", first, "--yes")
    for path in paths.values():
        os.utime(path, (0, 0))
    user.flor("gc", "--yes")
    assert [path.name for path in store.rglob("*") if path.is_file()] == [
        name for name in paths if (store / name[:2] / name).exists()
    ]
    assert sum(path.is_file() for path in store.rglob("*")) == 1

    assert user.flor("fsck").returncode == 0
    next(path for path in store.rglob("*") if path.is_file()).write_bytes(b"damaged")
    done = user.flor("fsck")
    assert done.returncode == 1
    assert "its content has another hash" in done.stdout
