"""The kinds of repositories and working trees that git knows."""

import pytest

from faults.git_user import GitUser
from flor.config import Config
from flor.entities import RunId
from flor.snapshots import history, shadow


@pytest.fixture
def library(tmp_path, home):
    """Another repository, to be a submodule."""
    library = GitUser.init(tmp_path / "library")
    library.write("lib.py", "x = 1\n")
    library.commit()
    return library


def test_before_the_first_commit_the_branch_begins_on_its_own(tmp_path, home):
    user = GitUser.init(tmp_path / "project")
    user.write("train.py")
    before = user.belongings()

    taken = user.run()

    assert taken.version.base is None
    assert user.subjects() == ["FLOR::Auto-commit::2026-01-02 03:04:05.000006", "FLOR::Snapshot"]
    assert (
        user.git("log", "-1", "--format=%(trailers)", "flor.shadow").rstrip() == "Flor-Run: 0123456789abcdef"
    )
    assert user.belongings() == before


def test_an_empty_folder_is_a_version_too(tmp_path, home):
    user = GitUser.init(tmp_path / "project")

    assert user.files(user.run().version.commit) == {}


def test_before_the_first_commit_a_user_can_be_switched(tmp_path, home):
    user = GitUser.init(tmp_path / "project")
    user.write("train.py")

    user.take(Config(switch=True))

    assert user.git("symbolic-ref", "HEAD") == "refs/heads/flor.shadow"
    assert user.git("status", "--porcelain") == ""


def test_a_detached_head_is_the_base(user):
    first = user.head()
    user.write("train.py", "print('two')\n")
    user.commit()
    user.git("checkout", "--quiet", "--detach", first)

    assert user.take().version.base == first


def test_a_linked_working_tree_shares_the_branch_and_has_an_index_of_its_own(user, tmp_path):
    user.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    linked = GitUser(tmp_path / "linked")
    linked.write("train.py", "print('linked')\n")
    before = linked.belongings()

    ours = user.take()
    theirs = shadow.take(linked.repository, user.snapshots, Config())

    assert user.files(theirs.version.commit) == {"train.py": b"print('linked')\n"}
    assert user.files(user.take().version.commit) == user.files(ours.version.commit)
    assert len([path for path in user.snapshots.iterdir() if path.suffix == ".index"]) == 2
    assert linked.belongings() == before
    assert history.versions(linked.repository) == history.versions(user.repository)


def test_while_the_branch_is_checked_out_another_one_is_written(user):
    user.run("a" * 16)
    user.git("checkout", "--quiet", "flor.shadow")
    user.write("train.py", "print('two')\n")
    before = user.belongings()

    taken = user.run("b" * 16)

    assert taken.moved_to == taken.version.branch == "flor.shadow.1"
    assert user.belongings() == before
    assert [row.run for row in history.versions(user.repository) if row.run] == ["a" * 16, "b" * 16]
    assert history.find(user.repository, RunId("b" * 16)) == user.git("rev-parse", "flor.shadow.1")


def test_while_the_branch_is_checked_out_in_another_working_tree_another_one_is_written(user, tmp_path):
    user.run("a" * 16)
    user.git("worktree", "add", "--quiet", str(tmp_path / "a\nb"), "flor.shadow")

    assert user.take().moved_to == "flor.shadow.1"
    assert user.take(Config(switch=True)).moved_to == "flor.shadow.1"


def test_while_both_branches_are_checked_out_a_third_one_is_written(user, tmp_path):
    user.run("a" * 16)
    user.git("checkout", "--quiet", "flor.shadow")
    user.run("b" * 16)
    user.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "flor.shadow.1")

    assert user.take().moved_to == "flor.shadow.2"


def test_a_branch_checked_out_while_a_run_goes_on_is_left_alone_at_its_end(user):
    taken = user.take()
    user.git("checkout", "--quiet", "flor.shadow")
    before = user.belongings()

    shadow.close(user.repository, taken.version, RunId("a" * 16), "t")

    assert user.belongings() == before
    assert user.subjects("flor.shadow.1")[:2] == ["FLOR::Auto-commit::t", "FLOR::Snapshot"]


def test_a_clean_submodule_is_kept_as_its_commit(user, library):
    user.git("submodule", "--quiet", "add", str(library.root), "lib")
    user.commit()
    before = user.belongings()

    taken = user.run()

    assert user.files(taken.version.commit)["lib"].decode() == library.head()
    assert taken.version.left_out == ()
    assert user.belongings() == before


def test_a_dirty_submodule_is_named(user, library):
    user.git("submodule", "--quiet", "add", str(library.root), "lib")
    user.commit()
    user.git("config", "diff.ignoreSubmodules", "all")
    user.write("lib/lib.py", "x = 2\n")

    taken = user.take()

    assert user.files(taken.version.commit)["lib"].decode() == library.head()
    assert taken.version.left_out == ("lib: submodule with uncommitted changes",)


