"""States are copied while training waits, and written while it goes on."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flor.checkpoints import following
from flor.checkpoints.buffers import address_of
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.packs import hash_of
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.writer import PREFIX_BUDGET_BYTES, Cost, Draft, Writer

TESTS = Path(__file__).parents[2]


class Bytes:
    """Live bytes of a program: a leaf that lies where it lies."""

    def __init__(self, content: bytearray) -> None:
        self.content = content
        self.leaf = Leaf(len(content), content, address_of(memoryview(content)))


def test_what_training_changes_after_the_copy_does_not_reach_the_store(tmp_path: Path) -> None:
    writer, leaf = _writer(tmp_path), Bytes(bytearray(b"before"))
    writer.submit(draft_of(0), [leaf.leaf], _ignore)
    leaf.content[:] = b"later!"
    writer.close()

    assert _content(tmp_path, 0) == [b"before"]


def test_a_frozen_leaf_is_written_once_and_no_longer_copied(tmp_path: Path) -> None:
    frozen, moving = Bytes(bytearray(os.urandom(10_000))), Bytes(bytearray(100))
    writer = _writer(tmp_path)
    for position in range(15):
        moving.content[:4] = position.to_bytes(4, "little")
        _submit(writer, draft_of(position), [frozen, moving])
    writer.close()

    kept = CheckpointStore(tmp_path).kept("run")
    assert len(kept) == 15
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.safetensors")) < 1.2 * 10_000 + 15 * 500
    assert _content(tmp_path, 14) == [bytes(frozen.content), bytes(moving.content)]


def test_a_third_state_in_flight_is_skipped_and_counted(tmp_path: Path) -> None:
    gate, writer = threading.Event(), _writer(tmp_path)
    leaf = Bytes(bytearray(b"x"))
    results = [writer.submit(draft_of(i), [leaf.leaf], lambda cost: gate.wait(10) and None) for i in range(3)]
    gate.set()
    writer.close()

    assert results == [True, True, False]
    assert (writer.skipped_count, writer.kept_count) == (1, 2)


def test_of_large_unregistered_leaves_only_the_hash_is_kept_until_they_change(tmp_path: Path) -> None:
    data = Bytes(bytearray(PREFIX_BUDGET_BYTES + 1))
    writer = _writer(tmp_path)
    _submit(writer, draft_of(0), [data, Bytes(bytearray(b"w"))])
    _submit(writer, draft_of(1), [data])
    data.content[0] = 1
    _submit(writer, draft_of(2), [data])
    writer.close()

    kept = [k.manifest.leaves[0] for k in CheckpointStore(tmp_path).kept("run")]
    assert [leaf.is_kept for leaf in kept] == [False, False, True]
    assert kept[0].hash == kept[1].hash == hash_of(bytes(PREFIX_BUDGET_BYTES + 1))


def test_a_failed_write_is_told_and_the_next_one_is_whole(tmp_path: Path) -> None:
    faults: list[BaseException] = []
    obstacle = tmp_path / "run.0.0"
    obstacle.write_text("in the way")
    writer = Writer(CheckpointStore(tmp_path), faults.append)
    leaf = Bytes(bytearray(b"same"))
    _submit(writer, draft_of(0), [leaf])
    obstacle.unlink()
    _submit(writer, draft_of(1), [leaf])
    writer.close()

    assert [type(fault) for fault in faults] == [FileExistsError]
    assert _content(tmp_path, 1) == [b"same"]


def test_the_store_vanishing_during_the_run_costs_one_checkpoint_not_the_run(tmp_path: Path) -> None:
    faults: list[BaseException] = []
    writer = Writer(CheckpointStore(tmp_path), faults.append)
    leaf = Bytes(bytearray(b"steady"))
    for position in range(3):
        _submit(writer, draft_of(position), [leaf])
    for path in tmp_path.glob("*/*"):
        path.unlink()
    writer.store.forget()
    _submit(writer, draft_of(3), [leaf])
    _submit(writer, draft_of(4), [leaf])
    writer.close()

    assert len(faults) == 1
    assert _content(tmp_path, 4) == [b"steady"]


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.writer import Writer
from unit.checkpoints.test_writer import draft_of

SIZE = 60 << 20
state = np.zeros(SIZE, np.uint8)
leaf = Leaf(SIZE, state, state.ctypes.data)
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + SIZE // 2, resource.RLIM_INFINITY))
writer = Writer(CheckpointStore(Path(sys.argv[1])), lambda error: print(repr(error)))
for position in range(6):
    state[:] = position
    assert writer.submit(draft_of(position), [leaf], lambda cost: None)
    state[:] = 77  # it is in the store by now, as it cannot have been copied
writer.close()
print(writer.kept_count, writer.skipped_count)
"""


def test_a_state_that_cannot_be_copied_is_written_from_where_it_lies(tmp_path: Path) -> None:
    path = f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, tmp_path],
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["6", "0"], done.stderr
    assert [_content(tmp_path, position)[0][-1] for position in range(6)] == list(range(6))


def test_a_leaf_that_fails_to_be_read_costs_its_checkpoint_and_no_later_one(tmp_path: Path) -> None:
    class Broken:
        address, size_bytes, source, device = 8, 4, None, "cpu"

        def view(self) -> memoryview:
            raise ValueError("the device is gone")

    writer, leaf = _writer(tmp_path), Bytes(bytearray(b"whole"))
    for position in range(4):
        with pytest.raises(ValueError, match="the device is gone"):
            writer.submit(draft_of(position), [Broken()], _ignore)  # type: ignore[list-item]

    _submit(writer, draft_of(4), [leaf])
    writer.close()

    assert _content(tmp_path, 4) == [b"whole"]


