"""Files that are there whole or not at all: written beside their place, then renamed."""

import os
from contextlib import suppress
from pathlib import Path


def beside(path: Path) -> Path:
    """A name beside `path` that nobody else has; what a killed process leaves under it, `flor gc` deletes."""
    return path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def write(path: Path, content: bytes) -> None:
    """Put a file there, or another in its place.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
