from dataclasses import replace

from flor.query.difference import MISSING, compare, flattened, pairs
from unit.query.given import a_run

RUN = a_run(
    1,
    args={"lr": 0.1, "epochs": 3},
    values={"loss": 0.5},
    environment={"python": "3.11", "packages": {"numpy": "2.0"}},
)


def test_a_run_differs_from_itself_in_nothing():
    difference = compare(RUN, RUN, "")

    assert not any(
        pair.differs for pair in (*difference.arguments, *difference.environment, *difference.values)
    )


def test_names_of_either_side_are_paired_and_the_absent_one_is_missing():
    other = replace(RUN, args={"lr": 0.1, "seed": 7})

    names = {pair.name: (pair.left, pair.right) for pair in compare(RUN, other, None).arguments}

    assert names == {"lr": (0.1, 0.1), "epochs": (3, MISSING), "seed": (MISSING, 7)}


def test_nan_equals_nan_and_types_count():
    nan, integer, none = pairs({"nan": float("nan"), "n": 1, "none": None}, {"nan": float("nan"), "n": 1.0})

    assert not nan.differs
    assert integer.differs
    assert none.differs


def test_an_environment_is_compared_package_by_package():
    assert flattened(RUN.environment) == {"python": "3.11", "packages.numpy": "2.0"}
