"""Time stamps: UTC, naive, microseconds, and one text form everywhere."""

from datetime import datetime, timedelta

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def to_text(stamp: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS.ffffff`."""
    return stamp.strftime("%Y-%m-%d %H:%M:%S.%f")


def from_microseconds(count: int) -> datetime:
    """Microseconds since the epoch, as a time stamp."""
    return _EPOCH + count * _MICROSECOND


def to_microseconds(stamp: datetime) -> int:
    """The inverse of `from_microseconds`."""
    return (stamp - _EPOCH) // _MICROSECOND
