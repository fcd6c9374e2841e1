"""The project of the folder the command was started in."""

import os
from pathlib import Path

from flor.errors import FlorError
from flor.project import Project, for_reading


def project() -> Project:
    """The project of the current folder."""
    return for_reading(folder(), os.environ)


def folder() -> Path:
    """The current folder."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise FlorError("The current folder has been deleted.", "Change to another one.") from error
