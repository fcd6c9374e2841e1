"""Copies of files that share no writable byte with the original: clones where the disk can make them."""

import fcntl
import shutil
from pathlib import Path

_FICLONE = 0x40049409


def copy(source: Path, target: Path) -> None:
    """Make `target` a file of its own with the content and mode of `source`; missing folders are made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # What stands there may be a link, or be read-only.
    target.unlink(missing_ok=True)
    with source.open("rb") as read, target.open("xb") as written:
        if not _is_cloned(read.fileno(), written.fileno()):
            shutil.copyfileobj(read, written, 1 << 20)
    shutil.copymode(source, target)


def _is_cloned(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False  # another disk, or one that cannot
    return True
