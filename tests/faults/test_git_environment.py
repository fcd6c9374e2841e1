"""The surroundings of a run: variables, identity, ownership, permissions, hooks, the git program."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from faults.git_user import GitUser
from flor.entities import RunId
from flor.errors import GitError
from flor.snapshots import git, shadow
from flor.snapshots.repository import locate

NOBODY = 65534
SOURCE = Path(shadow.__file__).parents[2]


def fake_git(folder, monkeypatch, script):
    """A program called git, alone on PATH."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture
def own_folder(home):
    """A folder of a user without privileges, who this process is until the test ends."""
    if os.geteuid() != 0:
        yield Path(tempfile.mkdtemp(dir=home))
        return
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    shutil.copy(home / ".gitconfig", folder)
    os.chown(folder, NOBODY, NOBODY)
    os.environ["HOME"] = str(folder)  # put back by `home`
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    yield folder
    os.seteuid(0)
    os.setegid(0)
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], check=True)
    shutil.rmtree(folder)


def test_variables_that_a_hook_sees_do_not_lead_astray(user, tmp_path, monkeypatch):
    other = GitUser.init(tmp_path / "other")
    other.commit()
    before, others = user.belongings(), other.belongings()
    for name in ("GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(other.root / ".git" / name))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Mallory")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "1999-01-01T00:00:00")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    monkeypatch.setenv("GIT_OPTIONAL_LOCKS", "0")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(user.root))
    taken = user.take()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)

    assert user.files(taken.version.commit) == {"train.py": b"print('one')\n"}
    assert user.git("log", "-1", "--format=%an %ad", "--date=format:%Y", "flor.shadow").split()[0] == "Ada"
    assert "1999" not in user.git("log", "-1", "--format=%ad", "flor.shadow")
    assert (user.belongings(), other.belongings()) == (before, others)


def test_a_script_run_by_a_commit_hook_finds_its_repository(user, tmp_path):
    program = tmp_path / "take.py"
    program.write_text(
        "import os, sys\nfrom pathlib import Path\n"
        "from flor.config import Config\nfrom flor.snapshots import shadow\n"
        "from flor.snapshots.repository import locate\n"
        "top = Path(sys.argv[1])\n"
        "shadow.take(locate(top, os.environ), top / '.flor/snapshots', Config())\n"
    )
    hook = user.write(".git/hooks/pre-commit", f"#!/bin/sh\n{sys.executable} {program} {user.root}\n")
    hook.chmod(0o755)
    user.write("train.py", "print('being committed')\n")

    user.git("commit", "--quiet", "-am", "second", env=os.environ | {"PYTHONPATH": str(SOURCE)})

    assert user.files("flor.shadow")["train.py"] == b"print('being committed')\n"
    assert user.subjects() == ["FLOR::Snapshot", "work"]
    assert user.git("status", "--porcelain") == ""


