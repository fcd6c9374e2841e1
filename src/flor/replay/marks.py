"""What a segment says of itself, among its records. Loads nothing that a program might not have loaded."""

from typing import Any

import msgspec

MARK = "\x00mark"
"""Name of the records by which a segment says what it does; their values are JSON of a `Mark`."""


class Mark(msgspec.Struct, omit_defaults=True):
    """What holds for the records of a segment from here on."""

    counts: bool | None = None  # whether they are looked at for answers; None: as before
    entry: str = ""  # this state was restored just now
    checked: str = ""  # the program arrived at this kept state by itself
    is_prefix: bool = False  # which is that at the first header of a loop
    differences: list[str] = []  # and its own was different there
    paths: list[str] = []  # of these differences
    contents: list[str] = []  # and a hash of what is there now, where it is a simple one or bytes
    has_more: bool = False  # there are further differences
    perturbs: list[str] = []  # what a probe changed, and was put back
    draws: list[str] = []  # random generators that a probe drew from, and that were put back
    is_unlike_start: bool = False  # what was drawn before the first call may be what no seed decides
    startup_s: float = 0.0  # so long the process took to its first main loop
    loaded_s: float = 0.0  # and this state to be restored
    refused: str = ""  # why the segment cannot be executed exactly
    entered: str = ""  # the newest state that it was to be put into, when it was refused
    raised: str = ""  # by a probe
    raised_at: tuple[str, int] = ("", 0)  # file and line of it, as they are executed
    failed: str = ""  # the exception that ended the script, where none ended it in the run
    is_over: bool = False  # the segment has done all it had to do
    facts: dict[str, Any] = {}  # with what it computed then, see `environment.at_end`
