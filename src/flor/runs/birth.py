"""When a file came to be: what the system knows of it, and Python's `os.stat` does not tell on Linux."""

import ctypes
import os
import sys

_AT_FDCWD = -100
_BIRTH = 0x800
_BUFFER_BYTES = 256
_MASK, _SECONDS, _NANOSECONDS = slice(0, 4), slice(0x50, 0x58), slice(0x58, 0x5C)


def birth_ns(path: str) -> int | None:
    """When the file at this path was made, whatever its name was then; None where nobody knows."""
    if sys.platform == "darwin":
        try:
            return int(os.stat(path).st_birthtime * 1e9)
        except OSError:
            return None
    statx = getattr(ctypes.CDLL(None), "statx", None)
    buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
    if statx is None or statx(_AT_FDCWD, os.fsencode(path), 0, _BIRTH, buffer) != 0:
        return None
    numbers = [int.from_bytes(buffer.raw[part], sys.byteorder) for part in (_MASK, _SECONDS, _NANOSECONDS)]
    return numbers[1] * 1_000_000_000 + numbers[2] if numbers[0] & _BIRTH and numbers[1] else None
