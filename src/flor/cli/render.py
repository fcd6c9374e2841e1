"""Values as text and as JSON. Pure: nothing here prints."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flor.query.plain import MOST_BITS, jsonable

ELLIPSIS = "…"
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # making one costs more than using it
# Tables have millions of cells, nearly all of these types.
_SIMPLE_TEXT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    bool: repr,
    int: lambda value: str(value) if value.bit_length() <= MOST_BITS else hex(value),
    float: repr,
    str: str,
    datetime: lambda value: value.isoformat(" ", "microseconds"),
}
_UNITS = ("kB", "MB", "GB", "TB")


def text(value: object) -> str:
    """The value in full precision."""
    simple = _SIMPLE_TEXT.get(type(value))
    if simple:
        return simple(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    plain = jsonable(value)
    return plain if isinstance(plain, str) else dumps(plain)


def short(value: object) -> str:
    """The value as a person reads it: floats to six digits, everything on one line."""
    if isinstance(value, float):
        return format(value, ".6g")
    return printable(text(value))


def printable(line: str, keep: str = "") -> str:
    """The text on one line, without characters that would steer a terminal, those in `keep` excepted."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in line)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def dumps(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """JSON of the value."""
    if indent is None and not ascii_only:
        return _ENCODER.encode(jsonable(value))
    return json.dumps(jsonable(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def display_width(line: str) -> int:
    """Columns the text takes on a terminal."""
    if line.isascii():
        return len(line)
    return sum(map(_char_width, line))


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(line: str, width: int) -> str:
    """The text, cut to `width` columns with an ellipsis where it is longer."""
    if display_width(line) <= width:
        return line
    room = width - 1
    kept = []
    for char in line:
        room -= _char_width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def assignments(values: Mapping[str, object]) -> str:
    """`lr=0.001 epochs=3`."""
    return " ".join(f"{printable(name)}={short(value)}" for name, value in values.items())


def duration(seconds: float | None) -> str:
    """`45ms`, `12.3s`, `2m 05s`, `3h 12m`, `4d 02h`."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"


def size(size_bytes: int) -> str:
    """`0 B`, `1.2 kB`, `34.5 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    amount = size_bytes / 1000
    for unit in _UNITS[:-1]:
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {_UNITS[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 run`, `3 runs`, `2 copies`, thousands separated."""
    plural = noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"
    return f"{count:,} {noun if count == 1 else plural}"


def transferred(versions: int, records: int, blobs: int) -> str:
    """What went from one store to another."""
    code, files = counted(versions, "version"), counted(records, "record file")
    return f"{code}, {files} and {counted(blobs, 'blob')}" if blobs else f"{code} and {files}"
