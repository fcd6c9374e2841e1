"""Devices and threads that are others than in the run: set again where that is possible, else named."""

import os
import re

import pytest

from faults.replaying import ask_one, counts, probed
from flor.record.environment import cpus
from workplace import Workplace

GPU = """
    import os
    import torch
    import flor

    SWITCH = "GPU"  # what a script asks for by a name in quotes, a replay sets as it was
    if SWITCH in os.environ:  # as where there is one, of this name
        torch.cuda.is_initialized = lambda: True
        torch.cuda.device_count = lambda: 1
        torch.cuda.get_device_name = lambda at: "NVIDIA A100"
    flor.log("x", float(os.environ.get(SWITCH, 2)))
    # suffix
    """
THREADS = """
    import os
    import torch
    import flor

    SWITCH = "MINE"
    torch.set_num_threads(int(os.environ.get(SWITCH, 1)))
    x = torch.arange(200_000.0).sin()
    flor.log("threads", torch.get_num_threads())
    flor.log("sum", x.sum().item())
    # suffix
    """


def test_a_device_that_is_not_here_is_named_as_the_cause(place: Workplace) -> None:
    place.run(GPU, env={"GPU": "1"})
    place.only_run()
    probed(place, GPU, "suffix", "flor.log('probe', 1)")

    report = ask_one(place, code=1)

    assert counts(report) == (1, 0, 1, 0)
    cause = "likely cause: it used NVIDIA A100, and here is no such device"
    assert report["reason"] == f"x 2.0 was 1.0; {cause}"


def test_another_number_of_threads_is_named_as_the_cause(place: Workplace) -> None:
    place.run(THREADS, env={"MINE": "2"})
    probed(place, THREADS, "suffix", "flor.log('probe', x.mean().item())")

    report = ask_one(place, code=1)

    assert counts(report) == (1, 0, 1, 0)
    likely = "likely cause: torch computed with 2 threads, and now with 1"
    assert report["reason"].endswith(f"; threads 1 was 2; {likely}")


@pytest.mark.parametrize("given", [{"OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "1"}])
def test_the_number_of_threads_is_set_again(given: dict[str, str], place: Workplace) -> None:
    script = re.sub("torch.set_num_threads.*", "", THREADS)
    place.run(script, env=given)
    probed(place, script, "suffix", "flor.log('probe', torch.get_num_threads())")

    report = ask_one(place, OMP_NUM_THREADS="3")

    assert place.values("probe") == place.values("threads") == [int(given["OMP_NUM_THREADS"])]
    assert report["diverged"] == 0


def test_where_there_are_more_cores_the_threads_are_those_of_the_run(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = re.sub("torch.set_num_threads.*", "", THREADS)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    place.run(script, preexec_fn=_on_one_core)
    probed(place, script, "suffix", "flor.log('probe', torch.get_num_threads())")

    done = place.python("-m", "flor", "replay", "probe", "--yes")

    [row] = place.catalog().entries[0].metadata.answered
    assert (row.obtained, row.diverged) == (1, 0)
    assert place.values("probe") == place.values("threads") == [1]
    assert f"it had 1 processor cores, and here are {cpus()}: 1 threads are set" in done.stdout


def _on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
