"""The machine that was measured on, without its name."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from benchmarks.processes import python_of


def describe() -> dict[str, object]:
    """Cores, memory, versions, and how busy it is."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "git": subprocess.run(
            ["git", "--version"], check=True, capture_output=True, text=True
        ).stdout.split()[2],
        "packages": {name: _version(name) for name in ("numpy", "pyarrow", "pandas", "duckdb", "torch")},
        "peers": {name: _peer_version(name) for name in ("tensorboard", "mlflow")},
    }


def in_words(facts: dict[str, object]) -> str:
    """One sentence for people."""
    return (
        f"{facts['cores']} cores ({facts['processor']}), {facts['memory_gib']} GiB, {facts['system']}, "
        f"Python {facts['python']}, load {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _peer_version(peer: str) -> str | None:
    python = python_of(peer)
    if python is None:
        return None
    asked = [python, "-c", f"from importlib.metadata import version; print(version({peer!r}))"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
