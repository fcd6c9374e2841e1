"""Named inputs: `--kwargs`, defaults, and what is said of mistakes."""

import pytest

from workplace import Workplace

READ = """
import sys, flor
for name, default in [
    ("hidden", 100), ("lr", 1e-3), ("name", "sgd"), ("flag", False), ("other", True), ("layers", [1, 2]),
    ("rates", (0.1,)), ("nothing", None), ("table", {"a": 1}),
]:
    flor.arg(name, default)
"""


def test_values_are_cast_to_the_type_of_their_default(place: Workplace) -> None:
    place.run(
        READ, "--kwargs", "hidden=250", "lr=5e-4", "name=a=b", "flag=yes", "other=0", "layers=3,4",
        "rates=[0.5, 1]", "nothing=[1, null]", 'table={"b": 2}',
    )  # fmt: skip

    assert place.only_run().args == {
        "hidden": 250, "lr": 5e-4, "name": "a=b", "flag": True, "other": False, "layers": [3, 4],
        "rates": [0.5, 1], "nothing": [1, None], "table": {"b": 2},
    }  # fmt: skip
    assert place.frame("hidden", "flag").iloc[0, 3:].tolist() == [250, True]


def test_without_kwargs_the_defaults_are_recorded(place: Workplace) -> None:
    place.run(READ, "plain", "--epochs", "3")

    run = place.only_run()
    assert run.args["lr"] == 1e-3
    assert run.args["nothing"] is None
    assert run.args["layers"] == [1, 2]
    assert run.argv == ("train.py", "plain", "--epochs", "3")


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("FALSE", False), ("1", True), ("no", False), ("on", True)],
)
def test_booleans_in_many_words(place: Workplace, text: str, value: bool) -> None:
    place.run(f"import flor\nflor.arg('flag', not {value})", "--kwargs", f"flag={text}")

    assert place.only_run().args == {"flag": value}


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("lr", "--kwargs 'lr' is no NAME=VALUE pair."),
        ("=3", "--kwargs '=3' is no NAME=VALUE pair."),
        ("lr=abc", "'abc' cannot be read as float, the type of its default 0.001."),
        ("hidden=2.5", "'2.5' cannot be read as int, the type of its default 100."),
        ("flag=maybe", "'maybe' cannot be read as bool, the type of its default False."),
        ("table=[1]", "'[1]' cannot be read as dict, the type of its default {'a': 1}."),
    ],
)
def test_a_pair_that_cannot_be_read_is_an_error_before_training(
    place: Workplace, pair: str, said: str
) -> None:
    done = place.run(READ + "print('training')", "--kwargs", pair, code=1)

    assert f"flor.errors.BadArgument: --kwargs {pair}: {said}" in done.stderr or said in done.stderr
    assert "training" not in done.stdout


def test_an_argument_without_value_or_default_is_an_error(place: Workplace) -> None:
    done = place.run("import flor\nflor.arg('lr')", code=1)

    assert "flor.arg('lr') has no value and no default." in done.stderr
    assert "run the script with --kwargs lr=VALUE" in done.stderr
    place.run("import flor\nflor.arg('lr')", "--kwargs", "lr=0.5")
    assert place.catalog().runs[-1].args == {"lr": 0.5}


def test_pairs_that_nobody_read_are_said_with_the_closest_name(place: Workplace) -> None:
    done = place.run(READ, "--kwargs", "hiden=3", "zzz=1")

    assert done.stderr.splitlines() == [
        "flor: --kwargs hiden=… was read by no flor.arg. Did you mean 'hidden'?",
        "flor: --kwargs zzz=… was read by no flor.arg.",
    ]


def test_a_name_that_is_no_text_is_named_by_its_text(place: Workplace) -> None:
    done = place.run("import flor\nprint(flor.arg(3, 0.5))", "--kwargs", "3=2", "lr=1")

    assert done.stdout.splitlines()[-2:] == ["2.0", "Changes committed successfully."]
    assert "lr=… was read by no flor.arg" in done.stderr
    assert place.only_run().args == {"3": 2.0}
    assert place.statuses() == ["finished"]


def test_an_argument_keeps_its_first_value_and_is_recorded_once(place: Workplace) -> None:
    done = place.run(
        """
        import flor
        print(flor.arg("lr", 0.5), flor.arg("lr", 0.7))
        for epoch in flor.loop("epoch", range(2)):
            print(flor.arg("late", epoch))
        """
    )

    assert done.stdout.splitlines()[1:4] == ["0.5 0.5", "0", "0"]
    assert [(row.name, row.value, row.path) for row in place.rows()] == [("lr", 0.5, ""), ("late", 0, "")]


PARSERS = {
    "argparse": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--epochs", type=int)
parser.add_argument("rest", nargs="*")
given = parser.parse_args()
seen = [given.data, given.epochs, *given.rest]
""",
    "hydra": """
seen = sys.argv[1:]
""",
    "optparse": """
import optparse
parser = optparse.OptionParser()
parser.add_option("--epochs", type=int)
options, rest = parser.parse_args()
seen = [*rest, options.epochs]
""",
}


@pytest.mark.parametrize(
    ("parser", "given", "seen"),
    [
        ("argparse", ["file.csv", "--epochs", "3"], ["file.csv", 3]),
        ("argparse", ["--epochs", "3", "file.csv", "KWARGS"], ["file.csv", 3]),
        ("argparse", ["KWARGS", "--epochs", "3", "--", "-x", "--kwargs"], ["-x", 3, "--kwargs"]),
        ("hydra", ["db=mysql", "+x=1", "KWARGS", "--multirun"], ["db=mysql", "+x=1", "--multirun"]),
        ("optparse", ["KWARGS", "--epochs", "3", "a"], ["a", 3]),
    ],
)
def test_the_scripts_own_parser_never_sees_kwargs(
    place: Workplace, parser: str, given: list[str], seen: list[object]
) -> None:
    arguments = [
        part for one in given for part in (["--kwargs", "lr=0.25", "b=1"] if one == "KWARGS" else [one])
    ]

    place.run(
        f"import sys, flor\n{PARSERS[parser]}\nflor.log('seen', seen)\nflor.arg('lr', 0.5), flor.arg('b', 0)",
        *arguments,
    )

    assert place.values("seen") == [seen]
    assert place.only_run().args == ({"lr": 0.25, "b": 1} if "KWARGS" in given else {"lr": 0.5, "b": 0})
    assert place.only_run().argv[1:] == tuple(arguments)
