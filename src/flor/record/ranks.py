"""Which rank of how many this process is, where a script connects processes by `torch.distributed`.

Several processes in one run need not be one job: a sweep under Slurm trains a model in each. Only processes
that the script has connected go on, or fail to, together.
"""

import sys
from typing import Any, NamedTuple


class Job(NamedTuple):
    """This process among those that train together."""

    rank: int
    size: int


def job_of_process() -> Job | None:
    """The job; None where there is only this process."""
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    size = distributed.get_world_size()
    return Job(distributed.get_rank(), size) if size > 1 else None
