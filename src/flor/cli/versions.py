"""The versions of everything a report should name."""

import platform
from importlib import metadata

DISTRIBUTION = "flordb"
DEPENDENCIES = ("numpy", "pyarrow", "duckdb", "pandas", "msgspec", "xxhash", "safetensors", "tqdm")
OPTIONAL = ("torch", "ipython")


def own() -> str:
    """The version of FlorDB; "unknown" where it runs without being installed."""
    return of(DISTRIBUTION) or "unknown"


def of(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def installed() -> dict[str, str | None]:
    """FlorDB, Python, the platform, and every dependency (None: not installed)."""
    known = {"flordb": own(), "python": platform.python_version(), "platform": platform.platform()}
    optional = {name: of(name) for name in OPTIONAL if of(name)}
    return {**known, **{name: of(name) for name in DEPENDENCIES}, **optional}
