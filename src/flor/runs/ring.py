"""A ring of slots in shared memory: what a killed process leaves behind.

Never a file that could be truncated, or one on a network disk: touching a mapped page
that is gone stops the process (SIGBUS). Where no safe place exists, ordinary memory takes
the ring's part, and a kill loses what was not yet written out.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from flor.runs.layout import JournalName, parse_journal_name
from flor.runs.slots import SIZE

SIZE_BYTES = 1 << 20
SLOT_COUNT = SIZE_BYTES // SIZE
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (not a temporary file: memory that processes share)
NETWORK_DISKS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "glusterfs",
    "afs",
    "9p",
}


@dataclass(slots=True)
class Ring:
    """The buffer that slots are written into, and its name in shared memory (None: ordinary memory)."""

    buffer: mmap.mmap | bytearray
    path: Path | None

    def remove(self) -> None:
        """Forget the shared memory: everything in it has been written out."""
        if self.path:
            self.path.unlink(missing_ok=True)


def create(name: JournalName) -> Ring:
    """A new ring for this process; in shared memory where that is possible."""
    for folder in folders():
        with suppress(OSError, ValueError):
            return _create_in(folder, name)
    return Ring(bytearray(SIZE_BYTES), None)


def places(taken: int) -> Iterable[int]:
    """Where slots stand in a ring, in the order in which they are filled once `taken` were filled before."""
    first = taken % SLOT_COUNT * SIZE
    return chain(range(first, SLOT_COUNT * SIZE, SIZE), range(0, first, SIZE))


def folders() -> list[Path]:
    """Where rings may lie, best first."""
    candidates = [SHARED_MEMORY, Path(tempfile.gettempdir())]
    return [folder for folder in candidates if folder.is_dir() and not is_network_disk(folder)]


def find_owner(pid: int) -> JournalName | None:
    """The journal that the process `pid` of this user writes, by the name of its ring."""
    found = [path for folder in folders() for path in folder.glob(f"flor-{os.getuid()}-{pid}-*.ring")]
    for path in sorted(found, key=_made_at, reverse=True):  # after flor.commit() there may be an older one
        if _is_mapped(pid, path):
            return parse_journal_name(path.stem.split("-", 3)[3])
    return None


def _is_mapped(pid: int, path: Path) -> bool:
    """Whether the process has the ring: one that was killed long ago may have had the same pid."""
    try:
        return path.name in Path(f"/proc/{pid}/maps").read_text("utf-8", "surrogateescape")
    except OSError:  # the system does not tell
        return True


def _made_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def is_network_disk(path: Path) -> bool:
    """Whether the file system that holds `path` is a network's or a user-space one."""
    return file_system(path).split(".")[0] in NETWORK_DISKS | {"fuse", "fuseblk"}


def file_system(path: Path) -> str:
    """The type of the file system that holds `path` ("" where the system does not tell)."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    target = os.path.realpath(path)
    found = [line.split()[1:3] for line in mounts if _holds(line.split()[1], target)]
    return max(found, key=lambda entry: len(entry[0]))[1] if found else ""


def _holds(mount_point: str, target: str) -> bool:
    plain = mount_point.replace("\\040", " ")
    return plain in ("/", target) or target.startswith(plain + "/")


def _create_in(folder: Path, name: JournalName) -> Ring:
    path = folder / f"flor-{os.getuid()}-{os.getpid()}-{name}.ring"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _allocate(descriptor)
        return Ring(mmap.mmap(descriptor, SIZE_BYTES), path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _allocate(descriptor: int) -> None:
    """Reserve the pages now: a full disk must be an error here, not a SIGBUS later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE_BYTES)
    else:
        os.write(descriptor, bytes(SIZE_BYTES))
