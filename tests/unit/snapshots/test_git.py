"""Running git."""

import os
import time

import pytest

from flor.errors import GitError
from flor.snapshots import git
from flor.snapshots.git import Deadline, TimedOut


def test_the_output_comes_as_bytes(user):
    assert git.run(user.repository, "rev-parse", "HEAD") == user.head().encode() + b"\n"


def test_a_failing_command_tells_what_was_called_and_what_git_said(user):
    with pytest.raises(GitError, match=r"`git rev-parse nothing` failed \(exit code 128\): fatal: .*nothing"):
        git.run(user.repository, "rev-parse", "nothing")


def test_variables_of_git_are_not_passed_on(user, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Mallory")
    monkeypatch.delenv("GIT_DIR")
    user_name = git.run(user.repository, "config", "user.name")

    assert user_name == b"Ada\n"


def test_a_command_that_takes_too_long_is_stopped_with_its_children(user, tmp_path):
    pid_file = tmp_path / "pid"
    alias = f"alias.wait=!sleep 60 & echo $! > {pid_file}; wait"
    began = time.monotonic()

    with pytest.raises(TimedOut, match="took too long"):
        git.run(user.repository, "-c", alias, "wait", deadline=Deadline.after(0.5))

    assert time.monotonic() - began < 50
    assert not _is_running(int(pid_file.read_text()))


def _is_running(pid):
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return False
        except FileNotFoundError:
            return False
        time.sleep(0.02)
    return True


def test_input_may_come_in_pieces(user):
    output = git.execute(user.repository, "hash-object", "--stdin", stdin=(b"x" for _ in range(3)))

    assert output.stdout == git.run(user.repository, "hash-object", "--stdin", stdin=b"xxx")


def test_input_for_a_command_that_fails_early_is_no_fault_of_its_own(user):
    output = git.execute(user.repository, "no-such-command", stdin=(b"x" * 65536 for _ in range(64)))

    assert output.code == 1
    assert b"not a git command" in output.stderr


def test_a_fault_while_input_is_made_ends_the_command(user):
    def pieces():
        yield b"commit refs/flor/x\n"
        raise GitError("stop")

    with pytest.raises(GitError, match="stop"):
        git.execute(user.repository, "fast-import", stdin=pieces())

    assert not list(user.root.glob(".git/fast_import_crash*"))


def test_records_come_one_by_one(user):
    user.commit("second")

    with git.records(user.repository, "log", "-z", "--format=%s") as records:
        assert next(records) == b"second"
        assert list(records) == [b"work"]


def test_records_of_a_failing_command_are_an_error(user):
    with git.records(user.repository, "log", "nothing") as records, pytest.raises(GitError, match="nothing"):
        list(records)


def test_reading_may_stop_in_the_middle(user):
    for number in range(3):
        user.commit(f"commit {number}")

    with git.records(user.repository, "log", "-z", "--format=%s%n" + "x" * 100_000) as records:
        assert next(records).startswith(b"commit 2")


def test_a_working_tree_that_is_gone_is_named(user, tmp_path):
    repository = user.repository
    user.root.rename(tmp_path / "moved")

    with pytest.raises(GitError, match=r"working tree .* is gone"):
        git.run(repository, "status")


def test_where_git_can_be_used_there_is_no_obstacle(user):
    assert git.obstacle(user.repository) is None


def test_without_git_on_path_the_obstacle_says_so(user, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git.obstacle(user.repository).startswith("git is not on PATH. Install git")


def test_the_users_environment_stays_as_it_was(user, monkeypatch):
    monkeypatch.setenv("GIT_EDITOR", "true")
    before = dict(os.environ)

    git.run(user.repository, "rev-parse", "HEAD")

    assert dict(os.environ) == before
