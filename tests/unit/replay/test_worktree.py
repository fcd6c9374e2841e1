"""Working trees of past versions, over real repositories."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from faults.git_user import GitUser
from flor.entities import Run, RunId, Status
from flor.errors import VersionUnavailable
from flor.replay import checkout, worktree
from flor.replay.mapping import Relocation
from flor.replay.worktree import Worktree, Worktrees
from flor.snapshots.shadow import Taken
from workplace import eventually

RUN = "0123456789abcdef"
SOURCE = Path(__file__).parents[3] / "src"


def run_of(taken: Taken) -> Run:
    code = taken.version
    return Run(
        run=RunId(RUN), projid="project", tstamp=datetime(2026, 1, 2), filename="train.py",
        status=Status.FINISHED, rank_count=1, duration_s=1.0, args={}, values={}, version=code.commit,
        tree=code.tree, base=code.base, branch=code.branch, argv=(), cwd="", user="", host="", pid=1,
        parent=None,
    )  # fmt: skip


@contextmanager
def trees_of(user: GitUser, is_mounting: bool = False) -> Iterator[Worktrees]:
    def relocation(path: Path) -> Relocation:
        return Relocation((str(user.root),), str(path), (str(user.root / ".flor"),))

    home = user.root / ".flor" / "worktrees"
    with worktree.opened(home, str(user.root), relocation, is_mounting) as trees:
        yield trees


def take(trees: Worktrees, user: GitUser, taken: Taken, files: dict[str, str] | None = None) -> Worktree:
    return trees.take(checkout.code_of(user.repository, run_of(taken)), files or {})


def contents(tree: Worktree) -> dict[str, str]:
    files = (path for path in tree.path.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(tree.path).as_posix(): path.read_text() for path in files}


def test_the_files_are_those_of_the_run_and_not_todays(user: GitUser) -> None:
    user.write("pkg/new.py", "untracked then\n")
    taken = user.run()
    user.write("train.py", "print('today')\n")
    (user.root / "pkg" / "new.py").unlink()
    user.write("later.py")

    with trees_of(user) as trees:
        found = contents(take(trees, user, taken))

    assert found == {"train.py": "print('one')\n", "pkg/new.py": "untracked then\n"}


def test_nothing_of_the_users_is_touched_and_nothing_is_left(user: GitUser) -> None:
    user.git("branch", "other")
    user.write("train.py", "print('two')\n")
    taken = user.run()
    user.write("staged.py")
    user.git("add", "staged.py")
    before, listed = user.belongings(), user.git("worktree", "list")

    with trees_of(user) as trees:
        tree = take(trees, user, taken, {"train.py": "print('patched')\n"})
        (tree.path / "out.txt").write_text("mine")
        during = user.git("worktree", "list")

    assert user.belongings() == before
    assert during == listed == user.git("worktree", "list")
    assert list((user.root / ".flor" / "worktrees").iterdir()) == []


def test_modes_and_links_are_as_they_were(user: GitUser) -> None:
    user.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (user.root / "storage").mkdir()
    user.write("storage/x", "x")
    for name, target in (
        ("inside", "storage"),
        ("absolute", user.root / "storage"),
        ("above", "../elsewhere"),
        ("dangling", "nowhere"),
    ):
        (user.root / name).symlink_to(target)
    user.commit()
    taken = user.run()

    with trees_of(user) as trees:
        tree = take(trees, user, taken)

        assert os.access(tree.path / "run.sh", os.X_OK)
        assert not os.access(tree.path / "train.py", os.X_OK)
        assert {
            name: os.readlink(tree.path / name) for name in ("inside", "absolute", "above", "dangling")
        } == {
            "inside": "storage",
            "absolute": str(tree.path / "storage"),
            "above": str(user.root.parent / "elsewhere"),
            "dangling": "nowhere",
        }
        (tree.path / "absolute" / "x").write_text("changed")
    assert (user.root / "storage" / "x").read_text() == "x"


def test_a_link_by_way_of_another_folder_does_not_lead_back(user: GitUser, tmp_path: Path) -> None:
    user.write("storage/x", "x")
    (tmp_path / "outer").symlink_to(user.root / "storage")
    (user.root / "data").symlink_to(tmp_path / "outer")
    user.commit()
    taken = user.run()

    with trees_of(user) as trees:
        tree = take(trees, user, taken)

        assert (tree.path / "data").resolve() == tree.path / "storage"


def test_where_it_is_mounted_links_stay(user: GitUser) -> None:
    (user.root / "data").symlink_to(user.root / "storage")
    user.commit()
    taken = user.run()

    with trees_of(user, is_mounting=True) as trees:
        tree = take(trees, user, taken)

        assert os.readlink(tree.path / "data") == str(user.root / "storage")
        assert (tree.is_mounted, tree.seen_at) == (True, user.root)


def test_texts_are_written_over_files_in_the_encoding_that_they_declare(user: GitUser) -> None:
    user.write("latin.py", "# coding: latin-1\nx = 'é'\r\n".encode("latin-1"))
    user.write("real.py", "real\n").chmod(0o755)
    (user.root / "link.py").symlink_to("real.py")
    taken = user.run()
    files = {"latin.py": "# coding: latin-1\nx = 'éé'\r\n", "link.py": "patched\n", "real.py": "new\n"}

    with trees_of(user) as trees:
        tree = take(trees, user, taken, files)

        assert (tree.path / "latin.py").read_bytes() == files["latin.py"].encode("latin-1")
        assert (tree.path / "link.py").read_text() == "patched\n"
        assert (tree.path / "real.py").read_text() == "new\n"
        assert os.access(tree.path / "real.py", os.X_OK)
        with pytest.raises(VersionUnavailable, match="does not lie in the project"):
            checkout.write_over(tree.path, {"../train.py": "x"})


def test_a_folder_that_was_given_back_serves_another_version_without_a_trace(user: GitUser) -> None:
    user.write("gone.py", "gone\n")
    first = user.run()
    (user.root / "gone.py").unlink()
    user.write("train.py", "print('two')\n")
    second = user.take()

    with trees_of(user) as trees:
        tree = take(trees, user, first, {"train.py": "patched\n"})
        (tree.path / "out" / "deep").mkdir(parents=True)
        (tree.path / "out" / "deep" / "best.pt").write_text("weights")
        (tree.path / "gone.py").unlink()
        (tree.path / "gone.py").mkdir()
        (tree.path / ".git" / "HEAD").write_text("nonsense")
        (tree.path / "out").chmod(0o555)
        (tree.scratch / "mlruns").mkdir()
        trees.give_back(tree)
        again = take(trees, user, second)

        assert again.folder == tree.folder
        assert contents(again) == {"train.py": "print('two')\n"}
        assert not list(again.scratch.iterdir())
        trees.give_back(again)
        assert contents(take(trees, user, first)) == {"train.py": "print('one')\n", "gone.py": "gone\n"}


def test_git_answers_a_program_there_as_it_did(user: GitUser) -> None:
    user.git("tag", "v1")
    user.write("later.py", "x\n")
    head = user.commit("second")
    user.write("train.py", "print('changed')\n")
    user.write("untracked.py")
    taken = user.run()
    user.commit("third")

    with trees_of(user) as trees:
        tree = take(trees, user, taken)

        def git(*arguments: str) -> str:
            return subprocess.run(
                ["git", *arguments], cwd=tree.path, capture_output=True, text=True, check=True
            ).stdout.strip()

        assert git("rev-parse", "HEAD") == head
        assert git("describe", "--tags").startswith("v1-1-g")
        assert git("status", "--short").split("\n") == ["M train.py", "?? untracked.py"]
        assert git("rev-parse", "--show-toplevel") == str(tree.path)
        git("commit", "--all", "--message", "a program's own")
        assert git("log", "-1", "--format=%s") == "a program's own"
    assert user.git("log", "-1", "--format=%s") == "third"


def test_two_replays_at_once_do_not_meet(user: GitUser) -> None:
    taken = user.run()

    with trees_of(user) as one, trees_of(user) as other:
        first, second, third = take(one, user, taken), take(other, user, taken), take(one, user, taken)
        (first.path / "train.py").write_text("changed")

        assert len({first.path, second.path, third.path}) == 3
        assert second.path.exists()
        assert (second.path / "train.py").read_text() == "print('one')\n"


KILLED = """
import sys, time
from pathlib import Path
from flor.replay import worktree
from flor.replay.mapping import Relocation
home = Path(sys.argv[1])
with worktree.opened(home, "/", lambda path: Relocation(("/",), str(path)), False) as trees:
    folder = trees._make()
    (folder / "tree" / "closed").mkdir(mode=0)
    print("made", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_replay_left_is_deleted_by_the_next(user: GitUser) -> None:
    home = user.root / ".flor" / "worktrees"
    environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, home], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout
    assert killed.stdout.readline() == "made\n"

    while_alive = worktree.sweep(home)
    killed.kill()
    killed.communicate()
    afterwards = worktree.sweep(home)

    assert while_alive == ()
    assert len(afterwards) == 1
    assert list(home.iterdir()) == []


