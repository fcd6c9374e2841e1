"""Exchanging code and records with a remote."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faults.git_user import GitUser
from flor.errors import FlorError, GitError
from flor.snapshots import history, transfer


@pytest.fixture
def remote(user, tmp_path):
    """A bare repository that the user pushes to."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    user.git("remote", "add", "origin", str(bare))
    user.git("push", "--quiet", "--set-upstream", "origin", "main")
    return bare


@pytest.fixture
def other(remote, tmp_path):
    """A second user with a clone."""
    clone = GitUser(tmp_path / "other")
    subprocess.run(["git", "clone", "--quiet", str(remote), str(clone.root)], check=True)
    clone.make_store()
    return clone


def run(user, number, code):
    user.write("train.py", code)
    return user.run(f"{number:016x}")


def sealed(user, *names):
    """Sealed files as the store has them: name to path."""
    return {name: user.write(f".flor/runs/{name}", f"content of {name}" * 100) for name in names}


def push(user, *names):
    return transfer.push(user.repository, lambda shelf: sealed(user, *names))


def pull(user):
    return transfer.pull(user.repository)


def shelved(user):
    """The contents of all files of records, by name."""
    shelf = transfer.shelf(user.repository)
    return dict(zip(shelf.files, shelf.read(shelf.files), strict=True))


def runs(user):
    """The runs on the shadow branch, oldest first."""
    return [int(row.run, 16) for row in history.versions(user.repository) if row.run]


def assert_linear(user, branch="flor.shadow"):
    parents = user.git("log", "--format=%P", branch).splitlines()
    assert all(len(line.split()) <= 1 for line in parents)


def tracking(user):
    return user.git("for-each-ref", "refs/remotes", "refs/tags")


def test_push_sends_the_branch_and_the_sealed_files(user, remote):
    run(user, 1, "1\n")

    pushed = push(user, "a.0.parquet", "b.0.parquet")

    assert (pushed.remote, pushed.commits) == ("origin", 2)
    assert pushed.records == ("a.0.parquet", "b.0.parquet")
    there = GitUser(remote)
    assert there.git("rev-parse", "flor.shadow") == user.git("rev-parse", "flor.shadow")
    assert there.git("show", "refs/flor/records:b.0.parquet") == "content of b.0.parquet" * 100


def test_a_second_push_sends_only_what_is_new(user, remote):
    run(user, 1, "1\n")
    push(user, "a.0.parquet")
    assert push(user, "a.0.parquet") == transfer.Pushed("origin", 0, ())

    run(user, 2, "2\n")

    assert push(user, "a.0.parquet", "b.0.parquet") == transfer.Pushed("origin", 2, ("b.0.parquet",))


def test_without_runs_there_is_nothing_to_push(user, remote):
    assert push(user) == transfer.Pushed("origin", 0, ())
    assert pull(user) == transfer.Pulled("origin", 0, None)
    assert shelved(user) == {}


def test_a_file_that_grew_is_sent_again(user, remote):
    push(user, "a.0.parquet")
    file = user.write(".flor/runs/a.0.parquet", "more content" * 1000)

    pushed = transfer.push(user.repository, lambda shelf: {"a.0.parquet": file})

    assert pushed.records == ("a.0.parquet",)
    assert shelved(user) == {"a.0.parquet": file.read_bytes()}


def test_pull_brings_everything_into_a_fresh_clone(user, other):
    run(user, 1, "1\n")
    push(user, "a.0.parquet")

    pulled = pull(other)

    assert pulled == transfer.Pulled("origin", 2, None)
    assert runs(other) == [1]
    assert shelved(other) == {"a.0.parquet": b"content of a.0.parquet" * 100}


def test_what_is_offered_may_depend_on_what_both_sides_have(user, other):
    push(user, "a.0.parquet")
    push(other, "b.0.parquet")
    offered = []

    def offer(shelf):
        contents = dict(zip(shelf.files, shelf.read(shelf.files), strict=True))
        offered.append(contents)
        return sealed(user, "c.0.parquet")

    pushed = transfer.push(user.repository, offer)

    assert offered == [{f"{name}.0.parquet": f"content of {name}.0.parquet".encode() * 100 for name in "ab"}]
    assert pushed.records == ("c.0.parquet",)
    assert sorted(shelved(user)) == ["a.0.parquet", "b.0.parquet", "c.0.parquet"]


