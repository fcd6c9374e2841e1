"""Dies at one file operation after another while states are taken out of a store; asks what is left.

python taken_out.py STORE      prints one line for each death: the operation, and what is missing
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from flor.checkpoints import collection
from flor.checkpoints.budget import Wanted
from flor.checkpoints.store import CheckpointStore
from flor.errors import Unreadable

_CHANGES = ("open", "os.remove", "os.rename", "os.rmdir")
_DIED = 9


def main(store: Path) -> None:
    """Until nothing is left to die at."""
    for operation in range(1, 1000):
        copy = store.with_name("copy")
        shutil.copytree(store, copy)
        if not _dies(copy, operation):
            break
        print(operation, _missing(copy))
        shutil.rmtree(copy)
    print("survived", _missing(copy))


def _dies(store: Path, operation: int) -> bool:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _DIED
    _die_at(store, operation)
    collection.take_out(store, Wanted(("old", "new"), unwanted={"gone"}, budget_bytes=300_000))
    collection.compress(store)
    os._exit(0)


def _die_at(store: Path, operation: int) -> None:
    seen = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in _CHANGES and str(store) in str(arguments[0]):
            seen += 1
            if seen == operation:
                os._exit(_DIED)

    sys.addaudithook(count)


def _missing(folder: Path) -> int:
    """How many blobs the manifests that are left lack."""
    store, lacking = CheckpointStore(folder), 0
    for kept in store.all():
        for digest in kept.manifest.hashes():
            try:
                store.content(digest)
            except Unreadable:
                lacking += 1
    return lacking


if __name__ == "__main__":
    main(Path(sys.argv[1]))
