"""The conditions of a run: what is set again, and what has changed."""

from flor.replay import conditions
from flor.replay.mapping import Relocation

MOVED = Relocation(("/home/ada/project",), "/tree")
THEN = {
    "python": "3.11.4",
    "machine": "x86_64",
    "platform": "linux",
    "cpus": 8,
    "torch_threads": 4,
    "cpu_capability": "AVX2",
    "devices": ["NVIDIA A100"],
    "packages": {"torch": "2.4.0", "numpy": "2.0.0", "wandb": "0.17"},
    "variables": {"PYTHONHASHSEED": "7", "PYTHONPATH": "/home/ada/project/src:lib"},
}
AVX512 = ["fma", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"]


def test_variables_that_change_results_are_as_they_were_and_others_as_they_are() -> None:
    now = {"HOME": "/home/ada", "OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "1", "SLURM_JOB_ID": "9"}

    found = conditions.variables(THEN, now, MOVED, "/scratch")

    assert found["HOME"] == "/home/ada"
    assert found["PYTHONHASHSEED"] == "7"
    assert found["PYTHONPATH"] == "/tree/src:lib"
    assert "OMP_NUM_THREADS" not in found
    assert "SLURM_JOB_ID" not in found


def test_devices_are_those_given_today_unless_none_were_to_be_used() -> None:
    def given(then: str, **now: str) -> str | None:
        recorded = {"variables": {"CUDA_VISIBLE_DEVICES": then}}
        return conditions.variables(recorded, now, MOVED, "/scratch").get("CUDA_VISIBLE_DEVICES")

    assert given("3", CUDA_VISIBLE_DEVICES="0") == "0"
    assert given("3") is None
    assert given("", CUDA_VISIBLE_DEVICES="0") == ""
    assert given("-1") == "-1"


def test_nobody_is_asked_and_no_tracker_is_told() -> None:
    now = {"DISPLAY": ":0", "WANDB_MODE": "online", "GIT_DIR": "/x/.git", "FLOR_RUN": "1"}

    found = conditions.variables(THEN, now, MOVED, "/scratch")

    assert found["FLOR_REPLAY"] == "1"
    assert found["WANDB_MODE"] == "disabled"
    assert found["MLFLOW_TRACKING_URI"] == "file:///scratch/mlruns"
    assert found["MPLBACKEND"] == "Agg"
    assert not {"DISPLAY", "GIT_DIR", "FLOR_RUN"} & set(found)


def test_threads_are_set_where_the_machine_has_another_number_of_cores() -> None:
    assert conditions.arithmetic(THEN, {"cpus": 2})["OMP_NUM_THREADS"] == "4"
    assert conditions.arithmetic(THEN, {"cpus": 8}) == {}
    given = {**THEN, "variables": {"OMP_NUM_THREADS": "1"}}
    assert conditions.arithmetic(given, {"cpus": 2}) == {}
    assert conditions.arithmetic({}, {"cpus": 2}) == {}


def test_torch_is_told_to_compute_as_then_and_never_what_the_processor_cannot() -> None:
    then = {"cpu_capability": "AVX2"}
    assert conditions.arithmetic(then, {"cpu_flags": AVX512}) == {"ATEN_CPU_CAPABILITY": "avx2"}
    assert conditions.arithmetic(then, {"cpu_flags": ["avx2", "fma"]}) == {}
    assert conditions.arithmetic({"cpu_capability": "AVX512"}, {"cpu_flags": ["avx2", "fma"]}) == {}
    assert conditions.arithmetic({"cpu_capability": "AVX512"}, {"cpu_flags": []}) == {}


def test_each_change_is_named() -> None:
    today = {
        "python": "3.12.1",
        "machine": "x86_64",
        "platform": "linux",
        "cpus": 2,
        "cpu_flags": ["sse"],
        "devices": [],
        "packages": {"torch": "2.5.0", "numpy": "2.0.0", "scipy": "1"},
    }

    assert conditions.changes(THEN, today) == [
        "Python 3.11.4 is now 3.12.1",
        "torch 2.4.0 is now 2.5.0",
        "wandb 0.17 is not installed now",
        "it used NVIDIA A100, and here is no such device",
        "it had 8 processor cores, and here are 2: 4 threads are set",
        "torch computed with AVX2, which this processor does not have",
    ]


def test_the_same_conditions_are_no_change() -> None:
    today = {key: value for key, value in THEN.items() if key not in ("variables", "cpu_capability")}

    assert conditions.changes(THEN, today) == []
    assert conditions.changes({}, today) == []
    assert conditions.changes(THEN, {**today, "devices": None}) == []


def test_what_a_program_computed_with_is_compared_as_far_as_it_is_known() -> None:
    assert conditions.unlike(THEN, {}) == []
    assert conditions.unlike({}, {"torch_threads": 2, "devices": ["NVIDIA A100"]}) == []
    assert conditions.unlike(THEN, {"torch_threads": 4, "devices": ["NVIDIA A100"]}) == []
    assert conditions.unlike(THEN, {"torch_threads": 1, "devices": ["NVIDIA H100"]}) == [
        "it used NVIDIA A100, and here is NVIDIA H100",
        "torch computed with 4 threads, and now with 1",
    ]
