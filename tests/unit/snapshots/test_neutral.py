"""How git is called."""

from flor.snapshots import neutral

ENVIRON = {
    "PATH": "/bin",
    "LC_ALL": "de_DE",
    "GIT_DIR": "/elsewhere",
    "GIT_INDEX_FILE": "/index",
    "GIT_SSH_COMMAND": "ssh -i key",
    "GIT_SSL_CAINFO": "/ca",
}


def test_the_repository_is_named_and_no_other_variable_of_git_passed_on(user):
    assert neutral.environment(user.repository, ENVIRON, network=False) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_DIR": str(user.root / ".git"),
        "GIT_WORK_TREE": str(user.root),
    }


def test_a_remote_is_reached_as_the_user_reaches_it(user):
    found = neutral.environment(user.repository, ENVIRON, network=True)

    assert found["GIT_SSH_COMMAND"] == "ssh -i key"
    assert found["GIT_SSL_CAINFO"] == "/ca"
    assert "GIT_INDEX_FILE" not in found
