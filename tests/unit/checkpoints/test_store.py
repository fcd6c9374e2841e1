"""Keeping and finding training states."""

import os
from pathlib import Path

import pytest
from safetensors import safe_open

from flor.checkpoints import packs
from flor.checkpoints.packs import Blob, hash_of
from flor.checkpoints.store import CheckpointStore
from flor.errors import CheckpointNotFound, Unreadable
from unit.checkpoints.given import manifest_of, state_of


def test_what_was_kept_comes_back_bit_for_bit(tmp_path: Path) -> None:
    content = {name: os.urandom(size) for name, size in (("a", 1), ("b", 0), ("c", 70_000))}
    store = CheckpointStore(tmp_path)
    store.keep(manifest_of(content), state_of(content))

    again = CheckpointStore(tmp_path)

    assert {name: bytes(again.content(hash_of(value))) for name, value in content.items()} == content
    assert again.find("run", "0/0 top(0)").manifest == manifest_of(content)


def test_a_blob_kept_once_is_never_kept_again(tmp_path: Path) -> None:
    frozen = {"frozen": os.urandom(10_000)}
    store = CheckpointStore(tmp_path)
    store.keep(manifest_of(frozen), state_of(frozen))

    later = CheckpointStore(tmp_path)

    assert later.missing({hash_of(frozen["frozen"]), "other"}) == {"other"}


def test_the_safetensors_library_reads_a_pack(tmp_path: Path) -> None:
    content = memoryview(bytes(range(16)))
    packs.write(tmp_path / "a.safetensors", [Blob(hash_of(content), content, "F32", 4)])

    with safe_open(tmp_path / "a.safetensors", framework="numpy") as pack:
        tensor = pack.get_tensor(hash_of(content))

    assert (tensor.dtype.name, tensor.shape, tensor.tobytes()) == ("float32", (4,), bytes(content))


@pytest.mark.parametrize("damage", ["flip", "cut", "header", "empty", "gone"])
def test_damage_is_named_and_never_read_as_a_value(tmp_path: Path, damage: str) -> None:
    content = {"weight": os.urandom(5_000)}
    store = CheckpointStore(tmp_path)
    store.keep(manifest_of(content), state_of(content))
    pack = next(tmp_path.glob("*/*.safetensors"))
    _spoil(pack, damage)

    with pytest.raises(Unreadable):
        CheckpointStore(tmp_path).content(hash_of(content["weight"]))


def test_a_damaged_manifest_is_passed_over_for_an_earlier_one(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for position in range(2):
        content = {"weight": os.urandom(50)}
        store.keep(manifest_of(content, f"0/0 top({position})", position), state_of(content))
    _spoil(sorted(tmp_path.glob("*/*.manifest"))[1], "flip")

    found = CheckpointStore(tmp_path).kept("run")

    assert [kept.manifest.entry for kept in found] == ["0/0 top(0)"]


def test_an_entry_that_was_not_kept_is_refused_with_the_nearest(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for position, i in enumerate((0, 4, 9)):
        content = {"weight": os.urandom(50)}
        store.keep(manifest_of(content, f"0/0 top({i})", position), state_of(content))

    with pytest.raises(CheckpointNotFound, match=r"nearest that was kept is 0/0 top\(4\)"):
        store.find("run", "0/0 top(7)")


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "run.0.0").write_text("a file where the folder should be")

    with pytest.raises(OSError, match=r"run\.0\.0"):
        CheckpointStore(tmp_path).keep(manifest_of({"a": b"1"}), state_of({"a": b"1"}))

    assert [path.name for path in tmp_path.iterdir()] == ["run.0.0"]


def _spoil(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[-3] ^= 1
    elif how == "header":
        content[3] ^= 0x40
    elif how == "cut":
        del content[-10:]
    elif how == "empty":
        content.clear()
    path.unlink()
    if how != "gone":
        path.write_bytes(bytes(content))
