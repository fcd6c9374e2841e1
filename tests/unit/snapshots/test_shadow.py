"""The branch of code versions: one commit before a run, one at its end."""

import os
import shutil
import time

import pytest

from flor.config import Config
from flor.entities import RunId
from flor.errors import GitError, StoreError
from flor.snapshots import shadow
from flor.snapshots.shadow import KilledRun

TSTAMP = "2026-01-02 03:04:05.000006"


def test_a_run_leaves_a_snapshot_and_an_auto_commit(user):
    head = user.head()

    taken = user.run()

    assert taken.created_branch
    assert taken.moved_to is None
    assert taken.version.branch == "flor.shadow"
    assert taken.version.base == head
    assert user.subjects() == [f"FLOR::Auto-commit::{TSTAMP}", "FLOR::Snapshot", "work"]
    assert (
        user.git("log", "-1", "--format=%(trailers)", "flor.shadow")
        == (f"Flor-Run: 0123456789abcdef\nFlor-Base: {head}\n").rstrip()
    )


def test_the_commits_are_by_the_user(user):
    user.run()

    assert (
        user.git("log", "-2", "--format=%an <%ae> %cn", "flor.shadow").splitlines()
        == ["Ada <ada@example.org> Ada"] * 2
    )


def test_the_snapshot_holds_changed_and_new_files_and_not_ignored_ones(user):
    user.write("train.py", "print('two')\n")
    user.write("helper.py", "x = 1\n")
    user.write(".gitignore", "*.log\n")
    user.write("out.log", "noise")

    assert user.taken_files() == {
        "train.py": b"print('two')\n",
        "helper.py": b"x = 1\n",
        ".gitignore": b"*.log\n",
    }


def test_a_deleted_file_is_not_in_the_snapshot(user):
    user.write("old.py")
    user.commit()
    (user.root / "old.py").unlink()

    assert set(user.taken_files()) == {"train.py"}


def test_an_unchanged_tree_reuses_its_commit(user):
    first = user.run()
    second = user.take()

    assert not second.created_branch
    assert second.version.tree == first.version.tree
    assert second.version.commit == user.git("rev-parse", "flor.shadow")
    assert len(user.subjects()) == 3


def test_an_unchanged_tree_costs_three_git_commands(user, tmp_path, monkeypatch):
    user.write("notes.txt", "untracked")
    time.sleep(2.1)  # a file written just now could change again without a trace in its times
    user.take(loaded_files=[user.root / "train.py"])
    log = _log_git(tmp_path / "bin", monkeypatch)

    user.take(loaded_files=[user.root / "train.py"])

    assert [line for line in log.read_text().split() if line in _COMMANDS] == [
        "config",
        "status",
        "for-each-ref",
    ]


_COMMANDS = {
    "config",
    "status",
    "for-each-ref",
    "update-index",
    "ls-files",
    "write-tree",
    "commit-tree",
    "update-ref",
}