def test_what_rank_0_keeps_of_the_same_moment_is_neither_copied_nor_written_again(tmp_path: Path) -> None:
    model, own = Bytes(bytearray(os.urandom(50_000))), Bytes(bytearray(os.urandom(3_000)))
    leader, follower = _writer(tmp_path), _writer(tmp_path)
    for position in range(4):
        model.content[:8] = own.content[:8] = os.urandom(8)
        second = follower_of(position)
        assert follower.submit(second, [model.leaf, own.leaf], _ignore)
        assert leader.submit(leader_of(position), [model.leaf], _ignore)
        leader.wait()
        follower.wait()
    leader.close()
    follower.close()

    assert sum(path.stat().st_size for path in tmp_path.glob("run.0.0/*.safetensors")) > 4 * 50_000
    assert sum(path.stat().st_size for path in tmp_path.glob("run.1.0/*.safetensors")) < 4 * 4_000
    assert follower._pool.lacking([50_000, 3_000]) == 50_000  # there is no buffer for what is shared
    kept = CheckpointStore(tmp_path).find("run", "0/0 top(3)", rank=1).manifest
    content = [bytes(CheckpointStore(tmp_path).content(leaf.hash)) for leaf in kept.leaves]
    assert content == [bytes(model.content), bytes(own.content)]


def test_what_ranks_have_in_common_at_first_only_is_kept_by_each(tmp_path: Path) -> None:
    """Statistics of a layer are the same in all ranks until each has seen data of its own."""
    leader, follower = _writer(tmp_path), _writer(tmp_path)
    mine, others = Bytes(bytearray(b"the same")), Bytes(bytearray(b"the same"))
    for position in range(4):
        second = follower_of(position)
        assert follower.submit(second, [mine.leaf], _ignore)
        assert leader.submit(leader_of(position), [others.leaf], _ignore)
        leader.wait()
        follower.wait()
        mine.content[:1], others.content[:1] = bytes([position]), bytes([position + 100])

    assert (follower.kept_count, follower.skipped_count) == (4, 0)
    leader.close()
    follower.close()


def test_a_rank_that_parts_from_rank_0_goes_without_one_state(tmp_path: Path) -> None:
    leader, follower = _writer(tmp_path), _writer(tmp_path)
    mine, others = Bytes(bytearray(b"weights")), Bytes(bytearray(b"weights"))
    for position in range(5):
        second = follower_of(position)
        assert follower.submit(second, [mine.leaf], _ignore)
        assert leader.submit(leader_of(position), [others.leaf], _ignore)
        leader.wait()
        follower.wait()
        mine.content[:1], others.content[:1] = bytes([position]), bytes([position + position // 2])

    assert (follower.kept_count, follower.skipped_count) == (4, 1)
    leader.close()
    follower.close()


def test_what_a_strict_run_raises_reaches_the_training_and_the_writer_goes_on(tmp_path: Path) -> None:
    def fail(error: BaseException) -> None:
        raise error

    obstacle = tmp_path / "run.0.0"
    obstacle.write_text("in the way")
    writer, leaf = Writer(CheckpointStore(tmp_path), fail), Bytes(bytearray(b"x"))
    writer.submit(draft_of(0), [leaf.leaf], _ignore)
    writer.wait()
    obstacle.unlink()

    with pytest.raises(FileExistsError):
        writer.submit(draft_of(1), [leaf.leaf], _ignore)
    _submit(writer, draft_of(2), [leaf])
    writer.close()

    assert _content(tmp_path, 2) == [b"x"]


def test_a_rank_that_sees_nothing_of_rank_0_keeps_all_of_it_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 0.2)
    writer, leaf = _writer(tmp_path), Bytes(bytearray(b"alone"))
    for position in range(3):
        _submit(writer, follower_of(position), [leaf])
        leaf.content[:1] = bytes([position])
    writer.close()

    kept = CheckpointStore(tmp_path).find("run", "0/0 top(2)", rank=1).manifest
    assert bytes(CheckpointStore(tmp_path).content(kept.leaves[0].hash)) == b"\x01lone"


def _writer(folder: Path) -> Writer:
    def fail(error: BaseException) -> None:
        raise error

    return Writer(CheckpointStore(folder), fail)


def _submit(writer: Writer, draft: Draft, leaves: list[Bytes]) -> None:
    """Submit, and wait until it is in the store or has failed."""
    before = writer.kept_count
    assert writer.submit(draft, [leaf.leaf for leaf in leaves], _ignore)
    writer.wait()
    assert writer.kept_count in (before, before + 1)


def _ignore(cost: Cost) -> None:
    return None


def draft_of(position: int) -> Draft:
    registered = None if position else ()
    entry = f"0/0 top({position})"
    return Draft("run", 0, 0, entry, position, 0, 0, lambda: b"graph", [], [], {}, registered)


def leader_of(position: int) -> Draft:
    return replace(draft_of(position), facts={"job": [0, 2]})


def follower_of(position: int) -> Draft:
    return replace(draft_of(position), rank=1, facts={"job": [1, 2]}, is_follower=True)


def _content(folder: Path, position: int) -> list[bytes]:
    store = CheckpointStore(folder)
    kept = store.find("run", f"0/0 top({position})")
    return [bytes(store.content(leaf.hash)) for leaf in kept.manifest.leaves]
