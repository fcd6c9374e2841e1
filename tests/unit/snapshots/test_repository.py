"""Finding the repository of a folder without running git."""

import os

import pytest

from faults.git_user import GitUser
from flor.snapshots.repository import locate


def test_a_folder_below_the_top_belongs_to_the_repository(user):
    folder = user.write("a/b/c.py").parent

    found = locate(folder, {})

    assert found.worktree == found.main_worktree == user.root
    assert found.git_dir == found.common_dir == user.root / ".git"


def test_outside_a_repository_there_is_none(tmp_path):
    assert locate(tmp_path, {}) is None


def test_a_git_file_that_leads_nowhere_is_none(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")

    assert locate(tmp_path, {}) is None


def test_a_folder_named_git_that_is_no_repository_is_passed_over(user):
    inner = user.write("inner/.git/config").parents[1]

    assert locate(inner, {}).worktree == user.root


def test_a_linked_working_tree_knows_the_main_one(user, tmp_path):
    user.git("worktree", "add", "--quiet", str(tmp_path / "linked"))

    found = locate(tmp_path / "linked", {})

    assert (found.worktree, found.main_worktree) == (tmp_path / "linked", user.root)
    assert found.git_dir == user.root / ".git/worktrees/linked"
    assert found.common_dir == user.root / ".git"


def test_a_submodule_is_a_repository_of_its_own(user, tmp_path):
    library = GitUser.init(tmp_path / "library")
    library.write("lib.py")
    library.commit()
    user.git("submodule", "--quiet", "add", str(library.root), "lib")

    found = locate(user.root / "lib", {})

    assert found.worktree == found.main_worktree == user.root / "lib"
    assert found.git_dir == user.root / ".git/modules/lib"


def test_the_variables_of_git_locate_a_bare_checkout(user, tmp_path):
    bare, files = tmp_path / "dotfiles.git", tmp_path / "files"
    user.git("clone", "--quiet", "--bare", str(user.root), str(bare))
    files.mkdir()

    found = locate(tmp_path, {"GIT_DIR": str(bare), "GIT_WORK_TREE": str(files)})

    assert (found.worktree, found.git_dir) == (files, bare)


def test_in_a_hook_the_working_tree_is_found_from_the_script(user, tmp_path):
    user.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    script = tmp_path / "linked" / "deep"
    script.mkdir()

    found = locate(script, {"GIT_DIR": str(user.root / ".git/worktrees/linked")})

    assert found.worktree == tmp_path / "linked"


def test_a_git_dir_that_is_a_file_is_followed(user, tmp_path):
    user.git("worktree", "add", "--quiet", str(tmp_path / "linked"))

    found = locate(tmp_path / "linked", {"GIT_DIR": str(tmp_path / "linked/.git")})

    assert found.git_dir == user.root / ".git/worktrees/linked"


def test_a_relative_git_dir_counts_from_the_current_folder(user, monkeypatch):
    monkeypatch.chdir(user.root)

    assert locate(user.root, {"GIT_DIR": ".git"}).worktree == user.root


def test_a_wrong_git_dir_means_no_repository(user):
    assert locate(user.root, {"GIT_DIR": "/nowhere"}) is None


@pytest.mark.parametrize("target", ["refs/heads/main", "refs/heads/unborn"])
def test_a_head_that_is_a_symbolic_link_is_a_head(user, target):
    head = user.root / ".git/HEAD"
    head.unlink()
    os.symlink(target, head)

    assert locate(user.root, {}).worktree == user.root
