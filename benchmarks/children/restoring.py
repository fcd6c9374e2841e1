"""How fast a kept state comes back from the disk into live tensors, beside reading its file: MB ROUNDS."""

import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import torch

from flor.checkpoints.leaves import write
from flor.checkpoints.packs import Blob, hash_of
from flor.checkpoints.packs import write as write_pack
from flor.checkpoints.store import CheckpointStore

PIECE_BYTES = 4 << 20
took = {"flor": [], "read": []}


def forget(path):
    """Let the system drop what it holds of a file in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def timed(name, pack, work):
    forget(pack)
    begun = time.perf_counter()
    work()
    took[name].append(time.perf_counter() - begun)


def read(pack, buffer):
    with pack.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def restore(folder, tensors, hashes):
    store = CheckpointStore(folder)
    for tensor, digest in zip(tensors, hashes, strict=True):
        write(tensor.data_ptr(), store.content(digest))


def main(megabytes, rounds):
    tensors = [torch.randn(1 << 20) for _ in range(max(1, int(float(megabytes) / 4)))]
    blobs = [memoryview(tensor.numpy()).cast("B") for tensor in tensors]
    pack = Path("kept/run.0.0/000000.safetensors")
    write_pack(pack, [Blob(hash_of(blob), blob) for blob in blobs])
    hashes, buffer = [hash_of(blob) for blob in blobs], bytearray(PIECE_BYTES)
    for _ in range(int(rounds)):
        timed("read", pack, lambda: read(pack, buffer))
        timed("flor", pack, lambda: restore(Path("kept"), tensors, hashes))
    size = pack.stat().st_size
    print(json.dumps({name: size / median(values) for name, values in took.items()}))


main(*sys.argv[1:])
