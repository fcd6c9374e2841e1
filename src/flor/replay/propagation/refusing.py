"""Why a probe has no place: raised within this package, and given out as a `Refusal`."""


class Refused(Exception):
    """The statement cannot be carried into this version."""

    def __init__(self, reason: str, is_absent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_absent = is_absent  # the version has no such place at all
