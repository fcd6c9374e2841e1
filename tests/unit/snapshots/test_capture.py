"""The working tree as a tree object."""

import sys

from flor.snapshots.capture import capture, loaded_paths
from flor.snapshots.git import Deadline
from flor.snapshots.selection import Rules


def paths(user, *names):
    return loaded_paths(user.repository, [user.root / name for name in names])


def test_modules_of_the_project_are_told_by_their_place(user, tmp_path):
    (tmp_path / "link").symlink_to(user.root)

    found = loaded_paths(
        user.repository, [user.root / "a/b.py", tmp_path / "else.py", tmp_path / "project.py"]
    )

    assert found == {"a/b.py"}


def test_installed_packages_within_the_project_are_not_its_modules(user):
    assert paths(user, "venv/lib/python3.12/site-packages/numpy/x.py", "env/dist-packages/y.py", "z.py") == {
        "z.py"
    }


def test_the_standard_library_of_an_environment_within_the_project_is_not_its_modules(user, monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", str(user.root / "conda"))

    assert paths(user, "conda/lib/python3.12/json/decoder.py", "train.py") == {"train.py"}


def test_a_project_within_an_environment_has_its_modules(user, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(user.root.parent))

    assert paths(user, "train.py") == {"train.py"}


def test_a_tree_tells_where_the_user_stood(user):
    captured = capture(user.repository, user.snapshots, Rules(), Deadline.after(10))

    assert captured.tree == user.git("rev-parse", "HEAD^{tree}")
    assert (captured.head, captured.branch) == (user.head(), "main")


def test_two_projects_of_one_repository_do_not_disturb_each_other(user):
    user.write("vision/new.py")
    user.write("speech/new.py")

    trees = [
        capture(user.repository, user.snapshots, Rules(below=folder), Deadline.after(10)).tree
        for folder in ("vision", "speech", "vision", "speech")
    ]

    assert trees[:2] == trees[2:]
    assert [set(user.files(tree)) for tree in trees[:2]] == [
        {"train.py", "vision/new.py"},
        {"train.py", "speech/new.py"},
    ]
