"""Tensors of every kind on their way through packs and manifests of a real store, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from flor.checkpoints.graph import Graph
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.restore import restore
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.writer import Draft, Writer
from unit.checkpoints.programs import Program, hashes_of
from unit.checkpoints.test_tensors import bits, every_kind

Names = dict[str, Any]
ENTRY = "0/0 top({})"
pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse:UserWarning", "ignore:torch.quantize:UserWarning", "ignore::DeprecationWarning"
)


class Recording:
    """A program whose states go into a store."""

    def __init__(self, folder: Path, names: Mapping[str, Any]) -> None:
        self.folder, self.program, self.count = folder, Program(names), 0
        self.writer = Writer(CheckpointStore(folder), _fail)

    def keep(self) -> None:
        """Take the state, and wait until it is written."""
        walked = self.program.walk()
        entry, graph = ENTRY.format(self.count), walked.graph.to_bytes
        draft = Draft("run", 0, 0, entry, self.count, 0, 0, graph, [], [], {})
        assert self.writer.submit(draft, walked.leaves, lambda cost: None)
        self.writer.wait()
        self.count += 1

    def size_bytes(self) -> int:
        """What all packs take."""
        return sum(path.stat().st_size for path in self.folder.glob("*/*.safetensors"))


def put_back(folder: Path, number: int, program: Program) -> None:
    """Restore a state from the disk into a program, and compare."""
    store = CheckpointStore(folder)
    kept = store.find("run", ENTRY.format(number)).manifest
    graph, hashes = Graph.from_bytes(store.content(kept.graph)), [leaf.hash for leaf in kept.leaves]
    live = program.walk()
    restored = restore(graph, hashes, store.content, live, program.reference, hashes_of(live))
    assert restored.refused == []
    program.names = dict(restored.names[0])
    again = program.walk()
    assert hashes_of(again) == hashes


def _fail(error: BaseException) -> None:
    raise error


def changed(names: Names) -> Names:
    with torch.no_grad():
        for name in ("base", "bf16", "half", "complex", "parameter", "buffer", "channels_last"):
            names[name].mul_(3)
        names["coo"]._values().mul_(3)
        names["csr"].values().mul_(3)
    return names


def test_every_kind_comes_back_from_the_disk_bit_for_bit(tmp_path: Path) -> None:
    recording = Recording(tmp_path, every_kind())
    recording.keep()
    changed(recording.program.names)
    recording.keep()

    for number, wanted in enumerate((every_kind(), changed(every_kind()))):
        for start in ({}, every_kind()):  # made anew, and put into what is there
            program = Program(start)
            put_back(tmp_path, number, program)
            for name, tensor in wanted.items():
                found = program.names[name]
                assert (found.dtype, found.shape, found.layout) == (tensor.dtype, tensor.shape, tensor.layout)
                assert bits(found) == bits(tensor), name


def test_meta_tensors_and_those_without_elements_take_no_room(tmp_path: Path) -> None:
    names = {"meta": torch.empty(1_000_000, device="meta"), "none": torch.empty(0, 7), "one": torch.ones(3)}
    recording = Recording(tmp_path, names)
    recording.keep()

    assert recording.size_bytes() < 200_000  # random states; the first alone would take 4 MB
    program = Program({})
    put_back(tmp_path, 0, program)
    assert program.names["meta"].device.type == "meta"
    assert (program.names["none"].shape, program.names["one"].tolist()) == ((0, 7), [1, 1, 1])


def test_what_shares_a_storage_is_stored_once_and_shares_it_again(tmp_path: Path) -> None:
    size = 100_000
    model = nn.ModuleDict({"in": nn.Embedding(size // 10, 10), "out": nn.Linear(10, size // 10, bias=False)})
    model["out"].weight = model["in"].weight
    base = torch.randn(size)
    names = {
        "model": model,
        "state": model.state_dict(),
        "view": base.view(10, -1).t()[1:, ::2],
        "base": base,
        "wide": torch.ones(1, 1).expand(size, 1),
        "copy": base.clone(),
    }
    surroundings, recording = Recording(tmp_path / "nothing", {}), Recording(tmp_path / "all", names)
    surroundings.keep()
    recording.keep()

    assert recording.size_bytes() - surroundings.size_bytes() < 2 * 4 * size + 20_000
    program = Program({})
    put_back(tmp_path / "all", 0, program)
    found = program.names
    assert found["model"]["out"].weight is found["model"]["in"].weight
    assert found["state"]["in.weight"].data_ptr() == found["model"]["in"].weight.data_ptr()
    assert found["view"].untyped_storage().data_ptr() == found["base"].untyped_storage().data_ptr()
    assert found["wide"].untyped_storage().nbytes() == 4
    assert found["copy"].data_ptr() != found["base"].data_ptr()
    assert torch.equal(found["view"], names["view"])


def test_ten_thousand_tiny_tensors(tmp_path: Path) -> None:
    tiny = [torch.tensor([float(number), 0]) for number in range(10_000)]
    recording = Recording(tmp_path, {"tiny": tiny})
    recording.keep()
    for number in range(0, 10_000, 10):
        tiny[number][1] = 1
    before = recording.size_bytes()
    recording.keep()

    assert before < 10_000 * 150 + 3_000_000
    assert recording.size_bytes() - before < 1_000 * 150 + 3_000_000
    program = Program({})
    put_back(tmp_path, 1, program)
    assert torch.equal(torch.stack(program.names["tiny"]), torch.stack(tiny))


def test_a_pack_is_read_by_the_safetensors_library(tmp_path: Path) -> None:
    recording = Recording(tmp_path, {"weight": torch.arange(5.0)})
    recording.keep()
    leaf = CheckpointStore(tmp_path).kept("run")[0].manifest.leaves
    wanted = bytes(torch.arange(5.0).view(torch.uint8).tolist())

    [pack] = tmp_path.glob("*/*.safetensors")
    with safe_open(pack, framework="numpy") as tensors:
        found = [tensors.get_tensor(each.hash).tobytes() for each in leaf]

    assert wanted in found


class OnDevice:
    """A storage that is not in this process's memory, as far as a leaf sees it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.copies = content, 0

    def data_ptr(self) -> int:
        return 0x7F00

    def cpu(self) -> Any:
        self.copies += 1
        return torch.frombuffer(bytearray(self.content), dtype=torch.uint8).untyped_storage()


def test_what_lies_on_a_device_is_copied_to_the_host_once_for_each_state(tmp_path: Path) -> None:
    writer, storage = Writer(CheckpointStore(tmp_path), _fail), OnDevice(b"")
    contents = [b"on device", b"on Device", b"On Device"]
    for number, content in enumerate(contents):
        storage.content = content
        draft = Draft("run", 0, 0, ENTRY.format(number), number, 0, 0, lambda: b"graph", [], [], {})
        assert writer.submit(draft, [Leaf(9, storage, 0, "cuda:0")], lambda cost: None)
        storage.content = b"changed!!"
        writer.wait()
    writer.close()

    store = CheckpointStore(tmp_path)
    kept = [store.find("run", ENTRY.format(number)).manifest.leaves[0] for number in range(3)]
    assert storage.copies == 3
    assert [bytes(store.content(leaf.hash)) for leaf in kept] == contents
