"""The private index."""

from flor.snapshots import index
from flor.snapshots.git import Deadline
from flor.snapshots.index import Memory


def test_it_begins_as_the_users_index_with_its_times(user):
    users = user.root / ".git/index"

    with index.working_copy(user.repository, user.snapshots, Deadline.after(10)) as private:
        assert private.path.read_bytes() == users.read_bytes()
        assert private.path.stat().st_mtime_ns == users.stat().st_mtime_ns

    assert not private.path.exists()


def test_what_was_kept_is_used_until_the_user_writes_theirs(user):
    def kept():
        with index.working_copy(user.repository, user.snapshots, Deadline.after(10)) as private:
            index.keep(private)
            return private.kept

    first = kept()
    assert kept() == first

    user.write("new.py")
    user.commit()

    assert kept() != first
    assert not first.exists()


def test_a_lock_that_a_killed_git_left_goes_with_the_copy(user):
    with index.working_copy(user.repository, user.snapshots, Deadline.after(10)) as private:
        lock = private.path.with_name(private.path.name + ".lock")
        lock.touch()

    assert not lock.exists()


def test_what_is_remembered_is_recalled_for_its_project_only(user):
    memory = Memory("signature", "tree", ("a: why",))

    index.remember(user.repository, user.snapshots, "vision", memory)

    assert index.recall(user.repository, user.snapshots, "vision") == memory
    assert index.recall(user.repository, user.snapshots, "speech") is None


def test_a_damaged_memory_is_none(user):
    index.remember(user.repository, user.snapshots, "", Memory("signature", "tree", ()))
    [path] = user.snapshots.glob("*.json")
    for content in (b"", b"{", b"[]", b'{"signature": 1, "tree": "x", "left_out": []}'):
        path.write_bytes(content)
        assert index.recall(user.repository, user.snapshots, "") is None


def test_all_that_was_kept_can_be_forgotten(user):
    assert not index.forget(user.repository, user.snapshots)
    user.take()

    assert index.forget(user.repository, user.snapshots)
    assert list(user.snapshots.iterdir()) == []
