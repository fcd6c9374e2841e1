"""Takes sealed files of other stores into this one."""

import os
import re
from pathlib import Path

from flor.errors import StoreError
from flor.runs.layout import SEALED_SUFFIX, Layout, parse_sealed_name

_RUN = re.compile(r"[0-9a-f]{16}")


def file_name_is_sealed(name: str) -> bool:
    """Whether a name that came from elsewhere is that of a sealed file, and no path out of the store."""
    parsed = parse_sealed_name(name.removesuffix(SEALED_SUFFIX)) if name.endswith(SEALED_SUFFIX) else None
    return (
        parsed is not None and _RUN.fullmatch(parsed.run) is not None and f"{parsed}{SEALED_SUFFIX}" == name
    )


def sealed_files(layout: Layout) -> dict[str, Path]:
    """The sealed files in the store, by their names."""
    return {
        path.name: path
        for path in sorted(layout.sealed.glob(f"*{SEALED_SUFFIX}"))
        if file_name_is_sealed(path.name)
    }


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
        temporary.unlink(missing_ok=True)


def _prepare(layout: Layout) -> None:
    layout.sealed.mkdir(parents=True, exist_ok=True)
    if not layout.ignore.exists():
        layout.ignore.write_text("*\n", "ascii")
