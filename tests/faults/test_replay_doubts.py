"""What comes out differently than in the run: a clock is no divergence, and a divergence has a cause."""

from pathlib import Path

import pytest

from faults.replaying import KEEP_ALL, ask_one, counts, probed
from workplace import SOURCE, Workplace

CLOCK = """
    import random
    import time

    import flor

    began = time.time()
    total = 0.0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            for step in flor.loop("step", range(2)):
                total += random.random()
                elapsed = time.time() - began
                # nested
            flor.log("seconds", time.time() - began)
            flor.log("total", total)
    # suffix
    """
UNSEEDED = """
    import random

    import flor

    rng = random.Random()
    total = 0.0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            total += rng.random()
            flor.log("total", total)
            # behind
    # suffix
    """


DRAWN = """
import flor
import numpy
size = flor.arg("size", 3)
first = flor.log("first", {lines})
# prefix
with flor.checkpointing():
    for epoch in flor.loop("epoch", range(size)):
        flor.log("drawn", numpy.random.rand())
"""


def test_a_clock_that_a_run_logs_is_no_divergence(place: Workplace) -> None:
    place.run(CLOCK, env=KEEP_ALL)
    probed(place, CLOCK, "nested", 'flor.log("probe", total)')

    done = place.python("-m", "flor", "replay", "probe", "--yes", "--audit", "1")

    [row] = place.catalog().entries[0].metadata.answered
    assert (row.obtained, row.verified, row.diverged) == (6, 6, 0)
    assert "seconds differs from one execution to the next" in done.stdout


def test_a_clock_that_a_probe_looks_at_is_not_verified(place: Workplace) -> None:
    place.run(CLOCK, env=KEEP_ALL)
    probed(place, CLOCK, "nested", 'flor.log("probe", elapsed)')

    report = ask_one(place)

    assert counts(report) == (6, 0, 0, 6)
    assert "probe differs from one execution to the next" in report["reason"]


def test_a_probe_that_reads_a_clock_itself_is_not_verified(place: Workplace) -> None:
    place.run(UNSEEDED, env=KEEP_ALL)
    probed(place, UNSEEDED, "behind", 'import time\n            flor.log("probe", time.perf_counter())')

    report = ask_one(place, "--audit", "1")

    assert counts(report) == (3, 0, 0, 3)
    assert "probe differs from one execution to the next" in report["reason"]


@pytest.mark.parametrize("where", ["behind", "suffix"])
def test_an_unseeded_script_is_exact_where_its_states_were_kept(where: str, place: Workplace) -> None:
    script = UNSEEDED.replace("random.Random()", "random")
    place.run(script, env=KEEP_ALL)
    probed(place, script, where, 'flor.log("probe", total)')

    report = ask_one(place, "--audit", "1")

    truth = place.values("total") if where == "behind" else place.values("total")[-1:]
    assert place.values("probe") == truth
    assert counts(report) == (len(truth), len(truth), 0, 0)


def test_a_generator_of_its_own_is_put_back_at_the_loop(place: Workplace) -> None:
    place.run(UNSEEDED, env=KEEP_ALL)
    probed(place, UNSEEDED, "behind", 'flor.log("probe", total)')

    report = ask_one(place, "--audit", "1")

    assert place.values("probe") == place.values("total")
    assert counts(report) == (3, 3, 0, 0)


@pytest.mark.parametrize("lines", ["numpy.random.rand()", "0.5"], ids=["drawn", "not drawn"])
def test_numbers_that_numpy_draws_without_a_seed_are_drawn_again(lines: str, place: Workplace) -> None:
    script = DRAWN.replace("{lines}", lines)
    place.run(script, env=KEEP_ALL)
    place.write("train.py", script.replace("# prefix", 'flor.log("probe", first)'))

    report = ask_one(place)

    assert place.values("probe") == place.values("first")
    assert counts(report) == (1, 1, 0, 0)
    assert report["reason"] == ""


