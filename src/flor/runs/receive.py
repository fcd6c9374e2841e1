"""Takes sealed files of other stores into this one."""

import os
import re
from contextlib import suppress
from pathlib import Path

from flor.errors import StoreError
from flor.runs.layout import SEALED_SUFFIX, Layout

_SEALED = re.compile(r"[\w-]{1,64}\.\d{1,9}" + re.escape(SEALED_SUFFIX), re.ASCII)


def is_sealed_name(file_name: str) -> bool:
    """Whether a file name that came from elsewhere is that of a sealed file, and no path out of the store."""
    return _SEALED.fullmatch(file_name) is not None


def sealed_files(layout: Layout) -> dict[str, Path]:
    """The sealed files in the store, by their names."""
    found = sorted(layout.sealed.glob(f"*{SEALED_SUFFIX}"))
    return {path.name: path for path in found if is_sealed_name(path.name)}


def receive(layout: Layout, name: str, content: bytes) -> None:
    """Write a sealed file into the store; one that is there already stays.

    Raises:
        StoreError: the store cannot be written.
    """
    path = layout.sealed / name
    temporary = path.with_name(f"{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        _prepare(layout)
        temporary.write_bytes(content)
        if not path.exists():
            temporary.replace(path)
    except OSError as error:
        hint = "Make the folder writable, or set FLOR_HOME to one that is."
        raise StoreError(f"The store {layout.home} cannot be written: {error}", hint) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _prepare(layout: Layout) -> None:
    layout.sealed.mkdir(parents=True, exist_ok=True)
    if not layout.ignore.exists():
        layout.ignore.write_text("*\n", "ascii")