def test_one_that_is_being_made_is_left_alone_and_one_that_was_given_up_is_not(tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (0, 0))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").write_text("another-host")

    assert worktree.sweep(tmp_path) == ("old",)
    os.utime(tmp_path / "elsewhere" / "lock", (0, 0))
    assert worktree.sweep(tmp_path) == ("elsewhere",)
    assert worktree.sweep(tmp_path / "absent") == ()


def test_the_code_of_a_run_is_found_by_its_trailer_after_the_history_was_rewritten(user: GitUser) -> None:
    user.write("train.py", "print('never committed')\n")
    taken = user.run()
    tip = user.git("rev-parse", "flor.shadow")
    # The same history with other commits and trees: as a filter leaves it.
    user.write("train.py", "print('rewritten')\n")
    user.git("add", "--all")
    tree = user.git("write-tree")
    message = user.git("log", "-1", "--format=%B", tip)
    commit = user.git("commit-tree", tree, "-m", message)
    user.git("update-ref", "refs/heads/flor.shadow", commit)
    _forget(user)

    code = checkout.code_of(user.repository, run_of(taken))
    with trees_of(user) as trees:
        found = contents(trees.take(code, {}))

    assert found == {"train.py": "print('rewritten')\n"}
    assert code.note == f"commit {taken.version.commit[:12]} is gone; {commit[:12]} names the run too"