def test_without_kept_states_randomness_without_a_seed_is_named_as_the_cause(place: Workplace) -> None:
    script = UNSEEDED.replace("with flor.checkpointing():", "if True:")
    place.run(script)
    probed(place, script, "behind", 'flor.log("probe", total)')

    report = ask_one(place, code=1)

    assert counts(report) == (3, 0, 3, 0)
    assert report["reason"].startswith(f"epoch 1: total {place.values('probe')[0]!r} was ")
    assert "randomness without a seed (Random() in train.py, line 6)" in report["reason"]


def test_to_tell_a_clock_no_more_is_executed_again_than_it_takes(place: Workplace, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    script = f"""
        import time

        import flor

        for epoch in flor.loop("epoch", range(9)):
            with open({str(executed)!r}, "a") as file:
                file.write(".")
            for step in flor.loop("step", range(3)):
                flor.log("seconds", time.perf_counter())
            # behind
        """
    place.run(script)
    probed(place, script, "behind", 'flor.log("probe", epoch)')

    report = ask_one(place)

    assert counts(report) == (9, 0, 0, 9)
    assert 9 + 9 < executed.stat().st_size <= 9 + 9 + 2


def test_a_package_that_has_changed_is_named_as_the_cause(place: Workplace, tmp_path: Path) -> None:
    script = "import flor, scaling\nflor.log('x', scaling.FACTOR * 2)\n# suffix\n"
    path = {"PYTHONPATH": f"{SOURCE}:{_package(tmp_path, '1.0', 1.5)}"}
    place.run(script, env=path)
    place.only_run()
    _package(tmp_path, "2.0", 2.5)
    probed(place, script, "suffix", "flor.log('probe', 1)")

    report = ask_one(place, code=1, **path)

    assert counts(report) == (1, 0, 1, 0)
    assert report["reason"] == "x 5.0 was 3.0; likely cause: scaling 1.0 is now 2.0"


def test_what_diverged_is_asked_again_and_takes_the_place_of_the_wrong_value(
    place: Workplace, tmp_path: Path
) -> None:
    script = "import flor, scaling\nflor.log('x', scaling.FACTOR * 2)\n# suffix\n"
    path = {"PYTHONPATH": f"{SOURCE}:{_package(tmp_path, '1.0', 1.5)}"}
    place.run(script, env=path)
    _package(tmp_path, "2.0", 2.5)
    probed(place, script, "suffix", "flor.log('probe', scaling.FACTOR)")
    ask_one(place, code=1, **path)
    assert place.values("probe") == [2.5]
    _package(tmp_path, "1.0", 1.5)

    report = ask_one(place, **path)

    assert counts(report) == (1, 0, 0, 1)
    assert place.values("probe") == [1.5]
    assert ask_one(place, **path)["reason"] == "it was answered before"


def _package(folder: Path, version: str, factor: float) -> Path:
    """A library of that version, in a folder for PYTHONPATH."""
    place = folder / "libraries"
    for old in place.glob("*.dist-info"):
        (old / "METADATA").unlink()
        old.rmdir()
    about = place / f"scaling-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: scaling\nVersion: {version}\n")
    (place / "scaling.py").write_text(f"FACTOR = {factor}\n")
    return place


BEGAN = """
    import time

    import flor

    with open({path!r}, "a") as file:
        file.write(".")
    began = time.time()
    size = flor.arg("size", 3)
    # prefix
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(size)):
            {use}
    """
USES = {
    'print("after", time.time() - began)': 1,
    'flor.log("late", size + (began < 0))': 1,
    "size += began < 0": 2,
}


@pytest.mark.parametrize("use", USES)
def test_before_the_loop_a_clock_that_nobody_looks_at_is_read_once(
    use: str, place: Workplace, tmp_path: Path
) -> None:
    executed = tmp_path / "executed"
    script = BEGAN.format(path=str(executed), use=use)
    place.run(script, env=KEEP_ALL)
    probed(place, script, "prefix", 'flor.log("probe", size)')

    report = ask_one(place)

    assert counts(report) == (1, 1, 0, 0)
    assert place.values("probe") == [3]
    assert executed.stat().st_size == 1 + USES[use]
