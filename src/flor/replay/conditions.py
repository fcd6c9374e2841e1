"""The conditions under which a run took place: what of them is set again, and what has changed. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from flor.record.environment import DEVICES, is_kept, of_devices
from flor.replay.mapping import Relocation

_DROPPED_PREFIXES = ("FLOR_", "GIT_")
_DROPPED = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "DBUS_SESSION_BUS_ADDRESS", "XAUTHORITY")

_QUIET = {
    "FLOR_REPLAY": "1",
    "FLOR_MODE": "off",  # programs that it starts record nothing
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "COMET_START_ONLINE": "false",
    "NEPTUNE_MODE": "offline",
    "CLEARML_OFFLINE_MODE": "1",
    "SWANLAB_MODE": "disabled",
    "DVC_STUDIO_OFFLINE": "true",
    "MPLBACKEND": "Agg",
    "QT_QPA_PLATFORM": "offscreen",
    "SDL_VIDEODRIVER": "dummy",
    "GIT_TERMINAL_PROMPT": "0",
    "PYTHONBREAKPOINT": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONFAULTHANDLER": "1",
}
"""Nobody watches, nobody answers, and nothing is told to the world a second time."""

_THREADS = "OMP_NUM_THREADS"
_CAPABILITY = "ATEN_CPU_CAPABILITY"
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"})
_AVX2 = frozenset({"avx2", "fma"})


def variables(
    recorded: Mapping[str, Any], now: Mapping[str, str], relocation: Relocation, scratch: str
) -> dict[str, str]:
    """The environment variables of a program that is executed again.

    Args:
        recorded: the environment facts of its run.
        now: today's variables. Those that were kept of the run come from there, and are unset if they were.
        scratch: a folder that is deleted afterwards.
    """
    given, asked = recorded.get("variables", {}), recorded.get("asked", ())
    kept = {name: value for name, value in now.items() if not _is_dropped(name) and name not in asked}
    then = {name: relocation.text(value) for name, value in given.items() if name != DEVICES}
    stores = {
        "MLFLOW_TRACKING_URI": f"file://{scratch}/mlruns",
        "COMET_OFFLINE_DIRECTORY": f"{scratch}/comet",
    }
    return {**kept, **then, **of_devices(given, now), **_QUIET, **stores}


def arithmetic(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> dict[str, str]:
    """The variables that make libraries compute as on the machine of the run, as far as this one can.

    Args:
        today: the same facts of this machine, see `facts` in surroundings.py.
    """
    given = recorded.get("variables", {})
    found: dict[str, str] = {}
    if _THREADS not in given and _differ(recorded, today, "cpus"):
        found[_THREADS] = str(recorded.get("torch_threads") or recorded["cpus"])
    capability = str(recorded.get("cpu_capability", "")).lower()
    if capability and _CAPABILITY not in given and capability in _capabilities(today)[1:]:
        found[_CAPABILITY] = capability
    return found


def changes(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """What differs today from the conditions of a run, and may change its results; in words."""
    found = []
    if _differ(recorded, today, "python"):
        found.append(f"Python {recorded['python']} is now {today['python']}")
    found += _packages(recorded.get("packages", {}), today.get("packages", {}))
    for name, words in (("machine", "the processor was"), ("platform", "the system was")):
        if _differ(recorded, today, name):
            found.append(f"{words} {recorded[name]}, and is {today[name]}")
    found += _devices(recorded.get("devices", ()), today.get("devices"))
    found += _processor(recorded, today)
    return found


def unlike(recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> list[str]:
    """What a program computed with that was executed again, and the run did not; in words.

    Args:
        replayed: the same facts as those of the run's end; {} where they are not known.
    """
    found = _devices(recorded.get("devices", ()), replayed.get("devices"))
    if _differ(recorded, replayed, "torch_threads"):
        then, now = recorded["torch_threads"], replayed["torch_threads"]
        found.append(f"torch computed with {then} threads, and now with {now}")
    return found


def _is_dropped(name: str) -> bool:
    return is_kept(name) or name.startswith(_DROPPED_PREFIXES) or name in _DROPPED


def _differ(recorded: Mapping[str, Any], today: Mapping[str, Any], name: str) -> bool:
    """Whether both are known and differ."""
    then, now = recorded.get(name), today.get(name)
    return then is not None and now is not None and then != now


def _packages(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if not then or not now:
        return []
    found = []
    for name, version in sorted(then.items()):
        if name not in now:
            found.append(f"{name} {version} is not installed now")
        elif now[name] != version:
            found.append(f"{name} {version} is now {now[name]}")
    return found


def _devices(then: Sequence[str], now: Sequence[str] | None) -> list[str]:
    missing = sorted(set(then) - set(now or ()))
    if not missing or now is None:
        return []
    return [f"it used {', '.join(missing)}, and here is {', '.join(sorted(set(now))) or 'no such device'}"]


def _processor(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    found = []
    if _differ(recorded, today, "cpus") and _THREADS not in recorded.get("variables", {}):
        cores = f"it had {recorded['cpus']} processor cores, and here are {today['cpus']}"
        found.append(f"{cores}: {recorded.get('torch_threads') or recorded['cpus']} threads are set")
    capability = str(recorded.get("cpu_capability", "")).lower()
    if capability and today.get("cpu_flags") and capability not in _capabilities(today):
        found.append(f"torch computed with {capability.upper()}, which this processor does not have")
    return found


def _capabilities(today: Mapping[str, Any]) -> list[str]:
    """What torch can be told to compute with here, best first. With anything else it would crash."""
    flags = frozenset(today.get("cpu_flags", ()))
    known = (("avx512", _AVX512), ("avx2", _AVX2), ("default", frozenset[str]()))
    return [name for name, needed in known if flags and needed <= flags]
