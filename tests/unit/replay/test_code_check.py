"""Whether the code in the working tree is what a run executed."""

import os
from collections.abc import Collection

import pytest

from faults.git_user import GitUser
from flor.entities import Version
from flor.errors import GitError
from flor.replay.code_check import CodeCheck, check


def checked(
    user: GitUser, version: Version, loaded: Collection[str] = (), written: Collection[str] = ()
) -> CodeCheck:
    files = [user.root / name for name in loaded]
    before = user.belongings()
    found = check(user.repository, user.snapshots, version, files, written)
    assert user.belongings() == before
    return found


def different(user: GitUser, version: Version, **options: Collection[str]) -> tuple[str, ...]:
    return checked(user, version, **options).different


def test_an_unchanged_tree_is_the_same_whatever_the_user_did_with_git(user: GitUser) -> None:
    user.write("model.py")
    user.write("notes/todo.txt", "later")
    version = user.take().version
    assert checked(user, version, loaded=["train.py", "model.py"]) == CodeCheck((), ())

    user.git("add", "model.py")
    assert different(user, version) == ()
    user.commit()
    user.git("checkout", "--quiet", "-b", "other")
    os.utime(user.root / "train.py")
    (user.root / "train.py").chmod(0o755)

    assert checked(user, version, loaded=["train.py", "model.py"]) == CodeCheck((), ())


def test_changed_and_deleted_files_are_named(user: GitUser) -> None:
    for name in ("a.py", "b c.py", "sub/ü.py", "same.py"):
        user.write(name)
    user.commit()
    version = user.take().version
    user.write("a.py", "print(2)\n")
    (user.root / "b c.py").unlink()
    user.write("sub/ü.py", "print(2)\n")
    user.commit()  # a commit does not make it the code of the run

    assert different(user, version) == ("a.py", "b c.py", "sub/ü.py")


def test_a_change_of_the_same_length_right_after_the_run_began_is_found(user: GitUser) -> None:
    version = user.take().version
    user.write("train.py", "print('two')\n")

    assert different(user, version) == ("train.py",)


def test_new_files_and_those_of_the_store_do_not_matter(user: GitUser) -> None:
    version = user.take().version

    user.write("new.py")
    user.write("data/new.csv", "1")
    user.write(".flor/journals/x.journal", "x")

    assert different(user, version) == ()


def test_an_untracked_file_matters_only_where_the_run_loaded_it(user: GitUser) -> None:
    user.write("helper.py")
    user.write("results.csv", "1")
    version = user.take().version
    user.write("helper.py", "print(2)\n")
    user.write("results.csv", "2")

    assert different(user, version) == ()
    assert different(user, version, loaded=["train.py", "helper.py"]) == ("helper.py",)


def test_a_tracked_file_that_the_run_wrote_is_no_code_unless_it_loaded_it(user: GitUser) -> None:
    user.write("log.txt", "1")
    user.write("generated.py", "x = 1\n")
    user.commit()
    version = user.take().version
    user.write("log.txt", "2")
    user.write("generated.py", "x = 2\n")

    written = ["log.txt", "generated.py"]
    assert different(user, version) == ("generated.py", "log.txt")
    assert different(user, version, written=written) == ()
    assert different(user, version, loaded=["generated.py"], written=written) == ("generated.py",)


def test_a_file_that_was_only_staged_is_tracked_and_one_that_is_no_more_was(user: GitUser) -> None:
    user.write("staged.py")
    user.git("add", "staged.py")
    user.write("removed.py")
    user.git("add", "removed.py")
    user.git("commit", "--quiet", "-m", "removed", "removed.py")
    version = user.take().version
    user.write("staged.py", "print(2)\n")
    user.write("removed.py", "print(2)\n")
    user.git("rm", "--quiet", "--cached", "removed.py")

    assert different(user, version) == ("removed.py", "staged.py")


def test_a_module_that_the_version_does_not_hold_cannot_be_compared(user: GitUser) -> None:
    user.write(".gitignore", "local.py\n")
    user.write("local.py")
    user.commit()
    version = user.take().version

    found = checked(user, version, loaded=["train.py", "local.py"])

    assert found == CodeCheck((), ("local.py",))
    assert found.is_same


def test_line_ends_and_filters_are_undone(user: GitUser) -> None:
    user.write(".gitattributes", "*.py text eol=crlf\n*.enc filter=rot\n")
    user.git("config", "filter.rot.clean", "tr a-z b-za")
    user.git("config", "filter.rot.smudge", "tr b-za a-z")
    user.write("windows.py", "print(1)\r\n")
    user.write("secret.enc", "abc")
    user.commit()
    version = user.take().version
    assert user.files(version.commit)["secret.enc"] == b"bcd"
    user.write("windows.py", "print(1)\n")
    os.utime(user.root / "secret.enc")

    assert different(user, version) == ()
    user.write("secret.enc", "abd")
    assert different(user, version) == ("secret.enc",)


def test_flags_of_the_index_and_conflicts_hide_nothing(user: GitUser) -> None:
    user.write("assumed.py")
    user.write("skipped.py")
    user.commit()
    version = user.take().version
    user.git("update-index", "--assume-unchanged", "assumed.py")
    user.git("update-index", "--skip-worktree", "skipped.py")
    user.write("assumed.py", "print(2)\n")
    user.write("skipped.py", "print(2)\n")
    blob = user.git("rev-parse", "HEAD:train.py")
    conflict = "".join(f"100644 {blob} {stage}\ttrain.py\n" for stage in (1, 2, 3))
    user.git("rm", "--quiet", "--cached", "train.py")
    user.git("update-index", "--index-info", input=conflict.encode())

    assert different(user, version) == ("assumed.py", "skipped.py")


def test_links_and_submodules_are_compared(user: GitUser, tmp_path_factory: pytest.TempPathFactory) -> None:
    library = GitUser.init(tmp_path_factory.mktemp("library"))
    library.write("lib.py")
    library.commit()
    user.git("submodule", "--quiet", "add", str(library.root), "lib")
    (user.root / "link.py").symlink_to("train.py")
    user.commit()
    version = user.take().version
    (user.root / "lib" / "untracked.txt").write_text("x")
    assert different(user, version) == ()

    (user.root / "link.py").unlink()
    (user.root / "link.py").symlink_to("other.py")
    (user.root / "lib" / "lib.py").write_text("changed")

    assert different(user, version) == ("lib", "link.py")


def test_a_repository_without_commits_has_its_code_too(
    tmp_path_factory: pytest.TempPathFactory, home: object
) -> None:
    user = GitUser.init(tmp_path_factory.mktemp("unborn"))
    user.write("train.py")
    version = user.take().version
    user.write("train.py", "print(2)\n")

    assert different(user, version) == ()
    assert different(user, version, loaded=["train.py"]) == ("train.py",)


def test_a_version_that_is_not_here_is_an_error(user: GitUser) -> None:
    with pytest.raises(GitError, match="read-tree"):
        checked(user, Version("0" * 40, "1" * 40, "flor.shadow", None))