def test_without_an_identity_the_commits_are_flordbs(user, home, monkeypatch):
    (home / ".gitconfig").unlink()
    monkeypatch.setenv("HOME", str(home / "empty"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    user.run()

    assert (
        user.git("log", "-2", "--format=%an <%ae> %cn", "flor.shadow").splitlines()
        == ["FlorDB <flordb@localhost> FlorDB"] * 2
    )


def test_half_an_identity_is_none(user, home):
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n")

    user.run()

    assert user.git("log", "-1", "--format=%an <%ae>", "flor.shadow") == "FlorDB <flordb@localhost>"


def test_a_repository_of_another_user_is_not_touched_and_the_remedy_is_named(user):
    if os.geteuid() != 0:
        return  # only root can give a folder away; git's own words are tested below
    user.write(".git/hooks/fsmonitor", f"#!/bin/sh\ntouch {user.root}/executed\n").chmod(0o755)
    user.git("config", "core.fsmonitor", ".git/hooks/fsmonitor")
    for path in (user.root, user.root / ".git"):
        os.chown(path, NOBODY, NOBODY)
    # `locate` reads files only and finds it all the same
    with pytest.raises(GitError, match="belongs to another user") as raised:
        user.take()

    remedy = f"git config --global --add safe.directory {user.root}"
    assert remedy in raised.value.hint
    assert remedy in git.obstacle(user.repository)
    assert not (user.root / "executed").exists()


def test_the_remedy_for_a_repository_of_another_user_works_at_once(user, home):
    if os.geteuid() != 0:
        return  # only root can give a folder away
    for path in (user.root, user.root / ".git"):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(GitError, match="belongs to another user"):
        user.take()

    subprocess.run(
        ["git", "config", "--global", "--add", "safe.directory", str(user.root)], check=True, cwd=home
    )

    assert user.taken_files() == {"train.py": b"print('one')\n"}


def test_without_git_on_path_the_error_says_what_to_do(user, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GitError, match="git is not on PATH") as raised:
        user.take()

    assert "Install git" in raised.value.hint


def test_a_git_that_is_too_old_is_named_with_its_version(user, tmp_path, monkeypatch):
    script = (
        'if [ "$1" = --version ]; then echo "git version 1.8.3.1"; exit 0; fi\n'
        'echo "error: unknown option \\`porcelain=v2\'" >&2; exit 129'
    )
    fake_git(tmp_path / "bin", monkeypatch, script)

    with pytest.raises(GitError, match="unknown option") as raised:
        user.take()

    assert raised.value.hint == "git 1.8.3.1 is too old: upgrade it to 2.29 or later."


def test_a_git_that_cannot_be_executed_is_an_error(user, tmp_path, monkeypatch):
    fake_git(tmp_path / "bin", monkeypatch, "")
    (tmp_path / "bin/git").write_bytes(b"\x7fELF not a program")

    with pytest.raises(GitError, match="git cannot be started"):
        user.take()


def test_hooks_that_fail_play_no_part(user):
    names = ("pre-commit", "post-commit", "post-index-change", "reference-transaction", "commit-msg")
    for name in names:
        user.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {user.root}/hook-ran\nexit 1\n").chmod(0o755)

    user.run()

    assert len(user.subjects()) == 3
    assert not (user.root / "hook-ran").exists()


def test_hooks_of_another_folder_play_no_part(user, tmp_path):
    hook = tmp_path / "hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    user.git("config", "core.hooksPath", str(hook.parent))

    user.run()

    assert len(user.subjects()) == 3


def test_a_lock_left_on_the_users_index_does_not_matter(user):
    lock = user.write(".git/index.lock", "left behind")
    user.write("train.py", "print('two')\n")

    user.run()

    assert user.files("flor.shadow")["train.py"] == b"print('two')\n"
    assert lock.read_text() == "left behind"


def test_nothing_untracked_is_taken_where_the_repository_is_the_home_folder(user, monkeypatch):
    monkeypatch.setenv("HOME", str(user.root))
    user.git("config", "user.name", "Ada")
    user.write("train.py", "print('two')\n")
    user.write("letters.txt", "dear\n")
    loaded = [user.write("script.py"), user.root / "train.py"]

    taken = user.take(loaded_files=loaded)

    assert user.files(taken.version.commit) == {"train.py": b"print('two')\n"}
    assert taken.version.left_out == ("script.py: untracked, and the repository is the home folder",)


def test_nothing_untracked_is_taken_where_the_user_hides_untracked_files(user):
    user.git("config", "status.showUntrackedFiles", "no")
    user.write("letters.txt", "dear\n")

    assert set(user.taken_files()) == {"train.py"}


def test_a_bare_checkout_is_located_by_the_variables_of_git(user, tmp_path, monkeypatch):
    bare, work = tmp_path / "dotfiles.git", tmp_path / "work"
    user.git("clone", "--quiet", "--bare", str(user.root), str(bare))
    work.mkdir()
    monkeypatch.setenv("GIT_DIR", str(bare))
    monkeypatch.setenv("GIT_WORK_TREE", str(work))
    owner = GitUser(work)
    owner.git("checkout", "--quiet", "-f")
    owner.write("train.py", "print('bare')\n")
    owner.write("new.py", "x\n")
    owner.make_store()
    index = (bare / "index").read_bytes()

    owner.run()

    assert owner.files("flor.shadow") == {"train.py": b"print('bare')\n", "new.py": b"x\n"}
    assert (bare / "index").read_bytes() == index
    assert owner.git("status", "--porcelain") == " M train.py\n?? new.py"


def test_a_bare_checkout_without_an_index_tracks_what_its_commit_holds(user, tmp_path, monkeypatch):
    bare, work = tmp_path / "dotfiles.git", tmp_path / "work"
    user.write("id_rsa", "tracked on purpose\n")
    user.commit()
    user.git("clone", "--quiet", "--bare", str(user.root), str(bare))
    shutil.copytree(user.root, work, ignore=shutil.ignore_patterns(".git", ".flor"))
    monkeypatch.setenv("GIT_DIR", str(bare))
    monkeypatch.setenv("GIT_WORK_TREE", str(work))
    owner = GitUser(work)
    owner.make_store()

    assert set(owner.taken_files()) == {"train.py", "id_rsa"}
    assert not (bare / "index").exists()


def test_a_read_only_git_folder_is_an_error_that_says_so(own_folder):
    user = GitUser.init(own_folder / "project")
    user.write("train.py")
    user.commit()
    user.write("train.py", "changed\n")
    subprocess.run(["chmod", "-R", "a-w", str(user.root / ".git")], check=True)

    with pytest.raises(GitError, match="ermission") as raised:
        user.take()

    assert raised.value.hint == f"Make {user.root / '.git'} writable for this user."


def test_a_read_only_git_folder_that_holds_the_code_already_is_enough(own_folder):
    user = GitUser.init(own_folder / "project")
    user.write("train.py")
    user.commit()
    commit = user.take().version.commit
    subprocess.run(["chmod", "-R", "a-w", str(user.root / ".git")], check=True)

    assert user.take().version.commit == commit


def test_files_and_folders_that_cannot_be_read_are_named(own_folder):
    user = GitUser.init(own_folder / "project")
    user.write("train.py")
    user.write("tracked.py")
    user.commit()
    user.write("tracked.py", "changed\n").chmod(0)
    user.write("secret.txt").chmod(0)
    user.write("closed/inner.py").parent.chmod(0)

    taken = user.take()

    assert set(user.files(taken.version.commit)) == {"train.py"}
    assert taken.version.left_out == (
        "tracked.py: not readable",
        "secret.txt: not readable",
        "closed/: folder that cannot be opened",
    )


def test_a_run_whose_repository_is_gone_at_its_end_is_an_error(user, tmp_path):
    taken, repository = user.take(), user.repository
    shutil.rmtree(user.root)

    with pytest.raises(GitError, match="is gone"):
        shadow.close(repository, taken.version, RunId("a" * 16), "t")


def test_a_repository_that_is_trusted_by_name_needs_no_owner(user, monkeypatch):
    if os.geteuid() == 0:
        for path in (user.root, user.root / ".git"):
            os.chown(path, NOBODY, NOBODY)
    monkeypatch.setenv("GIT_DIR", str(user.root / ".git"))

    found = locate(user.root, os.environ)

    assert git.obstacle(found) is None  # as for git itself: naming a repository is trusting it
