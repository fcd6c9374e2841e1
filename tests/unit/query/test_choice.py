import pytest

from flor.entities import Status
from flor.errors import QueryError
from flor.query.choice import matching
from unit.query.given import a_run


@pytest.fixture
def runs():
    return (
        a_run(0, args={"lr": 0.1}, values={"loss": 0.5, "note": "fine"}),
        a_run(1, args={"lr": 0.01}, values={"loss": float("nan")}, status=Status.FAILED),
        a_run(2, args={"lr": 1}, values={}),
        a_run(3, args={"lr": "auto"}, values={"loss": 0.25}, filename="other.py"),
    )


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("loss < 0.4", [3]),
        ("lr >= 0.1", [0, 2]),
        ("lr = 'auto'", [3]),
        ("status = 'failed'", [1]),
        ("filename LIKE 'train%' AND loss = 0.5", [0]),
        ("tstamp > TIMESTAMP '2026-01-31 13:30:00'", [2, 3]),
        ("loss IS NULL", [2]),
        ("note = 'fine'", [0]),
        ("duration_s > 1", [0, 1, 2, 3]),
        ("1 = 1", [0, 1, 2, 3]),
        ("1 = 0", []),
    ],
)
def test_a_predicate_sees_facts_arguments_and_last_values(runs, predicate, expected):
    assert [int(found.run, 16) for found in matching(runs, predicate)] == expected


def test_a_logged_name_that_is_a_fact_of_every_run_is_written_logged():
    runs = [a_run(0, values={"status": "good"}), a_run(1, values={"status": "bad"})]

    assert matching(runs, "status = 'finished' AND status_logged = 'good'") == (runs[0],)


def test_a_value_wins_over_an_argument_of_the_same_name():
    runs = [a_run(0, args={"lr": 0.1}, values={"lr": 0.001})]

    assert matching(runs, "lr < 0.01") == tuple(runs)


def test_integers_beyond_64_bits_and_lists_do_no_harm():
    runs = [a_run(0, values={"n": 2**200}), a_run(1, values={"n": [1, 2]}), a_run(2, values={"n": 7})]

    assert matching(runs, "n = 7") == (runs[2],)


def test_a_name_nobody_knows_is_an_error_that_names_it(runs):
    with pytest.raises(QueryError, match="los"):
        matching(runs, "los < 1")


def test_no_runs_match_in_a_store_without_runs():
    assert matching((), "status = 'finished'") == ()
