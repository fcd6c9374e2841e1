"""Probes are carried into old versions as the cases say, and what is put in is all that changes."""

import ast
from functools import cache

import pytest

from flor.replay import probes
from flor.replay.propagation import PatchedFile, Propagated, propagate
from probes.corpus import Case, every

CASES = every()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_probes_of_a_case_go_where_it_says(case: Case) -> None:
    found = _propagated(case)

    assert {file.filename: file.text for file in found.files} == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_refuses_what_it_says_for_its_reason(case: Case) -> None:
    found = _propagated(case)

    reasons = {refusal.probe.name: refusal.reason for refusal in found.refusals}
    assert set(reasons) == set(case.refused)
    assert {name: why for name, why in case.refused.items() if why not in reasons[name]} == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_finds_what_is_there_already(case: Case) -> None:
    found = _propagated(case)

    assert sorted(present.probe.name for present in found.present) == sorted(case.present)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_line_of_the_old_version_is_found_again(case: Case) -> None:
    for file in _propagated(case).files:
        _check_lines(file, case.before[file.filename])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_patch_names_the_line_of_its_call(case: Case) -> None:
    found = _propagated(case)

    texts = {file.filename: file.text for file in found.files}
    for patch in found.patches:
        calls = [node for node in ast.walk(ast.parse(texts[patch.filename])) if _logs(node, patch.probe.name)]
        assert patch.line in [call.lineno for call in calls]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_carrying_probes_into_todays_version_changes_nothing(case: Case) -> None:
    asked = probes.find(case.now, case.probes)

    found = propagate(asked, case.now, case.now)

    assert (found.files, found.refusals) == ((), ())
    assert {present.probe for present in found.present} == set(asked)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_carrying_probes_a_second_time_finds_them_there(case: Case) -> None:
    asked = probes.find(case.now, case.probes)
    first = _propagated(case)
    patched = case.before | {file.filename: file.text for file in first.files}

    second = propagate(asked, case.now, patched)

    assert {patch.probe for patch in first.patches} <= {present.probe for present in second.present}


def test_there_are_enough_cases_of_every_kind() -> None:
    assert len(CASES) >= 60
    assert sum(case.is_from_history for case in CASES) >= len(CASES) / 2
    assert sum(bool(case.refused) for case in CASES) >= 10


@cache
def _of(name: str) -> Propagated:
    case = next(each for each in CASES if each.name == name)
    return propagate(probes.find(case.now, case.probes), case.now, case.before)


def _propagated(case: Case) -> Propagated:
    return _of(case.name)


def _check_lines(file: PatchedFile, old: str) -> None:
    before, after = old.splitlines(), file.text.splitlines()
    for number in range(1, len(before) + 1):
        new = file.new_line(number)
        assert file.old_line(new) == number
        assert _is_within(before[number - 1], after[new - 1])
    new_lines = {file.new_line(number) for number in range(1, len(before) + 1)}
    for number in set(range(1, len(after) + 1)) - new_lines:
        assert file.old_line(number) is None


def _is_within(old: str, new: str) -> bool:
    """Whether a line has all characters of another, in their order."""
    rest = iter(new)
    return all(character in rest for character in old)


def _logs(node: ast.AST, name: str) -> bool:
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    return isinstance(first, ast.Constant) and first.value == name
