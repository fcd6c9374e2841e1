import io

import pytest

from flor.cli.console import Console, NotConfirmed
from flor.cli.table import Table


class Terminal(io.StringIO):
    """A stream that a person sits at."""

    def isatty(self):
        return True


def console(out=None, answers=None):
    return Console(out or io.StringIO(), io.StringIO(), answers)


@pytest.fixture
def long_table():
    return Table(("n",), [(n,) for n in range(294)])


def test_a_terminal_shows_the_newest_rows_and_says_how_many_there_are(long_table):
    out = Terminal()

    console(out).table(long_table)

    lines = out.getvalue().splitlines()
    assert lines[0].strip() == "n"
    assert [lines[1].strip(), lines[50].strip()] == ["244", "293"]
    assert lines[51:] == ["294 rows; all with --csv"]


def test_a_table_in_an_order_of_its_own_shows_its_first_rows(long_table):
    out = Terminal()

    console(out).table(long_table, newest=False)

    assert out.getvalue().splitlines()[1].strip() == "0"


def test_piped_output_is_complete(long_table):
    out = io.StringIO()

    console(out).table(long_table)

    assert out.getvalue().splitlines() == ["n", *map(str, range(294))]


def test_yes_never_asks():
    console().confirm("Delete", assume_yes=True)


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " y "])
def test_a_piped_answer_counts_and_the_question_is_not_shown(answer):
    asked = console(answers=io.StringIO(answer))

    asked.confirm("Delete", assume_yes=False)

    assert asked.err.getvalue() == ""


def test_a_terminal_shows_the_question():
    asked = console(answers=Terminal("y\n"))

    asked.confirm("Delete 3 files", assume_yes=False)

    assert asked.err.getvalue() == "Delete 3 files [y/N]? "


@pytest.mark.parametrize("answer", ["n\n", "\n", "yesterday\n"])
def test_any_other_answer_is_no(answer):
    with pytest.raises(NotConfirmed, match="nothing was done"):
        console(answers=io.StringIO(answer)).confirm("Delete", assume_yes=False)


@pytest.mark.parametrize("answers", [None, io.StringIO("")])
def test_nobody_there_to_answer_is_no_and_names_the_flag(answers):
    with pytest.raises(NotConfirmed, match="--yes"):
        console(answers=answers).confirm("Delete", assume_yes=False)


def test_facts_without_a_value_are_left_out():
    out = io.StringIO()

    console(out).facts([("run", "a1"), ("parent", None), ("status", "finished")])

    assert out.getvalue() == "run     a1\nstatus  finished\n"


def test_json_escapes_what_the_output_cannot_encode():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)

    console(out).json({"name": "損失"})

    assert raw.getvalue() == b'{"name": "\\u640d\\u5931"}\n'
