"""What keeping the state of a training costs, beside other ways to keep it."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import mean

from benchmarks.figures import Figure
from benchmarks.processes import SOURCE, Cost, child, rounds
from benchmarks.scratch import Bench

SCRIPTS = Path(__file__).parents[1] / "tests" / "exactness" / "scripts"
LENGTHENED = (
    "digits_dropout",
    "sgd_momentum",
    "batch_norm",
    "accumulation",
    "ema_deepcopy",
    "frozen_backbone",
)
STATES = ((10, 10), (100, 25), (400, 100), (4, 1_000))
PER_TENSOR_S = 20e-6
_EPOCHS = re.compile(r'(flor\.loop\("epoch", range\()(?:[^()]|\([^()]*\))*\)')
_TENSORS = ("torch.save", "async_save", "safetensors")


def figures(bench: Bench) -> Iterator[Figure]:
    """Every figure of this group."""
    yield from _stalls(bench)
    yield _beside(bench)
    yield _frozen(bench)
    yield _restored(bench)
    yield from _walked(bench)
    yield from _scripts(bench)


def _stalls(bench: Bench) -> Iterator[Figure]:
    """How long the training stands still, in copies of the state and 20 µs for each tensor."""
    for megabytes, count in STATES if not bench.is_quick else STATES[:1]:
        found = child("stall", megabytes, count, bench.pick(11, 4), cwd=bench.repository()).result
        allowed = found["copy"] + count * PER_TENSOR_S
        yield Figure(
            f"stall for {megabytes} MB in {count:,} tensors, all changed, in copies + 20 µs a tensor",
            found["flor"] / allowed,
            "x",
            1.3,
            note=f"{found['flor'] * 1e3:.1f} ms; one copy {found['copy'] * 1e3:.1f} ms",
        )


def _beside(bench: Bench) -> Figure:
    """The same state kept otherwise: what the training waits for."""
    megabytes = bench.pick(100, 10)
    found = child("stall", megabytes, 25, bench.pick(7, 3), "peers", cwd=bench.repository()).result
    beside = {name: found[name] * 1e3 for name in _TENSORS}
    return Figure(f"stall for {megabytes} MB in 25 tensors", found["flor"] * 1e3, "ms", None, beside)


def _frozen(bench: Bench) -> Figure:
    """Fifteen states of a network of which only the head is trained."""
    megabytes, epochs, repository = bench.pick(100, 8), 15, bench.repository()
    child("finetune", megabytes, epochs, "state.pt", cwd=repository, FLOR_EPSILON="1")
    kept = sum(path.stat().st_size for path in (repository / ".flor" / "checkpoints").rglob("*.*"))
    one = (repository / "state.pt").stat().st_size
    return Figure(
        f"{epochs} epochs of a fine-tune of a head on a frozen network of {megabytes} MB, on disk",
        kept / one,
        "copies",
        1.2,
        {"torch.save each epoch": float(epochs)},
        note="three states an epoch",
    )


def _restored(bench: Bench) -> Figure:
    """A state that comes back from a disk whose cache was dropped; the others wait so much longer."""
    found = child("restoring", bench.pick(400, 20), bench.pick(7, 2), cwd=bench.repository()).result
    return Figure(
        "reading a state's file alone, in the time of restoring it",
        found["read"] / found["flor"],
        "x",
        1.25,
        note=f"{found['flor'] / 1e6:,.0f} MB/s; the file alone {found['read'] / 1e6:,.0f} MB/s",
    )


def _walked(bench: Bench) -> Iterator[Figure]:
    found = child("walking", cwd=bench.repository()).result
    empty = f"of an empty program {found['empty'] * 1e3:.2f} ms"
    yield Figure("reading the live program, a node", found["node"] * 1e6, "µs", 10.0)
    yield Figure("reading the live program, 1,000 tensors", found["tensors"] * 1e3, "ms", 10.0, note=empty)


def _scripts(bench: Bench) -> Iterator[Figure]:
    """Scripts of the matrix of exactness, made long: CPU inside `checkpointing`, against a stub."""
    repository = bench.repository()
    names = LENGTHENED if not bench.is_quick else LENGTHENED[:1]
    overheads = {name: _overhead(repository, name, bench) for name in names}
    worst = max(overheads, key=overheads.__getitem__)
    each = ", ".join(f"{name} {value:.1f}" for name, value in overheads.items())
    text, average = (
        f"records and states of {len(names)} scripts of tests/exactness, CPU",
        mean(overheads.values()),
    )
    yield Figure(f"{text}, mean", average, "%", 1.0, note=each)
    yield Figure(f"{text}, worst", overheads[worst], "%", 2.0, note=worst)


def _overhead(repository: Path, name: str, bench: Bench) -> float:
    """How much more CPU the loop takes with FlorDB, in percent: of each the best of some runs."""
    script, few = f"{name}.py", 8
    _lengthen(SCRIPTS / script, repository / script, few)
    short = _trained(repository, script, repository / "stub").result["cpu"]
    _lengthen(SCRIPTS / script, repository / script, max(few, round(few * bench.pick(16, 1) / short)))
    floras = {"stub": repository / "stub", "flor": SOURCE}
    measured = {key: partial(_trained, repository, script, path) for key, path in floras.items()}
    costs = rounds(measured, bench.pick(2, 1))
    best = {key: min(cost.result["cpu"] for cost in found) for key, found in costs.items()}
    return (best["flor"] / best["stub"] - 1) * 100


def _lengthen(script: Path, target: Path, epochs: int) -> None:
    """The script with so many epochs."""
    text, count = _EPOCHS.subn(rf"\g<1>{epochs})", script.read_text("utf-8"))
    if not count:
        raise LookupError(f"{script} has no loop over epochs")
    target.write_text(text, "utf-8")


def _trained(repository: Path, script: str, flor: Path) -> Cost:
    # One thread: two would wait for whatever else the machine does.
    return child("timed", script, cwd=repository, PYTHONPATH=str(flor), OMP_NUM_THREADS="1")
