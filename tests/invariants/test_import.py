"""`import flor` does nothing; recording loads little."""

import shutil
import sys
import zipapp
from pathlib import Path
from textwrap import dedent

import pytest

from workplace import SOURCE, Workplace

HEAVY = (
    "numpy",
    "pyarrow",
    "pandas",
    "duckdb",
    "torch",
    "tqdm",
    "msgspec",
    "xxhash",
    "asyncio",
    "subprocess",
)

LOOK = f"""
import sys
done = []
sys.addaudithook(lambda event, args: done.append((event, *map(str, args[:2]))))
import flor
acts = ("subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "os.fork")
touched = [one for one in done if one[0] in acts]
touched += [one for one in done if one[0] == "open" and one[2] not in ("r", "rb", "None")]
touched += [one for one in done if one[0].startswith("socket.")]
print(touched, [name for name in {HEAVY!r} if name in sys.modules])
"""


TRAIN = """
import flor
with flor.checkpointing():
    for epoch in flor.loop("epoch", range(3)):
        flor.log("epoch", epoch)
"""


def test_import_touches_no_file_and_loads_nothing_heavy(place: Workplace) -> None:
    done = place.run(LOOK)

    assert (done.stdout.strip(), done.stderr) == ("[] []", "")
    assert not (place.root / ".flor").exists()


def test_import_asks_nothing_of_where_it_happens(place: Workplace, tmp_path: Path) -> None:
    """Isolated, without git on PATH, in a folder that is gone, and from an archive."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import flor; print(flor.__version__)"
    program = "import os; os.rmdir(os.getcwd()); " + code
    gone = tmp_path / "gone"
    gone.mkdir()

    assert place.python("-I", "-c", code).stdout
    assert place.python("-c", code, env={"PATH": ""}).stdout
    assert place.python("-I", "-c", program, cwd=gone).stdout

    (tmp_path / "app").mkdir()
    shutil.copytree(SOURCE / "flor", tmp_path / "app" / "flor", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "app" / "__main__.py").write_text("import flor\nflor.log('x', 1)\nprint(flor.__file__)")
    zipapp.create_archive(tmp_path / "app", place.root / "app.pyz")
    done = place.python("app.pyz", env={"PYTHONPATH": ""})
    assert "app.pyz/flor/__init__.py" in done.stdout
    assert place.values("x") == [1]
    assert place.only_run().filename.startswith("app.pyz")


def test_recording_loads_no_pandas_no_duckdb_and_no_pyarrow(place: Workplace) -> None:
    done = place.run(
        """
        import atexit, sys
        atexit.register(lambda: print([n for n in ("pandas", "duckdb", "pyarrow") if n in sys.modules]))
        import flor
        for epoch in flor.loop("epoch", range(3)):
            for value in (0.5, 1, "text", [1], {"k": None}, b"x", 2**100, "x" * 100_000):
                flor.log("x", value)
        flor.commit()
        with flor.iteration("page", None, "p"):
            flor.log("x", flor.arg("lr", 0.5))
        """
    )

    assert done.stdout.splitlines()[-1] == "[]"
    assert place.statuses() == ["finished", "finished"]


def test_a_large_run_is_sealed_at_its_end_without_pandas(place: Workplace) -> None:
    done = place.run(
        """
        import atexit, sys
        atexit.register(lambda: print([n for n in ("pandas", "duckdb") if n in sys.modules]))
        import flor
        for i in range(250_000):
            flor.log("x", i)
        """
    )

    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
    assert not list(place.layout.journals.iterdir())
    assert len(list(place.layout.sealed.glob("*.parquet"))) == 1
    assert place.values("x") == list(range(250_000))


def test_a_replay_loads_neither_pandas_nor_duckdb(place: Workplace) -> None:
    place.write("train.py", TRAIN)
    place.run(TRAIN)
    place.write("train.py", TRAIN + "        flor.log('twice', 2 * epoch)\n")
    program = """
        import atexit, runpy, sys
        heavy = ("pandas", "duckdb", "torch")
        atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))
        sys.argv = ["flor", "replay", "twice", "--yes"]
        runpy.run_module("flor", run_name="__main__")
        """

    done = place.python("-c", dedent(program))

    assert done.stderr.splitlines()[-1] == "[]"
    assert place.values("twice") == [0, 2, 4]


@pytest.mark.parametrize("event", ["open", "os.listdir"])
def test_events_of_others_that_look_like_ours_do_no_harm(place: Workplace, event: str) -> None:
    done = place.run(f"import sys, flor\nsys.audit({event!r}, 'x')\nsys.audit({event!r})\nflor.log('x', 1)")

    assert done.stderr == ""
    assert place.values("x") == [1]


def test_import_takes_the_pairs_out_of_argv_and_nothing_else(place: Workplace) -> None:
    done = place.run(
        "import sys\nbefore = sys.argv\nimport flor\nprint(sys.argv is before, sys.argv)",
        "a",
        "--kwargs",
        "b=1",
        "-c",
    )

    assert done.stdout.strip() == f"True {['train.py', 'a', '-c']!r}"
    assert sys.argv
