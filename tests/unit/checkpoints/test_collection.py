"""Taking states out of a store that others use at the same time."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from flor.checkpoints import collection, lock, packs
from flor.checkpoints.budget import Wanted
from flor.checkpoints.packs import hash_of
from flor.checkpoints.store import CheckpointStore
from unit.checkpoints.given import manifest_of, state_of

BACKBONE = os.urandom(200_000)
HOUR_S = 3600


def keep(folder: Path, run: str, position: int, content: Mapping[str, bytes]) -> None:
    """Keep a state as a writer does: only what no older pack has."""
    store = CheckpointStore(folder)
    described = msgspec.structs.replace(manifest_of(content, f"0/0 top({position})", position), run=run)
    with store.adding():
        missing = store.missing(described.hashes())
        store.keep(described, [blob for blob in state_of(content) if blob.hash in missing])


def make_old(folder: Path) -> None:
    for path in folder.glob("*/*"):
        os.utime(path, (time.time() - 2 * HOUR_S,) * 2)


def is_whole(folder: Path, run: str) -> bool:
    store = CheckpointStore(folder)
    kept = store.kept(run)
    return bool(kept) and all(
        store.content(digest) is not None for one in kept for digest in one.manifest.hashes()
    )


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))


def test_a_removed_run_leaves_what_others_need_of_it(tmp_path: Path) -> None:
    keep(tmp_path, "old", 0, {"backbone": BACKBONE, "head": b"1" * 900})
    keep(tmp_path, "old", 1, {"backbone": BACKBONE, "head": b"2" * 900})
    keep(tmp_path, "new", 0, {"backbone": BACKBONE, "head": b"3" * 900})

    collection.take_out(tmp_path, Wanted(unwanted={"old"}))

    assert names(tmp_path) == [
        "new.0.0/000000.manifest", "new.0.0/000000.safetensors", "old.0.0/000000.safetensors",
    ]  # fmt: skip
    assert is_whole(tmp_path, "new")


def test_a_removed_run_that_nobody_needs_leaves_nothing(tmp_path: Path) -> None:
    keep(tmp_path, "old", 0, {"weights": BACKBONE})
    size = sum(path.stat().st_size for path in tmp_path.glob("*/*"))

    done = collection.take_out(tmp_path, Wanted(unwanted={"old"}))

    assert (done.file_count, done.size_bytes) == (2, size)
    assert [path.name for path in tmp_path.iterdir()] == ["packs.lock"]


def test_a_mostly_dead_pack_shrinks_to_what_is_needed(tmp_path: Path) -> None:
    keep(tmp_path, "old", 0, {"shared": b"s" * 5_000, "weights": BACKBONE})
    keep(tmp_path, "new", 0, {"shared": b"s" * 5_000})

    done = collection.take_out(tmp_path, Wanted(unwanted={"old"}))

    [pack] = tmp_path.glob("old.0.0/*.safetensors")
    assert packs.extents(pack).keys() == {hash_of(b"s" * 5_000), hash_of(b"graph")}
    assert pack.stat().st_size < 6_000
    assert done.size_bytes > len(BACKBONE)
    assert is_whole(tmp_path, "new")


def test_over_the_budget_states_thin_out_on_the_disk(tmp_path: Path) -> None:
    for position in range(20):
        keep(tmp_path, "run", position, {"weights": os.urandom(10_000)})

    collection.take_out(tmp_path, Wanted(("run",), budget_bytes=100_000))

    kept = CheckpointStore(tmp_path).kept("run", whole=True)
    assert [one.manifest.position for one in kept] == [0, 4, 12, 16, 18, 19]
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) <= 100_000


def test_while_a_run_goes_on_young_packs_stay(tmp_path: Path) -> None:
    keep(tmp_path, "gone", 0, {"weights": BACKBONE})

    collection.take_out(tmp_path, Wanted(unwanted={"gone"}, running={"other"}))
    young = names(tmp_path)
    make_old(tmp_path)
    collection.take_out(tmp_path, Wanted(running={"other"}))

    assert young == ["gone.0.0/000000.safetensors"]
    assert names(tmp_path) == []


def test_a_manifest_that_cannot_be_read_protects_all_packs(tmp_path: Path) -> None:
    keep(tmp_path, "spoilt", 0, {"weights": BACKBONE})
    keep(tmp_path, "gone", 0, {"weights": b"1"})
    spoilt = next(tmp_path.glob("spoilt.0.0/*.manifest"))
    spoilt.write_bytes(spoilt.read_bytes()[:-1])

    collection.take_out(tmp_path, Wanted(unwanted={"gone"}, budget_bytes=0))

    assert collection.survey(tmp_path, is_young_spared=False).problems
    assert names(tmp_path) == [
        "gone.0.0/000000.safetensors", "spoilt.0.0/000000.manifest", "spoilt.0.0/000000.safetensors",
    ]  # fmt: skip


def test_a_pack_that_cannot_be_read_is_left_for_a_look(tmp_path: Path) -> None:
    keep(tmp_path, "gone", 0, {"weights": BACKBONE})
    pack = next(tmp_path.glob("*/*.safetensors"))
    pack.write_bytes(pack.read_bytes()[:-1])

    collection.take_out(tmp_path, Wanted(unwanted={"gone"}))

    assert names(tmp_path) == ["gone.0.0/000000.safetensors"]


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert collection.take_out(tmp_path / "none", Wanted()) == collection.Taken()
    assert not (tmp_path / "none").exists()


def test_a_writer_that_knew_a_pack_keeps_again_what_was_taken_out(tmp_path: Path) -> None:
    keep(tmp_path, "old", 0, {"weights": BACKBONE})
    writing = CheckpointStore(tmp_path)
    with writing.adding():
        assert writing.missing({hash_of(BACKBONE)}) == set()

    collection.take_out(tmp_path, Wanted(unwanted={"old"}))

    with writing.adding():
        assert writing.missing({hash_of(BACKBONE)}) == {hash_of(BACKBONE)}


def test_nothing_is_taken_out_while_a_checkpoint_is_written(tmp_path: Path) -> None:
    keep(tmp_path, "old", 0, {"weights": BACKBONE})
    done: list[collection.Taken] = []
    taking = threading.Thread(
        target=lambda: done.append(collection.take_out(tmp_path, Wanted(unwanted={"old"})))
    )

    with CheckpointStore(tmp_path).adding():
        taking.start()
        taking.join(0.2)
        assert taking.is_alive()
        assert is_whole(tmp_path, "old")
    taking.join(10)

    assert done[0].file_count == 2


def test_a_child_forked_while_a_checkpoint_is_written_does_not_keep_the_store_from_others(
    tmp_path: Path,
) -> None:
    with lock.adding(tmp_path):
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    began = time.monotonic()
    try:
        with lock.taking_out(tmp_path):
            waited_s = time.monotonic() - began
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    assert waited_s < 30


@pytest.mark.parametrize("count", [1, 2])
def test_writers_do_not_wait_for_each_other(tmp_path: Path, count: int) -> None:
    entered = threading.Barrier(count, timeout=10)

    def write() -> None:
        with lock.adding(tmp_path):
            entered.wait()

    threads = [threading.Thread(target=write) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not entered.broken
