"""docs/exactness.md says what became of every question to a script of the matrix, and nothing is wrong."""

import re

from exactness import matrix, report
from exactness.matrix import Script
from exactness.questions import questions_of

LINES = report.read()


def test_every_question_to_every_script_has_a_line() -> None:
    asked = [
        (script.name, str(question)) for script in matrix.all_scripts() for question in questions_of(script)
    ]

    assert sorted((line.script, line.place) for line in LINES) == sorted(asked)


def test_the_document_is_what_its_lines_make_of_it() -> None:
    assert report.document(LINES) == report.DOCUMENT.read_text("utf-8")


def test_what_is_not_exact_is_refused_or_named_and_may_be() -> None:
    scripts = {script.name: script for script in matrix.all_scripts()}

    assert [line for line in LINES if not _is_allowed(scripts[line.script], line.outcome)] == []
    assert sum(line.outcome == "exact" for line in LINES) >= 120


def _is_allowed(script: Script, outcome: str) -> bool:
    kind, _, reason = outcome.partition(": ")
    if kind == "refused":
        return bool(script.unanswered and re.search(script.unanswered, reason))
    return kind in ("exact", report.NOT_REACHED) or (
        kind in ("diverged", "unverified") and not script.is_deterministic
    )
