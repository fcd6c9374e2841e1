"""Values as plain JSON has them: how every table and command shows what JSON has no type for. Pure."""

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from flor.entities import BlobReference
from flor.runs.blobs import Blob

MOST_BITS = 10_000
"""Python refuses to write longer integers in decimal."""
_AS_THEY_ARE = {str, bool, type(None)}  # tables have millions of cells, nearly all of simple types


def jsonable(value: object) -> Any:
    """The value as JSON has it: NaN and infinities as strings, times in ISO form, bytes in base64."""
    kind = type(value)
    if kind in _AS_THEY_ARE or (kind is float and math.isfinite(value)):  # type: ignore[arg-type]
        return value
    if isinstance(value, (dict, Mapping)):  # a dict is told quicker than a Mapping
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, Blob):
        return jsonable(value.reference)
    if isinstance(value, BlobReference):
        return jsonable(asdict(value))
    return _scalar(value.value if isinstance(value, Enum) else value)


def _scalar(value: object) -> Any:
    if isinstance(value, (int, Decimal)):
        return _decimal(int(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat("T", "microseconds")
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, date) else str(value)


def _decimal(value: int) -> Any:
    return hex(value) if value.bit_length() > MOST_BITS else value


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
