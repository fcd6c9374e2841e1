"""Values as plain JSON has them: how every table and command shows what JSON has no type for. Pure."""

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from typing import Any

from flor.entities import BlobReference
from flor.runs.blobs import Blob

_MOST_BITS = 10_000  # Python writes no longer integer in decimal


def jsonable(value: object) -> Any:
    """The value as JSON has it: NaN and infinities as strings, times in ISO form, bytes in base64."""
    if isinstance(value, Blob):
        return jsonable(value.reference)
    if isinstance(value, BlobReference):
        return jsonable(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return _scalar(value.value if isinstance(value, Enum) else value)


def _scalar(value: object) -> Any:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return hex(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, datetime):
        return value.isoformat("T", "microseconds")
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, date) else str(value)