def test_two_clones_that_both_advanced_are_merged_on_pull(user, other):
    run(user, 1, "1\n")
    push(user, "a.0.parquet")
    pull(other)
    run(user, 2, "2\n")
    push(user, "a.0.parquet", "b.0.parquet")
    run(other, 3, "3\n")
    before = history.commits(other.repository)

    pulled = pull(other)

    assert pulled.commits == 2
    assert sorted(shelved(other)) == ["a.0.parquet", "b.0.parquet"]
    assert runs(other) == [1, 2, 3]
    assert_linear(other)
    # Made again on another parent, and else the same.
    assert history.commits(other.repository)[-1].identity == before[-1].identity
    assert other.git("show", "flor.shadow:train.py") == "3"


def test_two_clones_that_both_advanced_are_merged_on_push(user, other):
    run(user, 1, "1\n")
    run(other, 2, "2\n")
    push(user, "a.0.parquet")

    pushed = push(other, "b.0.parquet")

    assert pushed == transfer.Pushed("origin", 2, ("b.0.parquet",))
    assert pull(user) == transfer.Pulled("origin", 2, None)
    assert sorted(shelved(user)) == ["a.0.parquet", "b.0.parquet"]
    assert runs(user) == runs(other) == [1, 2]
    assert user.git("rev-parse", "flor.shadow") == other.git("rev-parse", "flor.shadow")
    assert_linear(user)


def test_what_the_user_committed_to_the_branch_by_hand_is_kept_in_a_merge(user, other):
    run(user, 1, "1\n")
    push(user)
    run(other, 2, "2\n")
    other.git("checkout", "--quiet", "--force", "-b", "side")
    other.git("commit", "--quiet", "--allow-empty", "-m", "on the side")
    other.git("checkout", "--quiet", "--force", "flor.shadow")
    other.git("commit", "--quiet", "--allow-empty", "-m", "by hand")
    other.git("merge", "--quiet", "--no-ff", "-m", "merged by hand", "side")
    other.git("commit", "--quiet", "--allow-empty", "-m", "FLOR::Snapshot")
    files = other.files("flor.shadow")

    pull(other)

    subjects = other.git("log", "--first-parent", "--format=%s", "flor.shadow").splitlines()
    assert subjects[:3] == ["FLOR::Snapshot", "merged by hand", "by hand"]
    assert other.git("log", "-1", "--format=%s", "flor.shadow~1^2") == "on the side"
    assert other.files("flor.shadow") == files
    assert runs(other) == [1, 2]


def test_clones_agree_in_the_end_whatever_the_order(user, other):
    for number in range(1, 7):
        one, two = (user, other) if number % 2 else (other, user)
        run(one, number, f"{number}\n")
        push(one, f"{number}.parquet")
        if number % 3 == 0:
            pull(two)
    pull(user)
    pull(other)
    push(user)

    assert sorted(runs(user)) == [1, 2, 3, 4, 5, 6]
    assert runs(user) == runs(other)
    assert shelved(user) == shelved(other)
    assert len(shelved(user)) == 6
    assert_linear(other)


def test_two_clones_may_push_in_the_same_moment(user, other):
    run(user, 1, "1\n")
    run(other, 2, "2\n")

    with ThreadPoolExecutor() as pool:
        list(pool.map(push, [user, other], ["a.0.parquet", "b.0.parquet"]))

    pull(user)
    pull(other)
    assert sorted(shelved(user)) == sorted(shelved(other)) == ["a.0.parquet", "b.0.parquet"]
    assert runs(user) == runs(other)
    assert sorted(runs(user)) == [1, 2]


def test_nothing_of_the_users_moves(user, other):
    run(user, 1, "1\n")
    other.write("staged.py")
    other.git("add", "staged.py")
    other.write("train.py", "edited\n")
    other.git("config", "fetch.pruneTags", "true")
    other.git("config", "push.followTags", "true")
    other.git("tag", "-a", "mine", "-m", "a tag")
    before, tracked = other.belongings(), tracking(other)

    push(user, "a.0.parquet")
    pull(other)
    other.run("f" * 16)
    push(other, "b.0.parquet")

    assert other.belongings() == before
    assert tracking(other) == tracked
    assert other.git("ls-remote", "--tags", "origin") == ""


