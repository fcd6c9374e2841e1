"""Shows what is written to who wants to see it, and counts what nobody is shown."""

from collections.abc import Mapping
from typing import Any, Protocol

from flor.record.context import Node
from flor.record.names import Known


class Audience(Protocol):
    """Who is shown what was written."""

    quiet_until: int  # before this ts, names that it has seen are not wanted
    silent_until: int  # before this ts, nothing is
    seen: set[str]

    def __call__(self, node: Node, name: str, value: Any, ts: int, left_out: int) -> None:
        """Show a value. `left_out` values were written since the last call without one."""


class Showing:
    """Shows values to an audience; `known` learns of each name how long it need not be offered again."""

    __slots__ = ("_audience", "_known", "left_out")

    def __init__(self, audience: Audience, known: Mapping[str, Known]) -> None:
        self._audience, self._known = audience, known
        self.left_out = 0

    def offer(self, node: Node, name: str, value: Any, ts: int) -> None:
        """Show a value, or count it."""
        if self._is_quiet(name, ts):
            self.left_out += 1
        else:
            self._audience(node, name, value, ts, self.left_out)
            self.left_out = 0
        if name in self._known and self._is_quiet(name, ts):
            audience = self._audience
            has_seen = name in audience.seen
            self._known[name].quiet_until = audience.quiet_until if has_seen else audience.silent_until

    def _is_quiet(self, name: str, ts: int) -> bool:
        audience = self._audience
        return ts < audience.quiet_until and (name in audience.seen or ts < audience.silent_until)
