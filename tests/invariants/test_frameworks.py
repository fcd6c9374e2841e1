"""Frameworks: none is loaded or needed by FlorDB, and what a script draws from them stays."""

from pathlib import Path

from invariants.test_untouched import DRAWS, said, stub_of
from workplace import Workplace

TORCH_SEED = (
    "import torch; torch.manual_seed(7); own = torch.Generator().manual_seed(3); net = torch.nn.Linear(3, 2)"
)
TORCH_DRAW = (
    "torch.rand(2).tolist(), torch.rand(1, generator=own).tolist(), "
    "net.weight.sum().item(), torch.get_num_threads()"
)


def test_the_generators_and_threads_of_torch_stay(place: Workplace, tmp_path: Path) -> None:
    script = DRAWS.format(more=TORCH_SEED, draw=TORCH_DRAW)

    assert said(place, None, script) == said(place, stub_of(tmp_path), script)


def test_neither_import_nor_recording_loads_a_framework(place: Workplace) -> None:
    done = place.run(
        """
        import sys, flor
        flor.log("x", 1)
        print([name for name in ("torch", "matplotlib", "PIL", "sklearn", "IPython") if name in sys.modules])
        """
    )

    assert "[]" in done.stdout.splitlines()


def test_recording_needs_no_torch_numpy_or_matplotlib(place: Workplace) -> None:
    place.run(
        """
        import sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("torch", "matplotlib", "PIL", "IPython", "sklearn", "tqdm"):
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Missing())
        import flor
        for i in flor.loop("i", range(3)):
            flor.log("x", i)
        print(len(flor.dataframe("x")))
        """
    )

    assert place.values("x") == [0, 1, 2]
