"""Compressed packs: smaller, and read as if they were not."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from flor.checkpoints import collection, compression, packs
from flor.checkpoints.compression import PIECE_BYTES, coding_for, decoded, encoded
from flor.checkpoints.packs import Coding, hash_of
from flor.checkpoints.store import CheckpointStore
from flor.errors import Unreadable
from unit.checkpoints.given import manifest_of, state_of

WEIGHTS = (np.random.default_rng(0).standard_normal(300_000) * 0.02).astype(np.float32).tobytes()
NOISE = os.urandom(50_000)


@given(st.binary(max_size=200), st.sampled_from((1, 2, 4, 8)))
def test_what_was_compressed_comes_back(content: bytes, width: int) -> None:
    coding = Coding(width, len(content))

    assert bytes(decoded(memoryview(b"".join(encoded(memoryview(content), coding))), coding)) == content


def test_a_blob_of_several_pieces_comes_back() -> None:
    content = memoryview(bytearray(WEIGHTS * (2 * PIECE_BYTES // len(WEIGHTS)) + b"odd"))
    coding = Coding(4, content.nbytes)

    pieces = list(encoded(content, coding))

    assert len(pieces) == 2
    assert decoded(memoryview(b"".join(pieces)), coding) == content


def test_float_weights_lose_a_seventh_grouped_by_the_size_of_their_elements() -> None:
    coding = coding_for(memoryview(WEIGHTS))

    assert coding == Coding(4, len(WEIGHTS))
    assert sum(len(piece) for piece in encoded(memoryview(WEIGHTS), coding)) < 6 / 7 * len(WEIGHTS)


@pytest.mark.parametrize("content", [NOISE, b"", b"short"])
def test_what_does_not_become_smaller_stays_as_it_is(content: bytes) -> None:
    assert coding_for(memoryview(content)) is None


@pytest.mark.parametrize("spoilt", [b"", b"no frame", b"\x28\xb5\x2f\xfd"])
def test_damaged_frames_are_an_error(spoilt: bytes) -> None:
    with pytest.raises(ValueError, match=r"zstd|bytes instead of"):
        decoded(memoryview(spoilt), Coding(4, 100))


def test_a_compressed_store_is_smaller_and_holds_the_same(tmp_path: Path) -> None:
    content = {"weights": WEIGHTS, "noise": NOISE, "empty": b""}
    CheckpointStore(tmp_path).keep(manifest_of(content), state_of(content))

    done = collection.compress(tmp_path)

    store = CheckpointStore(tmp_path)
    assert done.pack_count == 1
    assert done.after_bytes < 0.9 * done.before_bytes
    assert [bytes(store.content(hash_of(value))) for value in content.values()] == list(content.values())
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.safetensors")) == done.after_bytes


def test_a_reader_that_has_looked_before_finds_its_blobs_in_the_compressed_pack(tmp_path: Path) -> None:
    content = {"weights": WEIGHTS, "noise": NOISE}
    before, store = CheckpointStore(tmp_path), CheckpointStore(tmp_path)
    store.keep(manifest_of(content), state_of(content))
    assert before.missing({hash_of(WEIGHTS)}) == set()

    collection.compress(tmp_path)

    assert bytes(before.content(hash_of(NOISE))) == NOISE
    assert bytes(store.content(hash_of(WEIGHTS))) == WEIGHTS


def test_a_pack_is_compressed_once(tmp_path: Path) -> None:
    content = {"noise": NOISE}
    CheckpointStore(tmp_path).keep(manifest_of(content), state_of(content))
    collection.compress(tmp_path)

    assert collection.to_compress(tmp_path) == []
    assert collection.compress(tmp_path).pack_count == 0


def test_a_flipped_bit_of_a_compressed_blob_is_never_read_as_a_value(tmp_path: Path) -> None:
    content = {"weights": WEIGHTS}
    CheckpointStore(tmp_path).keep(manifest_of(content), state_of(content))
    collection.compress(tmp_path)
    [pack] = tmp_path.glob("*/*.safetensors")
    extent = packs.extents(pack)[hash_of(WEIGHTS)]

    for place in (0, 9, extent.size_bytes // 2, extent.size_bytes - 1):
        whole = pack.read_bytes()
        pack.write_bytes(whole[: extent.offset + place] + b"\x55" + whole[extent.offset + place + 1 :])
        with pytest.raises(Unreadable):
            CheckpointStore(tmp_path).content(hash_of(WEIGHTS))
        pack.write_bytes(whole)


def test_the_safetensors_library_reads_the_compressed_bytes(tmp_path: Path) -> None:
    content = {"weights": WEIGHTS}
    CheckpointStore(tmp_path).keep(manifest_of(content), state_of(content))
    collection.compress(tmp_path)
    [path] = tmp_path.glob("*/*.safetensors")

    with safe_open(path, framework="numpy") as pack:
        stored, coding = pack.get_tensor(hash_of(WEIGHTS)), pack.metadata()[hash_of(WEIGHTS)]

    assert coding == f"zstd 4 {len(WEIGHTS)}"
    assert bytes(compression.decoded(memoryview(stored.tobytes()), Coding(4, len(WEIGHTS)))) == WEIGHTS


def test_a_pack_compressed_in_a_way_that_is_not_known_is_unreadable(tmp_path: Path) -> None:
    pack = tmp_path / "a.safetensors"
    packs.write_parts(pack, [packs.Part("00", "U8", 1, 4, [b"1234"])], {"00": "future 4 100"})

    with pytest.raises(Unreadable, match="future"):
        packs.index(pack)
