"""Two clones exchange their runs through a remote with `flor push` and `flor pull`."""

import pytest

from journeys.cli_user import CliUser


@pytest.fixture
def users(tmp_path):
    """Two clones of one project, each with a run of its own."""
    first = CliUser.with_repository(tmp_path / "first")
    first.git("init", "--quiet", "--bare", "../remote.git")
    first.git("remote", "add", "origin", "../remote.git")
    first.git("push", "--quiet", "origin", "main")
    first.git("clone", "--quiet", "--branch", "main", "../remote.git", "../second")
    second = CliUser(tmp_path / "second")
    first.train("lr=0.5")
    second.train("lr=0.25")
    return first, second


def rates(user):
    return sorted(run["args"]["lr"] for run in user.json("runs"))


def test_a_fresh_clone_gets_the_whole_history(users):
    first, _ = users
    first.flor("push")
    first.git("clone", "--quiet", "--branch", "main", "../remote.git", "../third")
    third = CliUser(first.folder.parent / "third")

    done = third.flor("pull")

    assert done.returncode == 0, done.stderr
    assert "1 record file" in done.stdout
    assert rates(third) == [0.5]
    assert third.rows("dataframe", "loss") == first.rows("dataframe", "loss")
    [run] = third.json("runs")
    assert "flor.loop" in third.git("show", f"{run['version']}:train.py")
    assert third.git("status", "--porcelain") == ""


def test_both_sides_are_merged(users):
    first, second = users

    assert first.flor("push").returncode == 0
    assert second.flor("push").returncode == 0
    assert second.flor("pull").returncode == 0
    assert first.flor("pull").returncode == 0

    assert rates(first) == rates(second) == [0.25, 0.5]


def test_pushing_and_pulling_again_moves_nothing(users):
    first, _ = users
    assert len(first.json("push")["records"]) == 1

    assert first.json("push") == {"remote": "origin", "versions": 0, "records": []}
    assert first.json("pull") == {"remote": "origin", "versions": 0, "records": []}


def test_removing_a_pushed_run_says_that_there_is_a_copy(users):
    first, _ = users
    first.flor("push")

    done = first.flor("rm", "last", "--yes")

    assert done.returncode == 0
    assert "has been pushed" in done.stderr
    assert rates(first) == []


def test_removing_a_run_that_was_not_pushed_says_nothing_of_it(users):
    first, _ = users

    assert "pushed" not in first.flor("rm", "last", "--yes").stderr


def test_without_a_remote_the_error_says_how_to_add_one(tmp_path):
    user = CliUser.with_repository(tmp_path / "project")

    done = user.flor("push")

    assert done.returncode == 1
    assert "git remote add origin" in done.stderr


def test_outside_git_there_is_nothing_to_push(tmp_path):
    done = CliUser(tmp_path).flor("push")

    assert done.returncode == 1
    assert "no git repository" in done.stderr
