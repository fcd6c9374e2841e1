"""What the process of a segment is told, in a file; the process itself is in segment.py, and needs more."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from flor.entities import Run
from flor.project import Project
from flor.replay.planning.plans import Segment

PREPARE = "flor.replay.segment:prepare"
"""What the process does first; whoever gives orders need not load it."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the process is told."""

    home: Path  # the store with the checkpoints
    run: Run
    segment: Segment
    scratch: Path  # the store for what is logged
    project: Project  # of the run; its home is the scratch store
    rank_count: int = 1  # so many processes, each with its own part of the state


def leave(orders: Orders, path: Path) -> None:
    """Write the orders for the process; it is ours, and so is the file."""
    path.write_bytes(pickle.dumps(orders))


def read(path: Path) -> Orders:
    """The orders that were left there."""
    orders: Orders = pickle.loads(path.read_bytes())  # noqa: S301 - see `leave`
    return orders
