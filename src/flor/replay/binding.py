"""Names of running functions: found, and to be bound anew by the rewritten program itself."""

import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

from flor.errors import ReentryRefused


@dataclass(frozen=True, slots=True)
class Names:
    """What the frame that goes on binds its names to."""

    filename: str
    qualname: str
    names: dict[str, Any]


def user_frame() -> FrameType:
    """The innermost frame that is not FlorDB's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("flor."):
        frame = frame.f_back
    if frame is None:
        raise ReentryRefused("No frame of the program asks.")
    return frame