def test_where_the_branch_is_checked_out_pulled_code_goes_beside_it(user, other):
    run(user, 1, "1\n")
    push(user)
    pull(other)
    other.git("checkout", "--quiet", "flor.shadow")
    run(user, 2, "2\n")
    push(user)
    before = other.belongings()

    pulled = pull(other)

    assert pulled.branch == "flor.shadow.1"
    assert runs(other) == [1, 2]
    assert other.belongings() == before


def test_runs_beside_a_checked_out_branch_are_pushed_too(user, remote, other):
    run(user, 1, "1\n")
    user.git("stash", "--quiet")
    user.git("checkout", "--quiet", "flor.shadow")
    run(user, 2, "2\n")
    assert user.git("branch", "--list", "flor.shadow.1")

    push(user)
    pull(other)

    assert runs(other) == [1, 2]
    assert push(user).commits == 0


def test_the_upstream_of_the_current_branch_is_meant_before_origin(user, remote, tmp_path):
    user.git("remote", "add", "lab", str(tmp_path / "lab.git"))
    assert transfer.choose_remote(user.repository) == "origin"

    user.git("config", "branch.main.remote", "lab")

    assert transfer.choose_remote(user.repository) == "lab"
    assert transfer.choose_remote(user.repository, "elsewhere") == "elsewhere"


def test_the_only_remote_is_meant_whatever_its_name(user, tmp_path):
    user.git("remote", "add", "my.lab", str(tmp_path))

    assert transfer.choose_remote(user.repository) == "my.lab"


def test_without_a_remote_the_remedy_is_named(user):
    with pytest.raises(FlorError, match="git remote add origin"):
        push(user)


def test_among_several_remotes_none_is_guessed(user, tmp_path):
    user.git("remote", "add", "a", str(tmp_path))
    user.git("remote", "add", "b", str(tmp_path))

    with pytest.raises(FlorError, match=r"Name one: a, b\."):
        pull(user)


def test_a_remote_may_be_an_address(user, remote, tmp_path):
    other = tmp_path / "by address.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(other)], check=True)
    run(user, 1, "1\n")

    pushed = transfer.push(user.repository, lambda shelf: {}, str(other))

    assert pushed.commits == 2
    assert GitUser(other).git("rev-parse", "flor.shadow") == user.git("rev-parse", "flor.shadow")


def test_a_remote_that_is_gone_is_an_error_with_what_git_said(user, remote):
    remote.rename(remote.with_name("moved"))

    with pytest.raises(GitError, match="does not appear to be a git repository"):
        push(user)


def test_a_remote_that_refuses_is_an_error_with_what_it_said(user, remote):
    run(user, 1, "1\n")
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'no code today' >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(GitError, match="no code today"):
        push(user)


def test_hooks_of_the_user_do_not_run(user, remote):
    run(user, 1, "1\n")
    for name in ("pre-push", "reference-transaction", "post-merge"):
        hook = user.write(f".git/hooks/{name}", "#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)

    assert push(user).commits == 2


def test_records_that_git_has_lost_are_an_error_with_a_remedy(user, remote):
    push(user, "a.0.parquet")
    shelf = transfer.shelf(user.repository)
    blob = shelf.files["a.0.parquet"].blob
    lost = Path(user.repository.common_dir, "objects", blob[:2], blob[2:])
    lost.unlink()

    with pytest.raises(GitError, match="flor pull"):
        list(shelf.read(["a.0.parquet"]))


def test_odd_file_names_and_contents_survive(user, other):
    names = ['quo"te\\.parquet', "new\nline", "sub/folder.parquet", "ünï.parquet"]
    files = {name: user.write(f".flor/{number}", b"\0\r\n" * number) for number, name in enumerate(names)}

    transfer.push(user.repository, lambda shelf: files)
    pull(other)

    assert shelved(other) == {name: b"\0\r\n" * number for number, name in enumerate(names)}
