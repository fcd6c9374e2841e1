"""Values too large for a record, under the hash of their bytes: arrays as .npy, images as .png."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import xxhash

from flor.entities import BlobReference
from flor.errors import StoreError, Unreadable
from flor.runs import whole
from flor.runs.layout import Layout
from flor.runs.values import is_array, is_tensor


@dataclass(frozen=True, slots=True)
class Blob:
    """A large value that a cell of a DataFrame stands for; `load()` fetches it."""

    shape: tuple[int, ...]
    dtype: str
    reference: BlobReference
    path: Path

    def load(self) -> Any:
        """The numpy array, or the PNG's bytes.

        Raises:
            Unreadable: the file is missing, or its content is not what was logged.
        """
        content = read(self.path, self.reference)
        return _array(content, self.dtype) if self.reference.format == "npy" else content

    def __repr__(self) -> str:
        return f"Blob(shape={self.shape}, dtype={self.dtype!r})"

    def _repr_png_(self) -> bytes | None:
        return read(self.path, self.reference) if self.reference.format == "png" else None


def keeper(layout: Layout) -> Callable[[Any], BlobReference | None]:
    """A function that keeps arrays, images and figures in the store, and answers None to anything else.

    It raises StoreError where the store cannot be written.
    """

    def keep(value: Any) -> BlobReference | None:
        encoded = _encode(value)
        if encoded is None:
            return None
        content, shape, dtype, form = encoded
        digest = xxhash.xxh3_128_hexdigest(content)
        _write_once(layout.blob(digest, form), content)
        return BlobReference(digest, shape, dtype, form, len(content))

    return keep


def handle(layout: Layout, reference: BlobReference) -> Blob:
    """The cell for a kept value."""
    return Blob(reference.shape, reference.dtype, reference, layout.blob(reference.hash, reference.format))


def reference_of(text: str) -> BlobReference:
    """The reference that a record of kind "blob" holds."""
    return msgspec.json.decode(text, type=BlobReference)


def read(path: Path, reference: BlobReference) -> bytes:
    """The bytes of a blob, checked against its hash.

    Raises:
        Unreadable: the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"Blob {path} cannot be read: {error}", "Run `python -m flor fsck`.") from error
    if xxhash.xxh3_128_hexdigest(content) != reference.hash:
        raise Unreadable(
            f"Blob {path} is damaged: its content has another hash.", "Run `python -m flor fsck`."
        )
    return content


def _encode(value: Any) -> tuple[bytes, tuple[int, ...], str, str] | None:
    if is_array(value):
        return _encode_array(value)
    module = type(value).__module__.partition(".")[0]
    buffer = io.BytesIO()
    if module == "PIL" and hasattr(value, "save"):
        value.save(buffer, "png")
        return buffer.getvalue(), (value.height, value.width), value.mode, "png"
    if module == "matplotlib" and hasattr(value, "savefig"):
        value.savefig(buffer, format="png")
        return buffer.getvalue(), (), "figure", "png"
    return None


def _encode_array(value: Any) -> tuple[bytes, tuple[int, ...], str, str]:
    numpy = sys.modules["numpy"]
    dtype = str(value.dtype).removeprefix("torch.")
    array = _to_numpy(value) if is_tensor(value) else numpy.asarray(value)
    buffer = io.BytesIO()
    numpy.save(buffer, array, allow_pickle=False)
    return buffer.getvalue(), tuple(int(length) for length in value.shape), dtype, "npy"


def _to_numpy(tensor: Any) -> Any:
    torch = sys.modules["torch"]
    plain = tensor.detach().cpu()
    plain = plain.dequantize() if plain.is_quantized else plain
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    plain = plain.resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16 or "float8" in str(plain.dtype):
        # numpy lacks the type: the bits are kept, `load()` makes floats of them.
        return plain.contiguous().view(torch.uint16 if plain.element_size() == 2 else torch.uint8).numpy()
    return plain.numpy()


def _array(content: bytes, dtype: str) -> Any:
    import numpy

    array = numpy.load(io.BytesIO(content), allow_pickle=False)
    if dtype == "bfloat16":
        return (array.astype(numpy.uint32) << 16).view(numpy.float32)
    if dtype.startswith("float8"):
        import torch

        return torch.from_numpy(array).view(getattr(torch, dtype)).float().numpy()
    return array


def _write_once(path: Path, content: bytes) -> None:
    try:
        if not path.exists():
            whole.write(path, content)
    except OSError as error:
        raise StoreError(
            f"Blob {path} cannot be written: {error}", "Make room, or the folder writable."
        ) from error