def _log_git(folder, monkeypatch):
    """A git that notes how it was called."""
    folder.mkdir()
    log, real = folder / "log", shutil.which("git")
    (folder / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_the_branch_is_linear_and_the_users_head_a_parent_of_its_first_commit_only(user):
    first = user.head()
    user.run("a" * 16)
    user.write("train.py", "print('two')\n")
    user.commit()
    user.run("b" * 16)

    parents = user.git("log", "--format=%P", "flor.shadow", "--not", first).splitlines()

    assert len(parents) == 4
    assert all(len(line.split()) == 1 for line in parents)
    assert parents[-1] == first


def test_the_auto_commit_holds_the_code_of_the_start(user):
    taken = user.take()
    user.write("train.py", "print('edited while it trained')\n")
    shadow.close(user.repository, taken.version, RunId("a" * 16), TSTAMP)

    assert user.files("flor.shadow")["train.py"] == b"print('one')\n"


def test_a_run_can_end_after_its_branch_was_deleted(user):
    taken = user.take()
    user.git("branch", "-D", "flor.shadow")

    shadow.close(user.repository, taken.version, RunId("a" * 16), TSTAMP)

    assert user.subjects()[:2] == [f"FLOR::Auto-commit::{TSTAMP}", "FLOR::Snapshot"]


def test_what_was_kept_is_made_anew_after_its_objects_were_pruned(user):
    user.write("notes.txt", "new")
    user.age("notes.txt")
    user.take()
    user.git("update-ref", "-d", "refs/heads/flor.shadow")
    user.git("reflog", "expire", "--expire=now", "--all")
    user.git("gc", "--quiet", "--prune=now")

    assert user.taken_files()["notes.txt"] == b"new"


def test_a_damaged_private_index_is_made_anew(user):
    user.take()
    for kept in user.snapshots.iterdir():
        kept.write_bytes(b"not an index")
    user.write("more.py", "x\n")

    assert user.taken_files()["more.py"] == b"x\n"


def test_nothing_but_the_kept_index_stays_in_the_store(user):
    user.run()
    user.write("train.py", "print('two')\n")
    user.commit()
    user.run()

    assert sorted(path.suffix for path in user.snapshots.iterdir()) == [".index", ".json"]


def test_killed_runs_get_the_auto_commit_that_they_lack(user):
    closed, killed = user.take(), user.take()
    shadow.close(user.repository, closed.version, RunId("a" * 16), TSTAMP)
    runs = [
        KilledRun(RunId("a" * 16), TSTAMP, closed.version),
        KilledRun(RunId("b" * 16), "t", killed.version),
    ]

    assert shadow.close_missing(user.repository, runs) == ("b" * 16,)
    assert shadow.close_missing(user.repository, runs) == ()
    assert user.subjects()[:2] == ["FLOR::Auto-commit::t", f"FLOR::Auto-commit::{TSTAMP}"]


def test_with_switch_the_user_is_on_the_branch_and_their_files_stay(user):
    user.write("train.py", "print('two')\n")
    user.write("new.py", "x\n")
    before = {path.name: path.read_bytes() for path in user.root.glob("*.py")}

    taken = user.take(Config(switch=True))
    shadow.close(user.repository, taken.version, RunId("a" * 16), TSTAMP, switch=True)

    assert user.git("symbolic-ref", "HEAD") == "refs/heads/flor.shadow"
    assert user.git("status", "--porcelain") == ""
    assert taken.moved_to is None
    assert {path.name: path.read_bytes() for path in user.root.glob("*.py")} == before


def test_with_switch_the_next_run_stays_on_the_branch(user):
    user.take(Config(switch=True))
    user.write("train.py", "print('two')\n")

    taken = user.take(Config(switch=True))

    assert taken.version.branch == "flor.shadow"
    assert user.git("status", "--porcelain") == ""
    assert user.files("HEAD")["train.py"] == b"print('two')\n"


def test_with_switch_and_a_locked_index_the_user_stays(user):
    (user.root / ".git/index.lock").touch()

    taken = user.take(Config(switch=True))

    assert taken.version.branch == "flor.shadow"
    assert user.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_past_the_time_limit_imported_modules_are_taken(user):
    user.write("helper.py", "x = 1\n")
    user.write(".env", "SECRET=1\n")
    user.write("data.txt")
    loaded = [user.root / name for name in ("train.py", "helper.py", ".env")] + [user.root.parent / "else.py"]

    taken = user.take(loaded_files=loaded, time_limit_s=0.0)

    assert user.files(taken.version.commit) == {"train.py": b"print('one')\n", "helper.py": b"x = 1\n"}
    assert taken.version.left_out == ("all but imported modules: the snapshot took more than 0 s",)
    assert taken.version.base == user.head()


def test_an_imported_module_that_git_ignores_is_named(user):
    user.write(".gitignore", "generated.py\n.venv/\n")
    files = [user.write("generated.py"), user.write(".venv/lib/site-packages/pkg.py"), user.root / "train.py"]

    taken = user.take(loaded_files=files)

    assert taken.version.left_out == ("generated.py: imported, but ignored by git",)


def test_what_is_left_out_is_named_also_when_the_commit_is_reused(user):
    user.write("weights.bin", b"x" * 5_000_001)
    user.age("weights.bin")

    first, second = user.take().version, user.take().version

    assert first.left_out == second.left_out == ("weights.bin: larger than 5 MB",)
    assert first.commit == second.commit


def test_the_project_in_a_folder_takes_its_own_untracked_files_and_all_tracked_ones(user):
    user.write("speech/main.py")
    user.commit()
    user.write("speech/main.py", "changed\n")
    user.write("speech/new.py")
    user.write("vision/new.py")

    files = user.taken_files(subfolder=user.root / "vision")

    assert sorted(files) == ["speech/main.py", "train.py", "vision/new.py"]
    assert files["speech/main.py"] == b"changed\n"


def test_excluded_files_are_not_taken_unless_tracked(user):
    user.write("tracked.csv", "1\n")
    user.commit()
    user.write("tracked.csv", "2\n")
    user.write("new.csv", "3\n")

    taken = user.take(Config(exclude=("*.csv",)))

    assert user.files(taken.version.commit)["tracked.csv"] == b"2\n"
    assert taken.version.left_out == ("new.csv: untracked, and its name is that of a secret or excluded",)


def test_a_store_that_does_not_ignore_itself_yet_is_not_taken(user):
    (user.root / ".flor/.gitignore").unlink()
    user.write(".flor/journals/x.journal")

    assert set(user.taken_files()) == {"train.py"}


def test_a_store_that_cannot_be_made_is_an_error_with_a_remedy(user, tmp_path):
    blocked = user.write("file")

    with pytest.raises(StoreError, match="FLOR_HOME"):
        shadow.take(user.repository, blocked / "snapshots", Config())


def test_a_branch_that_always_moves_is_an_error_in_the_end(user, monkeypatch):
    user.take()
    (user.root / ".git/refs/heads/flor.shadow.lock").touch()
    monkeypatch.setattr("flor.snapshots.refs.attempts", lambda: iter(range(2)))
    user.write("new.py")

    with pytest.raises(GitError, match=r"flor\.shadow could not be moved"):
        user.take()


def test_a_lock_that_a_killed_git_left_on_the_branch_is_removed(user):
    user.take()
    user.write(".git/refs/heads/flor.shadow.lock", "")
    user.age(".git/refs/heads/flor.shadow.lock")
    user.write("new.py", "x\n")

    assert user.taken_files()["new.py"] == b"x\n"
