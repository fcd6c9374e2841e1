"""How git is called so that neither the user's settings nor a surrounding hook changes what it does; pure."""

import os
from collections.abc import Mapping

from flor.snapshots.repository import Repository

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "",
    "core.splitIndex": "false",
    "core.sparseCheckout": "false",
    "index.sparse": "false",
    "core.safecrlf": "false",
    "core.quotePath": "false",
    "color.ui": "false",
    "log.showSignature": "false",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
OPTIONS = tuple(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}"))

# What a remote may need to be reached at all; passed on to commands that talk to one.
_TRANSPORT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_PROXY_COMMAND")
_TRANSPORT_PREFIXES = ("GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_SSL_")


def environment(repository: Repository, environ: Mapping[str, str], network: bool) -> dict[str, str]:
    """The variables for a command on this repository."""
    located = {"GIT_DIR": str(repository.git_dir), "GIT_WORK_TREE": str(repository.worktree)}
    return without_git(environ) | (_transport(environ) if network else {}) | located


def without_git(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those of git; it answers in English and asks nothing."""
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _transport(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name in _TRANSPORT or name.startswith(_TRANSPORT_PREFIXES)
    }
