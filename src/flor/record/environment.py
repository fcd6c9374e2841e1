"""What surrounds a run: machine, interpreter, packages, schedulers. Imports no library to ask it."""

import getpass
import os
import platform
import re
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_OF_SCHEDULERS = ("SLURM_", "AIRFLOW_CTX_", "TORCHELASTIC_")
_OF_COMPUTING = (
    "PYTHON", "TORCH_", "PYTORCH_", "CUDA_", "CUBLAS_", "CUDNN_", "ATEN_", "OMP_", "GOMP_", "KMP_", "MKL_",
    "OPENBLAS_", "NUMEXPR_", "JAX_", "XLA_", "TF_",
)  # fmt: skip
_ALSO_OF_COMPUTING = ("NVIDIA_TF32_OVERRIDE", "TOKENIZERS_PARALLELISM", "LANG", "LC_ALL", "TZ")
_ALSO_KEPT = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "CONDA_DEFAULT_ENV", "VIRTUAL_ENV")
DEVICES = "CUDA_VISIBLE_DEVICES"
_NO_DEVICES = ("", "-1")
_STARTTIME = 19  # of /proc/PID/stat, counted behind the name; in ticks since the machine was started
_SECRET = re.compile("^TF_VAR_|TOKEN|SECRET|PASSW|CREDENTIAL|JWT|_KEY")
"""Such as Slurm's SLURM_JWT; Terraform's variables, too, begin as TensorFlow's do."""


_OF_USERS = frozenset(
    {"HOME", "PATH", "PWD", "USER", "LOGNAME", "SHELL", "TERM", "HOSTNAME", "TMPDIR", DEVICES}
)
"""What says who and where somebody is: no program computes anything else with it."""
_PRIVATE = re.compile(
    "KEY|PASS|PWD|AUTH|UR[IL]|DSN|CONN|COOKIE|SESSION|PRIVATE|CERT|HOOK|LOGIN|MAIL|USER|ACCOUNT"
)
"""What a program's own variables may be called that hold a secret, or an address with one in it."""
_ASKED = re.compile(r"""(?:environ\s*(?:\.\s*(?:get|pop|setdefault)\s*\(|\[)|getenv\s*\()\s*["'](\w+)["']""")


def first_variables() -> dict[str, str]:
    """The variables that the process was started with: libraries set others when they are imported."""
    from flor.checkpoints.environment import first_environ

    return {os.fsdecode(name): os.fsdecode(value) for name, value in first_environ().items()}


def asked_for(texts: Iterable[str]) -> list[str]:
    """The variables that a program of these texts reads by their names; none that could be a secret."""
    found = {name for text in texts for name in _ASKED.findall(text)} - _OF_USERS
    return sorted(name for name in found if not is_kept(name) and not _may_be_secret(name.upper()))


def _may_be_secret(name: str) -> bool:
    return bool(_SECRET.search(name) or _PRIVATE.search(name))


def at_start(environ: Mapping[str, str], asked: Collection[str] = ()) -> dict[str, Any]:
    """What is known at once when a run starts.

    Args:
        asked: further variables that the program reads.
    """
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": sys.platform,
        "machine": os.uname().machine,
        "cpus": cpus(),
        "startup_s": round(age_of_process_s(), 3),
        "hash_randomization": sys.flags.hash_randomization,
        "orig_argv": list(sys.orig_argv),
        "variables": {name: value for name, value in environ.items() if is_kept(name) or name in asked},
        "asked": list(asked),
    }


def is_kept(name: str) -> bool:
    """Whether a variable says something of how results come about, and none that could be a secret."""
    return changes_results(name) or name in _ALSO_KEPT or name == DEVICES or _begins(name, _OF_SCHEDULERS)


def changes_results(name: str) -> bool:
    """Whether Python or a library that computes does something else for another value of a variable."""
    return name != DEVICES and (name in _ALSO_OF_COMPUTING or _begins(name, _OF_COMPUTING))


def _begins(name: str, prefixes: tuple[str, ...]) -> bool:
    return name.startswith(prefixes) and not _SECRET.search(name)


def of_devices(recorded: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Which devices a program may use that is executed again: today's, or none where it used none."""
    asked = recorded if recorded.get(DEVICES) in _NO_DEVICES else now
    return {DEVICES: asked[DEVICES]} if DEVICES in asked else {}


def at_end() -> dict[str, Any]:
    """What is known once the script has loaded its libraries. Never initialises CUDA."""
    torch = sys.modules.get("torch")
    facts: dict[str, Any] = {"peak_memory_bytes": _peak_memory_bytes()}
    if torch is not None and hasattr(torch, "get_num_threads"):
        facts["torch"] = str(torch.__version__)
        facts["torch_threads"] = torch.get_num_threads()
        backend = getattr(getattr(torch, "backends", None), "cpu", None)
        if backend is not None:
            facts["cpu_capability"] = backend.get_cpu_capability()
        cuda = getattr(torch, "cuda", None)
        if cuda is not None and cuda.is_initialized():
            facts["devices"] = [cuda.get_device_name(i) for i in range(cuda.device_count())]
    return facts


def age_of_process_s() -> float:
    """How long ago this process began; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
        began_s = int(fields[_STARTTIME]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - began_s, 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def cpus() -> int:
    """The processor cores that this process may use: libraries take as many threads."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def packages(path: Sequence[str] | None = None) -> dict[str, str]:
    """Installed distributions and their versions, read off the names of their folders.

    Args:
        path: folders to search; None: those of this process.
    """
    found: dict[str, str] = {}
    for folder in reversed(sys.path if path is None else path):
        found.update(_distributions(Path(folder or ".")))
    return dict(sorted(found.items()))


def _distributions(folder: Path) -> dict[str, str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    stems = [name.rpartition(".")[0] for name in names if name.endswith((".dist-info", ".egg-info"))]
    pairs = (stem.split("-")[:2] for stem in stems if "-" in stem)
    return {name.replace("_", "-").lower(): version for name, version in pairs}


def _peak_memory_bytes() -> int:
    """The memory that this process, or the largest of its children, has had at a time."""
    import resource

    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(each).ru_maxrss for each in whose)


def user() -> str:
    """The name of the user, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
