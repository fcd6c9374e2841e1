"""What surrounds a run: machine, interpreter, packages, schedulers. Imports no library to ask it."""

import getpass
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT_PREFIXES = ("SLURM_", "AIRFLOW_CTX_", "TORCHELASTIC_")
KEPT_VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "ATEN_CPU_CAPABILITY", "PYTHONHASHSEED", "PYTHONPATH", "CUBLAS_WORKSPACE_CONFIG",
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "CONDA_DEFAULT_ENV", "VIRTUAL_ENV",
)  # fmt: skip


def at_start(environ: Mapping[str, str]) -> dict[str, Any]:
    """What is known at once when a run starts."""
    kept = {k: v for k, v in environ.items() if k.startswith(KEPT_PREFIXES) or k in KEPT_VARIABLES}
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": sys.platform,
        "machine": os.uname().machine,
        "hash_randomization": sys.flags.hash_randomization,
        "orig_argv": list(sys.orig_argv),
        "variables": kept,
    }


def at_end() -> dict[str, Any]:
    """What is known once the script has loaded its libraries. Never initialises CUDA."""
    torch = sys.modules.get("torch")
    facts: dict[str, Any] = {}
    if torch is not None and hasattr(torch, "get_num_threads"):
        facts["torch"] = str(torch.__version__)
        facts["torch_threads"] = torch.get_num_threads()
        cuda = getattr(torch, "cuda", None)
        if cuda is not None and cuda.is_initialized():
            facts["devices"] = [cuda.get_device_name(i) for i in range(cuda.device_count())]
    return facts


def packages() -> dict[str, str]:
    """Installed distributions and their versions, read off the names of their folders."""
    found: dict[str, str] = {}
    for folder in reversed(sys.path):
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


def user() -> str:
    """The name of the user, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
