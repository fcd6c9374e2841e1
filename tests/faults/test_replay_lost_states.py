"""Kept states that are gone or damaged cost a replay time, never a value: others are entered instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.replaying import KEEP_ALL, ask_one, counts, probed
from workplace import Workplace

SCRIPT = """
    import random

    import flor

    random.seed(3)
    weights = [random.random() for _ in range(2_000)]
    with flor.checkpointing(weights=weights):
        for epoch in flor.loop("epoch", range(4)):
            # top
            for k in range(2_000):
                weights[k] += random.gauss(0, 0.1)
            flor.log("mean", sum(weights) / 2_000)
    """


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-len(content) // 3] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_flip, _empty, Path.unlink])
@pytest.mark.parametrize("kind", [".safetensors", ".manifest"])
@pytest.mark.parametrize("lost", [slice(2, 4), slice(None)], ids=["some", "all"])
def test_states_that_are_damaged_or_gone_are_not_entered(
    lost: slice, kind: str, damage: Callable[[Path], None], place: Workplace
) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    for path in sorted((place.root / ".flor" / "checkpoints").glob(f"*/0*{kind}"))[lost]:
        damage(path)
    probed(place, SCRIPT, "top", 'flor.log("probe", sum(weights))')

    report = ask_one(place, "--audit", "1")

    assert place.values("probe") == _foreseen(place)
    obtained, verified, diverged, _ = counts(report)
    assert (obtained, diverged) == (4, 0)
    assert verified == 4 or lost.stop is None


def _foreseen(place: Workplace) -> list[float]:
    place.python("train.py")
    last = max(place.catalog().runs, key=lambda run: run.tstamp)
    return [float(value) for value in place.values("probe", last.run)]


def test_between_headers_that_were_not_kept_an_audit_goes_from_one_to_the_other(place: Workplace) -> None:
    script = SCRIPT.replace("range(4)", "range(7)")
    place.run(script, env=KEEP_ALL)
    for number in (1, 2, 4, 5):
        (manifest,) = (place.root / ".flor" / "checkpoints").glob(f"*/{number:06}.manifest")
        manifest.unlink()
    probed(place, script, "top", 'flor.log("probe", sum(weights))')

    report = ask_one(place, "--audit", "1")

    assert place.values("probe") == _foreseen(place)
    assert counts(report) == (7, 7, 0, 0)
