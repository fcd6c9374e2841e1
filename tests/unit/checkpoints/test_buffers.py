"""Copies of the state in host memory."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from flor.checkpoints.buffers import LARGE_BYTES, BufferPool


@pytest.mark.parametrize("size", [0, 1, LARGE_BYTES - 1, LARGE_BYTES, 5 * LARGE_BYTES + 3])
def test_a_copy_has_the_same_bytes(size: int) -> None:
    content = bytearray(torch.randint(256, (size,), dtype=torch.uint8).numpy().tobytes())

    assert BufferPool().copy_of(memoryview(content)) == content


def test_what_cannot_be_written_is_copied_as_well() -> None:
    content = bytes(range(256)) * LARGE_BYTES

    assert BufferPool().copy_of(memoryview(content)) == content


def test_a_mode_of_the_program_sees_no_copy_of_ours() -> None:
    class Counting(TorchFunctionMode):
        calls = 0

        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            Counting.calls += 1
            return func(*args, **(kwargs or {}))

    content = bytearray(b"flor") * LARGE_BYTES
    with Counting():
        copied = BufferPool().copy_of(memoryview(content))

    assert copied == content
    assert Counting.calls == 0


def test_what_is_given_back_is_handed_out_again() -> None:
    pool, content = BufferPool(), memoryview(bytearray(b"state"))
    first = pool.copy_of(content)
    pool.give_back(first)

    assert pool.copy_of(content) is first
