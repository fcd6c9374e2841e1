"""Whatever state the user's repository is in: a run changes nothing in it and keeps the code as it stands."""

import pytest

from flor.snapshots import history


def clean(user):
    pass


def staged(user):
    user.write("train.py", "print('staged')\n")
    user.git("add", "train.py")


def staged_then_edited(user):
    staged(user)
    user.write("train.py", "print('edited after')\n")


def modified_untracked_and_ignored(user):
    user.write(".gitignore", "*.log\n")
    user.write("train.py", "print('modified')\n")
    user.write("new.py", "x = 1\n")
    user.write("run.log", "noise\n")


def stashed(user):
    user.write("train.py", "print('stashed')\n")
    user.git("stash", "--quiet")


def detached(user):
    user.git("checkout", "--quiet", "--detach")


def removed_from_the_index_only(user):
    user.git("rm", "--quiet", "--cached", "train.py")


def renamed(user):
    user.git("mv", "train.py", "fit.py")


def meant_to_be_added(user):
    user.write("later.py", "x = 1\n")
    user.git("add", "--intent-to-add", "later.py")


def in_conflict(user):
    user.git("checkout", "--quiet", "-b", "side")
    user.write("train.py", "print('side')\n")
    user.commit()
    user.git("checkout", "--quiet", "main")
    user.write("train.py", "print('main')\n")
    user.commit()
    with pytest.raises(AssertionError):
        user.git("merge", "side")
    user.write("train.py", "print('being resolved')\n")


def with_a_file_that_became_a_folder(user):
    user.write("thing", "a file\n")
    user.commit()
    (user.root / "thing").unlink()
    user.write("thing/inner.py", "x = 1\n")


def with_a_folder_that_became_a_file(user):
    user.write("thing/inner.py", "x = 1\n")
    user.commit()
    (user.root / "thing/inner.py").unlink()
    (user.root / "thing").rmdir()
    user.write("thing", "a file\n")


def with_a_folder_that_became_a_link(user):
    user.write("data/a.py", "x = 1\n")
    user.write("other/b.py", "x = 2\n")
    user.commit()
    (user.root / "data/a.py").unlink()
    (user.root / "data").rmdir()
    (user.root / "data").symlink_to("other")


def in_a_split_index(user):
    user.git("update-index", "--split-index")
    user.write("train.py", "print('split')\n")


def with_a_cached_listing(user):
    user.git("config", "core.untrackedCache", "true")
    user.write("new.py", "x = 1\n")
    user.git("update-index", "--untracked-cache")


def in_an_index_of_version_4(user):
    user.git("update-index", "--index-version", "4")
    user.write("train.py", "print('four')\n")


STATES = [
    clean,
    staged,
    staged_then_edited,
    modified_untracked_and_ignored,
    stashed,
    detached,
    removed_from_the_index_only,
    renamed,
    meant_to_be_added,
    in_conflict,
    with_a_file_that_became_a_folder,
    with_a_folder_that_became_a_file,
    with_a_folder_that_became_a_link,
    in_a_split_index,
    with_a_cached_listing,
    in_an_index_of_version_4,
]


@pytest.mark.parametrize("state", STATES)
def test_a_run_changes_nothing_and_keeps_what_is_on_disk(user, state):
    state(user)
    before = user.belongings()

    first = user.run("a" * 16)
    second = user.run("b" * 16)

    assert user.belongings() == before
    expected = on_disk(user, ignored={"run.log"})
    assert user.files(first.version.commit) == user.files(second.version.commit) == expected
    assert first.version.left_out == ()


@pytest.mark.parametrize("state", STATES)
def test_the_next_run_sees_what_the_user_did_meanwhile(user, state):
    user.run("a" * 16)
    state(user)
    user.write("later.txt", "after\n")
    user.run("b" * 16)
    user.commit("all of it")

    user.run("c" * 16)

    assert user.files("flor.shadow") == on_disk(user, ignored={"run.log"}) == user.files("HEAD")
    assert {row.run for row in history.versions(user.repository)} == {None, "a" * 16, "b" * 16, "c" * 16}


def on_disk(user, ignored):
    """Path to content, a link's target being its content."""
    found = {}
    for path in user._files():
        name = path.relative_to(user.root).as_posix()
        if name not in ignored:
            found[name] = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
    folders = [path for path in user.root.iterdir() if path.is_symlink()]
    return found | {path.name: str(path.readlink()).encode() for path in folders}
