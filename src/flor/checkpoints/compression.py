"""Blobs made smaller: bytes of equal place in their elements stand together, then zstd.

Exponents of float weights repeat, mantissas hardly: side by side they hide each other (16 % saved, against
7 % without). pyarrow's zstd is used, as it is there anyway; nothing here is loaded by a recorded process.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from flor.checkpoints.packs import Coding

PIECE_BYTES = 16 << 20
"""Each piece is grouped and compressed for itself, so that memory does not grow with the blob."""

_WIDTHS = (1, 2, 4, 8)
_SAMPLE_BYTES = 1 << 20
_WORTHWHILE = 0.95
_SMALLEST_BYTES = 512
# Higher levels take five times as long here and save less than one part in a hundred.
_CODEC = pa.Codec("zstd", 1)


def coding_for(content: memoryview) -> Coding | None:
    """The coding that suits these bytes best; None where none saves much."""
    if content.nbytes < _SMALLEST_BYTES:
        return None
    # The middle: what stands at the ends may be less like the rest.
    start = (content.nbytes - min(content.nbytes, _SAMPLE_BYTES)) // 2 // 8 * 8
    sample = content[start : start + _SAMPLE_BYTES]
    left = {width: round(len(_compressed(sample, width)) / sample.nbytes, 2) for width in _WIDTHS}
    best = min(left, key=left.__getitem__)  # of equals the first
    return Coding(best, content.nbytes) if left[best] < _WORTHWHILE else None


def encoded(content: memoryview, coding: Coding) -> Iterator[bytes]:
    """The compressed bytes: a zstd frame for each piece."""
    for start in range(0, content.nbytes, PIECE_BYTES):
        yield _compressed(content[start : start + PIECE_BYTES], coding.width)


def decoded(stored: memoryview, coding: Coding) -> memoryview:
    """The inverse of `encoded`.

    Raises:
        ValueError: the bytes are no such frames.
    """
    content = np.empty(coding.size_bytes, np.uint8)
    try:
        with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(stored)), "zstd") as stream:
            for start in range(0, coding.size_bytes, PIECE_BYTES):
                piece = content[start : start + PIECE_BYTES]
                _ungroup(stream.read(piece.size), coding.width, piece)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"not what zstd wrote: {error}") from error
    return content.data


def _compressed(content: memoryview, width: int) -> bytes:
    # Not as a buffer: its memory is larger than its content.
    found: bytes = _CODEC.compress(_grouped(content, width), asbytes=True)
    return found


def _grouped(content: memoryview, width: int) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    """First byte 0 of all elements, then byte 1 of all, and so on; what is left over stands at the end."""
    flat = np.frombuffer(content, np.uint8)
    whole = flat.size - flat.size % width
    grouped = np.empty_like(flat)
    grouped[:whole].reshape(width, -1)[:] = flat[:whole].reshape(-1, width).T
    grouped[whole:] = flat[whole:]
    return grouped


def _ungroup(grouped: bytes, width: int, into: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> None:
    flat = np.frombuffer(grouped, np.uint8)
    if flat.size != into.size:
        raise ValueError(f"{flat.size} bytes instead of {into.size}")
    whole = flat.size - flat.size % width
    into[:whole].reshape(-1, width)[:] = flat[:whole].reshape(width, -1).T
    into[whole:] = flat[whole:]
