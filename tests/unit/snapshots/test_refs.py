"""Branches of code versions."""

import random

import pytest

from flor.errors import GitError
from flor.snapshots import refs
from flor.snapshots.refs import Branch


def branch(name, worktree=""):
    return Branch(name, "0" * 40, "1" * 40, worktree)


def test_branches_are_listed_with_where_they_stand(user):
    assert refs.branches(user.repository) == ()
    for name in ("flor.shadow.10", "flor.shadow", "flor.shadow.2", "flor.shadow.old", "flor.shadows"):
        user.git("branch", name)
    user.git("checkout", "--quiet", "flor.shadow.2")

    found = refs.branches(user.repository)

    assert [one.name for one in found] == ["flor.shadow", "flor.shadow.2", "flor.shadow.10"]
    assert [one.worktree for one in found] == ["", str(user.root), ""]
    assert {one.commit for one in found} == {user.head()}
    assert {one.tree for one in found} == {user.git("rev-parse", "HEAD^{tree}")}


def test_the_first_branch_that_is_not_checked_out_is_written():
    shadow, first = branch("flor.shadow", "/here"), branch("flor.shadow.1", "/there")

    assert refs.writable([]) == "flor.shadow"
    assert refs.writable([branch("flor.shadow")]) == "flor.shadow"
    assert refs.writable([shadow]) == "flor.shadow.1"
    assert refs.writable([shadow, first]) == "flor.shadow.2"
    assert refs.writable([shadow, first], current="flor.shadow") == "flor.shadow"


def test_a_branch_moves_only_from_where_it_was_seen(user):
    first = user.head()
    second = user.commit("second")

    assert refs.advance(user.repository, "refs/heads/x", first, "")
    assert not refs.advance(user.repository, "refs/heads/x", second, "")
    assert not refs.advance(user.repository, "refs/heads/x", first, second)
    assert refs.advance(user.repository, "refs/heads/x", second, first)
    assert not refs.advance(user.repository, "refs/heads/gone", second, first)
    assert user.git("rev-parse", "x") == second


def test_what_is_no_lost_race_is_an_error(user):
    with pytest.raises(GitError, match="update-ref"):
        refs.advance(user.repository, "refs/heads/x", "0" * 39, "")


def test_attempts_pause_between_and_end(monkeypatch):
    pauses_s = []
    monkeypatch.setattr(refs.time, "sleep", pauses_s.append)
    monkeypatch.setattr(refs.time, "monotonic", lambda: sum(pauses_s))

    numbers = list(refs.attempts(limit_s=10))

    assert numbers == list(range(len(numbers)))
    assert 30 < len(numbers) < 100
    assert max(pauses_s) <= 0.25 * 1.5


def test_nothing_is_drawn_from_the_users_random_generator(user):
    random.seed(0)
    before = random.getstate()

    list(refs.attempts(limit_s=0.01))
    user.run()

    assert random.getstate() == before
