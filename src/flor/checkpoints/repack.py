"""Writes a pack anew in its place: without what nobody needs, or compressed.

The new file is whole before it takes the old one's name, so there is no moment without the blobs that stay.
Whoever still has the old one open reads on in it.
"""

from collections.abc import Collection
from pathlib import Path

from flor.checkpoints import packs
from flor.checkpoints.packs import Extent, Part, Reader

_ZSTD = {packs.COMPRESSED: "zstd"}


def without(path: Path, needed: Collection[str]) -> int:
    """Keep only the needed blobs, as they are; the pack's new size in bytes.

    Raises:
        Unreadable: the pack cannot be read; it is as it was.
        OSError: it cannot be written; it is as it was.
    """
    found, reader = packs.index(path), Reader()
    parts = [
        _as_it_is(digest, extent, reader) for digest, extent in found.extents.items() if digest in needed
    ]
    return packs.write_parts(path, parts, _ZSTD if found.was_compressed else {})


def compress(path: Path) -> int:
    """Compress each blob that becomes smaller by it; the pack's new size in bytes.

    Raises:
        Unreadable: the pack cannot be read; it is as it was.
        OSError: it cannot be written; it is as it was.
    """
    found, reader = packs.index(path), Reader()
    parts = [_compressed(digest, extent, reader) for digest, extent in found.extents.items()]
    return packs.write_parts(path, parts, _ZSTD)


def _as_it_is(digest: str, extent: Extent, reader: Reader) -> Part:
    size, element_bytes = extent.size_bytes, packs.element_bytes(extent.dtype)
    return Part(digest, extent.dtype, element_bytes, size, packs.cut(reader.stored(extent)), extent.coding)


def _compressed(digest: str, extent: Extent, reader: Reader) -> Part:
    from flor.checkpoints import compression  # loads numpy and pyarrow

    content = reader.stored(extent)
    coding = None if extent.coding else compression.coding_for(content)
    if coding is None:
        return _as_it_is(digest, extent, reader)
    return Part(digest, "U8", 1, 2 * content.nbytes, compression.encoded(content, coding), coding)
