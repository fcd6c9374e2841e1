"""A process among the ranks of a job that is executed again: which it is, and when it may end."""

import os
import time
from pathlib import Path

_PATIENCE_S = 60.0  # of one that fails the others are told by their end; one may be over without having come
_LOOK_S = 0.005


def own(count: int) -> int:
    """The rank of this process, where there are several."""
    return int(os.environ["RANK"]) if count > 1 else 0


def wait_for_others(folder: Path, moment: str, rank: int, count: int) -> None:
    """Wait until all ranks have come to this moment: none changes or ends what others still need.

    Args:
        folder: they have in common.
        moment: a name for it.
    """
    if count == 1:
        return
    (folder / f"{moment}.{rank}").touch()
    deadline = time.monotonic() + _PATIENCE_S
    while len(list(folder.glob(f"{moment}.*"))) < count and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
