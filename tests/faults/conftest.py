"""A home of its own for every test, and a user with a repository."""

import os
from pathlib import Path

import pytest

from faults.git_user import GitUser


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user who has told git who they are; nothing of this machine's settings shows."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        '[protocol "file"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n'
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.fixture
def user(tmp_path: Path, home: Path) -> GitUser:
    """A user with a repository of one commit."""
    user = GitUser.init(tmp_path / "project")
    user.write("train.py", "print('one')\n")
    user.commit()
    return user
