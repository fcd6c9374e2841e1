"""Tensors of every type, images and figures, through a real run and back."""

import io
import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from workplace import Workplace

BEGIN = "import torch, flor\n"


def _dtypes() -> list[torch.dtype]:
    found = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    return sorted(found, key=str)


def _ones(dtype: torch.dtype, count: int) -> torch.Tensor | None:
    """Some numbers of this type, or None where this torch can make none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some types are experimental
            return (torch.arange(count, dtype=torch.float32) % 2 + 0.5).to(dtype)
    except (RuntimeError, NotImplementedError, TypeError):
        return None


def _reference(tensor: torch.Tensor) -> list[Any]:
    if tensor.dtype.is_complex:
        return tensor.to(torch.complex64).tolist()
    return tensor.float().tolist() if tensor.dtype.is_floating_point else tensor.tolist()


USABLE = [dtype for dtype in _dtypes() if _ones(dtype, 4) is not None]


def test_this_torch_has_the_types_that_matter() -> None:
    assert {torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2, torch.bool} <= set(USABLE)


def test_scalars_and_small_tensors_of_every_type(place: Workplace) -> None:
    lines = [
        f"t = (torch.arange(4, dtype=torch.float32) % 2 + 0.5).to({dtype})\n"
        f"flor.log('{dtype} scalar', t[1])\nflor.log('{dtype} list', t)"
        for dtype in USABLE
    ]
    place.run(BEGIN + "\n".join(lines))

    for dtype in USABLE:
        tensor = _ones(dtype, 4)
        assert tensor is not None
        expected = _reference(tensor)
        assert place.values(f"{dtype} list") == [expected], dtype
        assert place.values(f"{dtype} scalar") == [expected[1]], dtype
        assert type(place.values(f"{dtype} scalar")[0]) is type(expected[1])


def test_large_tensors_of_every_type_load_with_their_values(place: Workplace) -> None:
    kept = [dtype for dtype in USABLE if dtype is not torch.complex32]
    lines = [
        f"flor.log('{dtype}', (torch.arange(2000, dtype=torch.float32) % 2 + 0.5).to({dtype}).reshape(2, -1))"
        for dtype in kept
    ]
    place.run(BEGIN + "\n".join(lines))

    frame = place.frame(*map(str, kept))
    for dtype in kept:
        tensor = _ones(dtype, 2000)
        assert tensor is not None
        blob = frame[str(dtype)][0]
        assert (blob.shape, blob.dtype) == ((2, 1000), str(dtype).removeprefix("torch."))
        loaded = blob.load()
        assert loaded.shape == (2, 1000)
        assert loaded.ravel().tolist() == _reference(tensor), dtype


def test_bits_that_round_nowhere_come_back(place: Workplace) -> None:
    place.run(
        BEGIN
        + """
torch.manual_seed(3)
flor.log("double", torch.randn((), dtype=torch.float64))
flor.log("half", torch.tensor(0.1, dtype=torch.bfloat16))
flor.log("nan", torch.tensor(float("nan")))
flor.log("big", torch.randn(3000, dtype=torch.float64))
flor.log("parameter", torch.nn.Parameter(torch.tensor([0.5])))
flor.log("grad", (torch.tensor(2.0, requires_grad=True) * 3))
flor.log("sparse", torch.eye(2).to_sparse())
flor.log("quantized", torch.quantize_per_tensor(torch.tensor([0.5, 1.0]), 0.5, 0, torch.qint8))
flor.log("conjugate", torch.tensor([1 + 2j]).conj())
flor.log("view", torch.arange(4000.0)[::2].reshape(2, -1).T)
flor.log("meta", torch.empty(3, device="meta"))
"""
    )

    torch.manual_seed(3)
    assert place.values("double") == [torch.randn((), dtype=torch.float64).item()]
    assert place.values("half") == [torch.tensor(0.1, dtype=torch.bfloat16).item()]
    assert math.isnan(place.values("nan")[0])
    big = torch.randn(3000, dtype=torch.float64).numpy()
    assert place.frame("big")["big"][0].load().tobytes() == big.tobytes()
    assert place.values("parameter") == [[0.5]]
    assert place.values("grad") == [6.0]
    assert place.values("sparse") == [[[1.0, 0.0], [0.0, 1.0]]]
    assert place.values("quantized") == [[0.5, 1.0]]
    assert place.values("conjugate") == [[1 - 2j]]
    view = np.arange(0, 4000, 2, dtype=np.float32).reshape(2, -1).T
    assert np.array_equal(place.frame("view")["view"][0].load(), view)
    assert [row.kind for row in place.rows("meta")] == ["repr"]


def test_images_and_figures_are_pngs(place: Workplace) -> None:
    place.run(
        """
        import flor
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        from PIL import Image

        image = Image.new("RGB", (4, 3), (250, 20, 3))
        image.putpixel((1, 2), (0, 0, 255))
        flor.log("image", image)
        figure, axes = plt.subplots()
        axes.plot([1, 2], [3, 4])
        flor.log("figure", figure)
        flor.log("cmyk", Image.new("CMYK", (2, 2)))
        flor.log("after", 1)
        """
    )

    frame = place.frame("image", "figure", "after")
    image = Image.open(io.BytesIO(frame["image"][0].load()))
    assert (image.size, image.getpixel((1, 2)), image.getpixel((0, 0))) == ((4, 3), (0, 0, 255), (250, 20, 3))
    assert frame["image"][0].shape == (3, 4)
    assert frame["figure"][0].load().startswith(b"\x89PNG")
    assert frame["figure"][0]._repr_png_().startswith(b"\x89PNG")
    assert [row.kind for row in place.rows("cmyk")] == ["repr"]
    assert place.only_run().faults == ()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader_keep_what_they_log(place: Workplace, method: str) -> None:
    place.run(
        f"""
        import torch, flor
        from torch.utils.data import DataLoader, Dataset

        class Numbers(Dataset):
            def __len__(self): return 40
            def __getitem__(self, i):
                flor.log("loaded", i)
                return torch.tensor(float(i))

        if __name__ == "__main__":
            flor.log("begin", flor.arg("lr", 0.5))
            loader = DataLoader(Numbers(), batch_size=4, num_workers=2, multiprocessing_context={method!r})
            for epoch in flor.loop("epoch", range(2)):
                for batch in flor.loop("step", loader):
                    flor.log("sum", batch.sum())
        """
    )

    run = place.only_run()
    assert run.status == "finished"
    assert sorted(place.values("loaded")) == sorted([*range(40), *range(40)])
    assert {row.process == 0 for row in place.rows("loaded")} == {False}
    assert place.values("sum") == [float(sum(range(i, i + 4))) for i in range(0, 40, 4)] * 2
