"""How long hindsight takes, beside running the whole training again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.processes import CHILDREN, PEERS_PYTHON, Cost, Failed, run
from benchmarks.scratch import Bench

SCRIPT = "epochs.py"
STATEMENTS = {
    "prefix": 'flor.log("{name}", model[0].weight.norm().item())',
    "outer": 'flor.log("{name}", model[0].weight.norm().item())',
    "inner": 'flor.log("{name}", model[0].weight.grad.norm().item())',
}
UPSTREAM = {"4.0.1": ("--apply",), "3.4.12": ()}
_IDENTITY = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "Bench"), ("EMAIL", "bench@localhost"))
}
_THREADS = {"OMP_NUM_THREADS": "1"}
_numbers = count(1)


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    trained = _trained(bench)
    rounds = bench.pick(3, 1)
    before = median(trained.start_and_prefix().wall_s for _ in range(rounds))
    outer = [trained.replay("outer") for _ in range(rounds)]
    prefix = [trained.replay("prefix") for _ in range(rounds)]
    wall = median(cost.wall_s for cost in outer)
    loop = trained.run_s - before
    note = f"{wall:.1f} s in all, {before:.1f} s of them the script's start; a loop of {loop:.0f} s"
    name = f"a statement after each of {trained.epochs} epochs, beyond start-up and prefix"
    yield Figure(f"{name}, of the loop", (wall - before) / loop * 100, "%", 2.0, note=note)
    yield _beside(bench, trained, wall)
    start = median(cost.wall_s for cost in prefix) - before
    yield Figure("a statement before the loop, beyond the script's own start and prefix", start, "s", 0.5)
    yield _workers(trained)


@dataclass(frozen=True)
class Trained:
    """A repository in which a training has been recorded."""

    repository: Path
    epochs: int
    steps: int
    run_s: float

    def start_and_prefix(self) -> Cost:
        """The script without an epoch, and without FlorDB."""
        return run(
            [sys.executable, SCRIPT, "--kwargs", "epochs=0"], self.repository, FLOR_MODE="off", **_THREADS
        )

    def replay(self, place: str, workers: int = 1) -> Cost:
        """A statement is added there, and replayed under a new name."""
        name = f"{place}_{next(_numbers)}"
        _add(self.repository / SCRIPT, place, name)
        command = [sys.executable, "-m", "flor", "replay", name, "--yes", "--workers", str(workers)]
        return run(command, self.repository, **_THREADS)


def _trained(bench: Bench) -> Trained:
    repository, epochs, steps = bench.repository(), bench.pick(20, 3), bench.pick(1_000, 40)
    cost = run([sys.executable, SCRIPT, *_arguments(epochs, steps)], repository, **_THREADS)
    return Trained(repository, epochs, steps, cost.wall_s)


def _arguments(epochs: int, steps: int) -> list[str]:
    return ["--kwargs", f"epochs={epochs}", f"steps={steps}"]


def _add(script: Path, place: str, name: str) -> None:
    """Write the statement into the script as it was, above the comment that names the place."""
    lines = (CHILDREN / script.name).read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip() == f"# {place}")
    indent = lines[at].removesuffix(f"# {place}")
    lines.insert(at, indent + STATEMENTS[place].format(name=name))
    script.write_text("\n".join(lines) + "\n", "utf-8")


def _workers(trained: Trained) -> Figure:
    """A statement in every step: all of the loop is executed again."""
    one, two = trained.replay("inner", workers=1), trained.replay("inner", workers=2)
    note = f"{two.wall_s:.1f} s and {one.wall_s:.1f} s, one thread each"
    return Figure(
        "a statement in each step: two workers against one", two.wall_s / one.wall_s, "x", 0.56, note=note
    )


def _beside(bench: Bench, trained: Trained, wall_s: float) -> Figure:
    beside: dict[str, float | None] = {"running it again": trained.run_s}
    for version, options in UPSTREAM.items():
        beside[f"flordb {version}"] = _upstream(bench, trained, version, options)
    return Figure(
        "a statement after each epoch, the whole replay", wall_s, "s", round(trained.run_s, 1), beside
    )


def _upstream(bench: Bench, trained: Trained, version: str, options: tuple[str, ...]) -> float | None:
    """What a published FlorDB needs for the same; it finds torch where this one does."""
    packages = PEERS_PYTHON.parents[1] / f"flordb-{version}"
    if not packages.exists():
        return None
    # It takes the folder's name for a date where it can, and runs the `python` that it finds first.
    repository = (empty := bench.repository()).rename(empty.with_name(f"training-{version}"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PYTHONPATH": str(packages), "HOME": str(repository), "PATH": path, **_IDENTITY, **_THREADS}
    run([sys.executable, SCRIPT, *_arguments(trained.epochs, trained.steps)], repository, **variables)
    _add(repository / SCRIPT, "outer", "outer")
    command = f"echo y | {sys.executable} -m flordb replay {' '.join(options)} outer"
    cost = run(["sh", "-c", command], repository, subprocess.DEVNULL, **variables)
    if "outer: " not in cost.output:  # it ends well, and shows an empty frame, whatever came of it
        raise Failed(f"flordb {version} found nothing:\n{cost.output[-2_000:]}")
    return cost.wall_s
