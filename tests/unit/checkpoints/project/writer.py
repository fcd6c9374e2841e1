"""Code that keeps state in attributes of libraries."""

import builtins
import colorsys
import decimal
from json import encoder
from typing import Any


def begin() -> None:
    for name in ("best", "log"):
        vars(colorsys).pop(name, None)
    encoder.JSONEncoder.item_separator = ", "
    colorsys.ONE_THIRD = 1 / 3


def change(value: Any) -> None:
    colorsys.best = value
    colorsys.log = [value]
    colorsys.ONE_THIRD += 1
    encoder.JSONEncoder.item_separator = value
    decimal.getcontext().prec = 28


def tell_everywhere(value: Any) -> None:
    builtins.everywhere = value  # type: ignore[attr-defined]
