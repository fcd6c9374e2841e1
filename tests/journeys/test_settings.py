"""Settings in force while a script is recorded, and what shows on the terminal."""

import re

import pytest

from flor.runs.catalog import Catalog
from flor.runs.layout import Layout
from workplace import Workplace

MANY = """
import flor
for i in flor.loop("i", range(1_000)):
    flor.log("x", i)
flor.log("last", "seen")
"""


def test_switched_off_every_call_returns_its_value_and_nothing_is_written(place: Workplace) -> None:
    done = place.run(
        """
        import flor
        assert flor.log("x", 1) == 1
        assert flor.arg("lr", 0.1) == 0.5
        assert list(flor.loop("i", range(3))) == [0, 1, 2]
        with flor.iteration("page", None, "p"), flor.checkpointing(a=1):
            flor.commit()
        """,
        "--kwargs",
        "lr=0.5",
        env={"FLOR_MODE": "off", "FLOR_ECHO": "all"},
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert not (place.root / ".flor").exists()
    assert "flor.shadow" not in place.git("branch", "--all")


def test_children_of_a_switched_off_script_get_the_same_arguments(place: Workplace) -> None:
    done = place.run(
        """
        import multiprocessing, flor

        def work():
            print(flor.arg("lr", 0.1))

        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
        """,
        "--kwargs",
        "lr=0.5",
        env={"FLOR_MODE": "off"},
    )

    assert done.stdout == "0.5\n"


def test_echo_has_a_budget_and_says_what_it_left_out(place: Workplace) -> None:
    done = place.run(MANY, env={"FLOR_ECHO": "auto"})

    shown = re.findall(r"^i: \d+, x: \d+$", done.stdout, re.MULTILINE)
    left_out = sum(map(int, re.findall(r"^\.\.\. (\d+) more", done.stdout, re.MULTILINE)))
    assert 1 <= len(shown) <= 100
    assert len(shown) + left_out == 1_000
    assert "last: seen" in done.stdout
    assert done.stdout.splitlines()[0] == "Created branch flor.shadow"
    assert done.stdout.splitlines()[-1] == "Changes committed successfully."


def test_echo_shows_all_or_nothing_where_that_is_asked(place: Workplace) -> None:
    every = place.run(MANY, env={"FLOR_ECHO": "all"}).stdout
    nothing = place.run(MANY, env={"FLOR_ECHO": "off"}).stdout

    assert [line for line in every.splitlines() if line.startswith("i: ")] == [
        f"i: {i}, x: {i}" for i in range(1_000)
    ]
    assert "x:" not in nothing


def test_echo_survives_a_stream_that_nobody_reads_and_any_value(place: Workplace) -> None:
    done = place.run(
        """
        import os, sys, flor
        import numpy as np
        flor.log("huge", 10**5000)
        flor.log("wide", "é" * 10_000)
        flor.log("lines", "a\\nb")
        flor.log("array", np.float32(0.5))
        flor.log("bytes", bytes(10_000))
        sys.stdout.flush()
        kept = os.dup(1)
        os.close(1)
        flor.log("closed", 1)
        sys.stdout = None
        flor.log("none", 1)
        sys.stdout = sys.__stdout__
        os.dup2(kept, 1)
        """,
        env={"FLOR_ECHO": "all"},
    )

    assert done.stderr == ""
    assert all(len(line) <= 200 for line in done.stdout.splitlines())
    assert "array: 0.5" in done.stdout
    assert "lines: 'a\\nb'" in done.stdout or "lines: a\\nb" in done.stdout
    assert {row.name for row in place.rows()} == {"huge", "wide", "lines", "array", "bytes", "closed", "none"}
    assert place.only_run().faults == ()


def test_echo_leaves_the_start_method_to_the_script_where_it_loads_tqdm(place: Workplace) -> None:
    place.run(
        "import multiprocessing, tqdm, flor\nflor.log('x', 1)\nmultiprocessing.set_start_method('spawn')",
        env={"FLOR_ECHO": "all"},
    )

    assert place.values("x") == [1]


def test_one_home_for_the_stores_of_all_projects(place: Workplace) -> None:
    home = place.root.parent / "stores"
    place.run("import flor\nflor.log('x', 1)\nprint(flor.HOMEDIR)", env={"FLOR_HOME": str(home)})

    assert not (place.root / ".flor").exists()
    [store] = home.iterdir()
    assert store.name.startswith("project-")
    assert [run.status for run in Catalog.open(Layout(store)).runs] == ["finished"]
    assert place.commits()[-1].startswith("FLOR::Auto-commit")


def test_a_relative_home_is_the_same_from_any_folder(place: Workplace) -> None:
    (place.root / "deep").mkdir()
    home = {"FLOR_HOME": "../stores"}
    place.run(
        "import os, flor\nflor.log('x', 1)\nos.chdir('deep')\nflor.commit(); flor.log('x', 2)", env=home
    )
    shown = place.python(
        "-c", "import flor; print(flor.dataframe('x')['x'].tolist())", cwd=place.root / "deep", env=home
    )

    assert shown.stdout == "[1, 2]\n"
    assert len(list((place.root.parent / "stores").iterdir())) == 1


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"FLOR_ECHO": "loud"}, "Setting echo = 'loud' from FLOR_ECHO cannot be read"),
        ({"FLOR_STRICT": "perhaps"}, "Setting strict = 'perhaps' from FLOR_STRICT cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_read_is_an_error_that_names_it(
    place: Workplace, variable: dict[str, str], said: str
) -> None:
    done = place.run("import flor\nflor.log('x', 1)", env=variable, code=1)

    assert said in done.stderr


def test_outside_git_a_script_below_a_store_records_into_it(plain_place: Workplace) -> None:
    plain_place.run("import flor; flor.log('x', 1)")
    plain_place.write("deep/er/train.py", "import flor; flor.log('x', 2)")
    plain_place.python("er/train.py", cwd=plain_place.root / "deep")

    assert plain_place.values("x") == [1, 2]
    assert [run.filename for run in plain_place.catalog().runs] == ["train.py", "deep/er/train.py"]
    assert not list(plain_place.root.glob("deep/**/.flor"))


def test_a_script_reads_what_it_has_just_logged_from_any_folder(place: Workplace) -> None:
    done = place.run(
        """
        import os, flor
        for i in flor.loop("i", range(3)):
            flor.log("x", i)
        os.chdir("/")
        frame = flor.dataframe("x")
        print(frame["x"].tolist(), flor.query("SELECT count(*) AS n FROM logs WHERE name = 'x'")["n"][0])
        flor.log("y", frame["x"].sum())
        """
    )

    assert "[0, 1, 2] 3" in done.stdout.splitlines()
    assert place.values("y") == [3]
