"""What earlier replays answered is not asked again."""

from flor.replay.planning.unanswered import Answer, Left, left

ONE = {(0, 0): range(4)}
TWO = {(0, 0): range(2), (1, 0): range(2)}


def test_without_answers_everything_is_left() -> None:
    assert left(ONE, ["a"], []) == Left({(0, 0): (0, 1, 2, 3)}, True)


def test_what_was_answered_wholly_is_not_asked_again() -> None:
    assert left(ONE, ["a"], [Answer("a")]).is_nothing
    assert left(None, ["a"], [Answer("a")]).is_nothing


def test_iterations_that_have_answers_are_not_asked_again() -> None:
    assert left(ONE, ["a"], [Answer("a", {0, 1}), Answer("a", {3})]) == Left({(0, 0): (2,)}, True)


def test_a_changed_probe_is_asked_everywhere() -> None:
    assert left(ONE, ["b"], [Answer("a")]) == Left({(0, 0): (0, 1, 2, 3)}, True)


def test_several_probes_are_asked_where_one_of_them_has_no_answer() -> None:
    answers = [Answer("a", {0, 1, 2}), Answer("b", {1, 2, 3})]

    assert left(ONE, ["a", "b"], answers) == Left({(0, 0): (0, 3)}, True)
    assert not left(ONE, ["a", "b"], [Answer("a")]).is_nothing


def test_of_several_loops_only_a_whole_answer_counts() -> None:
    assert left(TWO, ["a"], [Answer("a", {0})]) == Left({(0, 0): (0, 1), (1, 0): (0, 1)}, True)
    assert left(TWO, ["a"], [Answer("a")]).is_nothing


def test_all_of_an_unknown_number_stay_all() -> None:
    assert left(None, ["a"], [Answer("a", {0})]) == Left(None, True)
