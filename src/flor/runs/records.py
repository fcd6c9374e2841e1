"""Records as columns: what readers pass around."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from flor.entities import Run

LoopDefault = Literal["index", "none"]
"""What an iteration's value is where no row of source "loop" says otherwise: the index
(counting from 0), or nothing that could be kept."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records of one or several runs in one table.

    `table` has the columns of `schema.RECORDS` (or the asked ones of them, and `verdict` where asked for)
    and `run` (int32), the position in `runs`; it is sorted by run, rank, process, seq.
    """

    runs: tuple[Run, ...]
    table: pa.Table
    loops: tuple[Mapping[str, LoopDefault], ...]  # for each run: path -> default