def test_a_submodule_that_moved_on_is_kept_as_its_new_commit_each_time(user, library):
    user.git("submodule", "--quiet", "add", str(library.root), "lib")
    user.commit()
    inner = GitUser(user.root / "lib")

    for number in range(2):
        inner.write("lib.py", f"x = {number + 2}\n")
        commit = inner.commit()
        assert user.taken_files()["lib"].decode() == commit


def test_a_script_in_a_submodule_is_kept_in_the_submodules_repository(user, library):
    user.git("submodule", "--quiet", "add", str(library.root), "lib")
    user.commit()
    inner = GitUser(user.root / "lib")
    inner.make_store()
    inner.write("lib.py", "x = 2\n")

    inner.run()

    assert inner.files("flor.shadow") == {"lib.py": b"x = 2\n"}
    assert not user.git("branch", "--list", "flor.shadow")


@pytest.mark.parametrize("has_commit", [True, False])
def test_a_repository_within_is_left_out_and_named(user, has_commit):
    inner = GitUser.init(user.root / "vendored")
    inner.write("lib.py")
    if has_commit:
        inner.commit()
    user.write("new.py", "x = 1\n")

    taken = user.take()

    assert set(user.files(taken.version.commit)) == {"train.py", "new.py"}
    assert taken.version.left_out == ("vendored/: nested repository",)


def test_files_that_git_was_told_not_to_look_at_are_looked_at(user):
    for name in ("skipped.py", "assumed.py", "both.py"):
        user.write(name, "old\n")
    user.commit()
    user.git("update-index", "--skip-worktree", "skipped.py", "both.py")
    user.git("update-index", "--assume-unchanged", "assumed.py", "both.py")
    for name in ("skipped.py", "assumed.py", "both.py"):
        user.write(name, "new, unseen by git\n")
    before = user.belongings()

    files = user.taken_files()

    assert [files[name] for name in ("skipped.py", "assumed.py", "both.py")] == [b"new, unseen by git\n"] * 3
    assert user.belongings() == before


@pytest.mark.parametrize("sparse_index", ["--sparse-index", "--no-sparse-index"])
def test_of_a_sparse_checkout_what_is_there_is_taken(user, sparse_index):
    user.write("here/a.py", "a = 1\n")
    user.write("elsewhere/deep/b.py", "b = 1\n")
    user.commit()
    user.git("sparse-checkout", "set", "--cone", sparse_index, "here")
    user.write("here/a.py", "a = 2\n")
    user.write("here/new.py", "c = 1\n")
    before = user.belongings()

    files = user.taken_files()

    assert files == {"here/a.py": b"a = 2\n", "here/new.py": b"c = 1\n", "train.py": b"print('one')\n"}
    assert user.belongings() == before


def test_filtered_files_are_kept_as_git_keeps_them(user):
    user.write(".gitattributes", "*.bin filter=pointer\n*.txt text eol=crlf\n")
    user.git("config", "filter.pointer.clean", "sed s/.*/pointer/")
    user.git("config", "filter.pointer.smudge", "cat")
    user.commit()
    user.write("weights.bin", "heavy\n")
    user.write("notes.txt", "a\r\nb\r\n")
    user.git("config", "core.safecrlf", "true")

    files = user.taken_files()

    assert files["weights.bin"] == b"pointer\n"
    assert files["notes.txt"] == b"a\nb\n"


def test_a_file_whose_filter_fails_is_named_and_the_others_are_taken(user):
    user.write(".gitattributes", "*.bin filter=broken\n")
    user.git("config", "filter.broken.clean", "exit 1")
    user.git("config", "filter.broken.required", "true")
    for name in ("a.py", "b.py", "c.py", "weights.bin", "z.py"):
        user.write(name, "x\n")

    taken = user.take()

    files = user.files(taken.version.commit)
    assert sorted(files) == [".gitattributes", "a.py", "b.py", "c.py", "train.py", "z.py"]
    assert taken.version.left_out == ("weights.bin: git cannot add it",)


def test_a_repository_with_longer_hashes_works(tmp_path, home):
    user = GitUser(tmp_path / "project")
    user.root.mkdir()
    user.git("init", "--quiet", "--object-format=sha256")
    user.make_store()
    user.write("folder/train.py", "x = 1\n")
    user.commit()
    (user.root / "folder/train.py").unlink()
    user.write("fit.py", "x = 2\n")

    taken = user.run()

    [row] = history.files(user.repository, taken.version.commit)
    assert len(taken.version.commit) == 64
    assert (row.filename, row.contents) == ("fit.py", "x = 2\n")


def test_a_shallow_clone_works(user, tmp_path):
    user.commit("second")
    user.git("clone", "--quiet", "--depth=1", f"file://{user.root}", str(tmp_path / "shallow"))
    shallow = GitUser(tmp_path / "shallow")
    shallow.make_store()

    shallow.run()

    assert len(history.versions(shallow.repository)) == 2
