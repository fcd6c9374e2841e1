"""Settings: default, `[tool.flor]` in pyproject.toml, environment, argument, in rising order.

The only module that reads `FLOR_*` settings from the environment.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from flor.errors import FlorError

ECHO_CHOICES = ("auto", "off", "all")
_TRUE = {"1", "true", "yes", "y", "on"}
_FALSE = {"0", "false", "no", "n", "off", ""}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force, and where each came from."""

    mode: str = "on"  # "off": every call returns its value and nothing is written
    home: str = ""  # folder for the stores of all projects; "": .flor in the project
    switch: bool = False  # check out flor.shadow, as FlorDB 3.x did
    capture: bool = False  # keep console output
    echo: str = "auto"  # "auto": about 20 lines a second; "off"; "all"
    strict: bool = False  # raise on a fault inside FlorDB instead of warning
    exclude: tuple[str, ...] = ()  # further file patterns never committed unless tracked
    epsilon: float = 0.02  # tolerated overhead of checkpoints
    storage_budget_gb: float = 20.0  # for checkpoints, per project
    mount: bool = True  # a replay mounts old code over the project for its own processes, where it may
    sources: Mapping[str, str] = field(default_factory=dict)  # setting -> "default", a file, a variable


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise ValueError("expected yes or no")


def _mode(text: str) -> str:
    return "off" if text.strip().lower() in {"off", "0", "no", "false"} else "on"


def _echo(text: str) -> str:
    lowered = text.strip().lower()
    if lowered in ECHO_CHOICES:
        return lowered
    raise ValueError("expected " + ", ".join(ECHO_CHOICES))


_PARSERS: dict[str, Callable[[str], Any]] = {
    "mode": _mode,
    "home": str,
    "switch": _flag,
    "capture": _flag,
    "echo": _echo,
    "strict": _flag,
    "exclude": lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
    "epsilon": float,
    "storage_budget_gb": float,
    "mount": _flag,
}
SETTINGS = tuple(f.name for f in fields(Config) if f.name != "sources")


def resolve(project_folder: Path | None, environ: Mapping[str, str], **arguments: Any) -> Config:
    """The settings for a project.

    Args:
        project_folder: the folder whose pyproject.toml may hold `[tool.flor]`; None reads no file.
        environ: usually `os.environ`.
        arguments: settings given in code; they win.

    Raises:
        FlorError: a value cannot be read; the message names the setting and its source.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(SETTINGS, "default")
    for name, raw, source in _given(project_folder, environ):
        values[name] = _parse(name, raw, source)
        sources[name] = source
    for name, value in arguments.items():
        values[name] = value
        sources[name] = "argument"
    return Config(**values, sources=sources)


def tool_table(project_folder: Path) -> dict[str, Any] | None:
    """`[tool.flor]` of the folder's pyproject.toml, or None where there is none."""
    path = project_folder / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("flor")
    except (OSError, UnicodeDecodeError):
        return None
    except tomllib.TOMLDecodeError as error:
        raise FlorError(f"{path} is not valid TOML: {error}", "Correct the file.") from error
    return table if isinstance(table, dict) else None


def _given(project_folder: Path | None, environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    table = (tool_table(project_folder) if project_folder else None) or {}
    found = [(name, table[name], f"{project_folder}/pyproject.toml") for name in SETTINGS if name in table]
    for name in SETTINGS:
        variable = f"FLOR_{name.upper()}"
        if variable in environ:
            found.append((name, environ[variable], variable))
    return found


def _parse(name: str, raw: Any, source: str) -> Any:
    text = ",".join(map(str, raw)) if isinstance(raw, list) else str(raw)
    try:
        return _PARSERS[name](text)
    except ValueError as error:
        hint = f"Correct or remove `{name}` there."
        raise FlorError(f"Setting {name} = {text!r} from {source} cannot be read: {error}.", hint) from error
