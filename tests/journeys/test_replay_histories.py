"""One replay answers for every version of a project that was refactored again and again."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000"}

Version = Mapping[str, str]
"""The files of a project; what is `# asked` stands there in foresight only."""

INLINE = """
    import random

    import flor

    random.seed(1)
    weights = [random.random() for _ in range(4)]
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(4)):
            for x in flor.loop("step", [1.0, -2.0, 0.5]):
                for k in range(4):
                    weights[k] += random.gauss(x, 0.1)
                loss = sum(weights)
                flor.log("inner", loss * weights[0])  # asked
                flor.log("loss", loss)
            mean = sum(weights) / 4
            flor.log("spread", max(weights) - mean)  # asked
            flor.log("mean", mean)
    flor.log("digest", [weight.hex() for weight in weights])
    """
RENAMED = """
    import random

    import flor

    random.seed(2)
    params = [random.random() for _ in range(4)]
    with flor.checkpointing(params=params):
        for number, epoch in enumerate(flor.loop("epoch", range(4))):
            for value in flor.loop("step", [1.0, -2.0, 0.5]):
                for k in range(4):
                    params[k] += random.gauss(value, 0.1)
                total = sum(params)
                flor.log("inner", total * params[0])  # asked
                flor.log("loss", total)
            average = sum(params) / 4
            flor.log("spread", max(params) - average)  # asked
            flor.log("mean", average)
            # what nobody reads any more
    flor.log("digest", [param.hex() for param in params])
    """
FUNCTIONS = """
    import random

    import flor


    def train_epoch(params, values):
        for value in flor.loop("step", values):
            for k in range(4):
                params[k] += random.gauss(value, 0.1)
            total = sum(params)
            flor.log("inner", total * params[0])  # asked
            flor.log("loss", total)


    def main():
        random.seed(3)
        params = [random.random() for _ in range(4)]
        with flor.checkpointing(params=params):
            for epoch in flor.loop("epoch", range(4)):
                train_epoch(params, [1.0, -2.0, 0.5])
                average = sum(params) / 4
                flor.log("spread", max(params) - average)  # asked
                flor.log("mean", average)
        flor.log("digest", [param.hex() for param in params])


    if __name__ == "__main__":
        main()
    """
TRAINING = """
    import random

    import flor


    def train_epoch(params, values, noise=0.1):
        for value in flor.loop("step", values):
            for k in range(4):
                params[k] += random.gauss(value, noise)
            total = sum(params)
            flor.log("inner", total * params[0])  # asked
            flor.log("loss", total)
    """
SPLIT = """
    import random

    import flor
    from training import train_epoch


    def main():
        random.seed(4)
        params = [random.random() for _ in range(4)]
        with flor.checkpointing(params=params):
            for epoch in flor.loop("epoch", range(4)):
                train_epoch(params, [1.0, -2.0, 0.5])
                average = sum(params) / 4
                flor.log("spread", max(params) - average)  # asked
                flor.log("mean", average)
        flor.log("digest", [param.hex() for param in params])


    if __name__ == "__main__":
        main()
    """
FUNCTION_BY_FUNCTION: list[Version] = [
    {"train.py": INLINE},
    {"train.py": RENAMED},
    {"train.py": FUNCTIONS},
    {"train.py": SPLIT, "training.py": TRAINING},
]

TRAINER = """
    import random

    import flor


    class Trainer:
        def __init__(self, seed):
            random.seed(seed)
            self.weight, self.best = 0.5, 1e9

        def fit(self, epochs):
            with flor.checkpointing(trainer=self):
                for epoch in flor.loop("epoch", range(epochs)):
                    for x in flor.loop("step", [1.0, -2.0]):
                        self.weight += random.gauss(x, 0.1)
                        flor.log("inner", self.weight * x)  # asked
                        flor.log("loss", self.weight)
                    self.best = min(self.best, abs(self.weight))
                    flor.log("spread", self.best - self.weight)  # asked
                    flor.log("best", self.best)
            return self.best
    """
IN_ONE_FILE = f"""{TRAINER}

    flor.log("final", Trainer(5).fit(4))
    """
ITS_SCRIPT = """
    import flor
    from lib.trainer import Trainer

    flor.log("final", Trainer(6).fit(4))
    """
WITH_EPOCHS = """
    import random

    import flor

    NOISE = 0.1


    class Trainer:
        def __init__(self, seed):
            random.seed(seed)
            self.weight, self.best = 0.5, 1e9

        def fit(self, epochs):
            with flor.checkpointing(trainer=self):
                for epoch in flor.loop("epoch", range(epochs)):
                    self._epoch([1.0, -2.0])
                    self.best = min(self.best, abs(self.weight))
                    flor.log("spread", self.best - self.weight)  # asked
                    flor.log("best", self.best)
            return self.best

        def _epoch(self, values):
            for x in flor.loop("step", values):
                self.weight += random.gauss(x, NOISE)
                flor.log("inner", self.weight * x)  # asked
                flor.log("loss", self.weight)
    """
TRAINERS: list[Version] = [
    {"train.py": IN_ONE_FILE},
    {"train.py": ITS_SCRIPT, "lib/__init__.py": "", "lib/trainer.py": TRAINER},
    {"train.py": ITS_SCRIPT, "lib/__init__.py": "", "lib/trainer.py": WITH_EPOCHS},
]
HISTORIES = {"function by function": FUNCTION_BY_FUNCTION, "trainers": TRAINERS}
NAMES = ("inner", "spread")


@pytest.mark.parametrize("history", HISTORIES)
def test_every_version_is_answered_as_if_the_statements_had_stood_there(history: str, tmp_path: Path) -> None:
    versions = HISTORIES[history]
    foresight, hindsight = (_place(tmp_path, each) for each in ("foresight", "hindsight"))
    _have_run(foresight, versions)
    _have_run(hindsight, [_without(version) for version in versions])
    _write(hindsight, versions[-1])

    done = hindsight.python("-m", "flor", "replay", ",".join(NAMES), "--yes", "--audit", "1")

    for name in NAMES:
        found = _cells(hindsight, name)
        assert found == _cells(foresight, name), done.stdout
        assert {run for *_, run in found} == set(range(len(versions)))


READS = """
    import random

    import flor

    random.seed(7)
    with open("data/numbers.txt") as file:
        numbers = [float(line) for line in file]
    weight = 0.5
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            for number in flor.loop("step", numbers):
                weight += random.gauss(number, 0.1)
                flor.log("loss", weight)
            flor.log("spread", max(numbers) - weight)  # asked
    """


def test_data_that_changed_and_went_since_is_what_each_run_read(tmp_path: Path) -> None:
    foresight, hindsight = (_place(tmp_path, each) for each in ("foresight", "hindsight"))
    for place, version in ((foresight, {"train.py": READS}), (hindsight, _without({"train.py": READS}))):
        place.write(".gitignore", "data\n")
        for numbers in ("1\n-2\n", "0.5\n3\n-1\n"):
            place.write("data/numbers.txt", numbers)
            _have_run(place, [version])
        shutil.rmtree(place.root / "data")
    _write(hindsight, {"train.py": READS})

    done = hindsight.python("-m", "flor", "replay", "spread", "--yes", "--audit", "1")

    assert _cells(hindsight, "spread") == _cells(foresight, "spread"), done.stdout
    assert {run for *_, run in _cells(hindsight, "spread")} == {0, 1}
    assert not (hindsight.root / "data").exists()


def _place(folder: Path, name: str) -> Workplace:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return Workplace.make(folder / name / "project", home)


def _without(version: Version) -> Version:
    """The version before anybody asked."""
    kept = {
        name: [line for line in text.splitlines() if not line.endswith("# asked")]
        for name, text in version.items()
    }
    return {name: "\n".join(lines) + "\n" for name, lines in kept.items()}


def _write(place: Workplace, version: Version) -> None:
    for name, text in version.items():
        place.write(name, text)


def _have_run(place: Workplace, versions: Sequence[Version]) -> None:
    for version in versions:
        _write(place, version)
        place.python("train.py", env=KEEP_ALL)


def _cells(place: Workplace, name: str) -> list[tuple[Any, ...]]:
    """The rows of a name, beside what was logged already; at the end of each the number of its run."""
    frame = place.frame(name, "loss")
    stamps = sorted(frame["tstamp"].unique())
    rows = frame.dropna(subset=[name]).assign(run=lambda rows: rows["tstamp"].map(stamps.index))
    cells = rows.drop(columns="tstamp").values
    return [tuple(cell.hex() if isinstance(cell, float) else cell for cell in row) for row in cells]