def test_a_run_whose_commit_is_gone_is_refused_with_the_reason(user: GitUser) -> None:
    user.write("only_then.py")
    taken = user.run()
    (user.root / "only_then.py").unlink()
    user.git("branch", "-D", "flor.shadow")
    _forget(user)

    with pytest.raises(VersionUnavailable, match=f"The code of run {RUN} is gone") as refused:
        checkout.code_of(user.repository, run_of(taken))

    assert "flor pull" in refused.value.hint


def test_a_file_that_is_missing_from_the_repository_is_refused_with_the_reason(user: GitUser) -> None:
    user.write("only_then.py", "only then\n")
    taken = user.run()
    blob = user.git("rev-parse", f"{taken.version.commit}:only_then.py")
    (user.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

    with trees_of(user) as trees, pytest.raises(VersionUnavailable, match="cannot be put back"):
        take(trees, user, taken)


def test_a_submodule_is_that_of_the_run(user: GitUser, tmp_path: Path) -> None:
    library = GitUser.init(tmp_path / "library")
    library.write("lib.py", "old\n")
    library.commit()
    user.git("submodule", "add", "--quiet", str(library.root), "vendor/lib")
    user.commit("with a library")
    taken = user.run()
    library.write("lib.py", "new\n")
    library.commit()
    user.git("-C", "vendor/lib", "pull", "--quiet")

    with trees_of(user) as trees:
        tree = take(trees, user, taken)
        assert (tree.path / "vendor" / "lib" / "lib.py").read_text() == "old\n"
        (tree.path / "vendor" / "lib" / "out").write_text("mine")
        trees.give_back(tree)
        assert not (take(trees, user, taken).path / "vendor" / "lib" / "out").exists()


def test_a_submodule_whose_commit_is_gone_is_refused(user: GitUser, tmp_path: Path) -> None:
    library = GitUser.init(tmp_path / "library")
    library.write("lib.py", "old\n")
    library.commit()
    user.git("submodule", "add", "--quiet", str(library.root), "vendor/lib")
    user.commit("with a library")
    taken = user.run()
    shutil.rmtree(user.root / ".git" / "modules" / "vendor" / "lib" / "objects")
    (user.root / ".git" / "modules" / "vendor" / "lib" / "objects").mkdir()

    with trees_of(user) as trees, pytest.raises(VersionUnavailable, match="vendor/lib: The code cannot"):
        take(trees, user, taken)


def test_what_lfs_keeps_is_taken_from_the_users_store_or_refused(user: GitUser) -> None:
    content = b"weights\n" * 1000
    digest = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"
    user.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    user.write("model.bin", pointer)
    taken = user.run()
    code = checkout.code_of(user.repository, run_of(taken))
    stored = user.root / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest

    with trees_of(user) as trees:
        with pytest.raises(VersionUnavailable, match=r"model\.bin: its content is not in the LFS store"):
            trees.take(code, {})
        unneeded = trees.take(code, {}, lambda path: path != "model.bin")
        assert (unneeded.path / "model.bin").read_text() == pointer
        stored.parent.mkdir(parents=True)
        stored.write_bytes(content)
        tree = trees.take(code, {})
        assert (tree.path / "model.bin").read_bytes() == content
        (tree.path / "model.bin").write_bytes(b"changed")
    assert stored.read_bytes() == content


def test_a_linked_working_tree_has_its_runs_executed_again_as_any(user: GitUser, tmp_path: Path) -> None:
    user.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    side = GitUser(tmp_path / "side")
    side.make_store()
    side.write("train.py", "print('side')\n")
    taken = side.run()
    listed = user.git("worktree", "list")

    with trees_of(side) as trees:
        found = contents(take(trees, side, taken))

    assert found == {"train.py": "print('side')\n"}
    assert user.git("worktree", "list") == listed


def _forget(user: GitUser) -> None:
    user.git("reflog", "expire", "--expire=now", "--all")
    user.git("gc", "--prune=now", "--quiet")


def _is_locked(path: Path) -> bool:
    with path.open("r+") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def test_a_working_tree_is_locked_while_it_is_in_use(user: GitUser) -> None:
    taken = user.run()

    with trees_of(user) as trees:
        lock = take(trees, user, taken).folder / "lock"
        assert _is_locked(lock)

    eventually(lambda: not lock.exists())
