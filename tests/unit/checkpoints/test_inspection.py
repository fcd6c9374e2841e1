"""Reading through every pack and manifest of a store."""

import os
from pathlib import Path

import msgspec
import pytest

from flor.checkpoints import collection, manifest
from flor.checkpoints.inspection import inspect
from flor.checkpoints.packs import extents, hash_of
from flor.checkpoints.store import CheckpointStore
from flor.entities import FORMAT_VERSION, FileState
from flor.errors import CheckpointNotFound, FormatTooNew
from unit.checkpoints.given import manifest_of, state_of

FIRST, SECOND = os.urandom(4_000), bytes(4_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints: the second needs a blob that the first one's pack has."""
    store = CheckpointStore(tmp_path)
    store.keep(manifest_of({"a": FIRST}, "0/0 top(0)", 0), state_of({"a": FIRST}))
    both = manifest_of({"a": FIRST, "b": SECOND}, "0/0 top(1)", 1)
    store.keep(both, state_of({"b": SECOND})[1:])
    return tmp_path


def states(folder: Path) -> dict[str, FileState]:
    return {found.path.name: found.state for found in inspect(folder)}


def spoil(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_whole_store_is_whole_compressed_or_not(folder: Path) -> None:
    before = states(folder)
    collection.compress(folder)

    assert set(before.values()) == set(states(folder).values()) == {FileState.WHOLE}
    assert len(before) == 4


def test_a_flipped_bit_is_named_with_every_state_that_needs_it(folder: Path) -> None:
    pack = folder / "run.0.0" / "000000.safetensors"
    spoil(pack, extents(pack)[hash_of(FIRST)].offset + 7)

    damaged = {found.path.name: found for found in inspect(folder) if found.state.is_loss}

    assert sorted(damaged) == ["000000.manifest", "000000.safetensors", "000001.manifest"]
    assert hash_of(FIRST) in damaged["000000.safetensors"].detail
    assert "1 of 2 blobs" in damaged["000000.safetensors"].detail
    assert "0/0 top(1) of run run" in damaged["000001.manifest"].detail


@pytest.mark.parametrize("how", ["cut", "header", "gone"])
def test_a_pack_that_is_not_whole_is_damaged_and_so_is_what_needs_it(folder: Path, how: str) -> None:
    pack = folder / "run.0.0" / "000001.safetensors"
    if how == "cut":
        pack.write_bytes(pack.read_bytes()[:-1])
    elif how == "header":
        spoil(pack, 8)
    else:
        pack.unlink()

    found = states(folder)

    assert found["000000.manifest"] is FileState.WHOLE
    assert found["000001.manifest"] is FileState.DAMAGED
    assert found.get("000001.safetensors", FileState.DAMAGED) is FileState.DAMAGED


def test_a_damaged_manifest_is_named(folder: Path) -> None:
    spoil(folder / "run.0.0" / "000000.manifest", -1)

    assert states(folder)["000000.manifest"] is FileState.DAMAGED


def test_readers_pass_over_states_that_lack_a_blob(folder: Path) -> None:
    (folder / "run.0.0" / "000001.safetensors").unlink()
    store = CheckpointStore(folder)

    assert [one.manifest.entry for one in store.kept("run", whole=True)] == ["0/0 top(0)"]
    assert len(store.kept("run")) == 2


def test_a_checkpoint_of_a_newer_format_is_refused_and_named_as_such(folder: Path) -> None:
    newer = msgspec.structs.replace(manifest_of({"a": FIRST}, "0/0 top(2)", 2), format=FORMAT_VERSION + 1)
    manifest.write(folder / "run.0.0" / "000002.manifest", newer)
    store = CheckpointStore(folder)

    assert states(folder)["000002.manifest"] is FileState.NEWER
    assert len(store.kept("run")) == 2
    with pytest.raises(FormatTooNew, match=f"format {FORMAT_VERSION + 1}"):
        store.find("run", "0/0 top(2)")


def test_an_entry_that_nobody_kept_is_not_found(folder: Path) -> None:
    with pytest.raises(CheckpointNotFound):
        CheckpointStore(folder).find("run", "0/0 top(9)")
