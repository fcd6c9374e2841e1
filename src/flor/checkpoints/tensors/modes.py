"""torch's settings that change results, and its global random generators."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from flor.checkpoints.environment import Mode
from flor.checkpoints.tensors.dense import DTYPES

_FLAGS = {
    "mkldnn": "mkldnn_enabled",
    "fill_uninitialized": "deterministic_fill_uninitialized_memory",
    "cudnn.enabled": "cudnn_enabled",
    "cudnn.benchmark": "cudnn_benchmark",
    "cudnn.deterministic": "cudnn_deterministic",
    "cuda.flash_sdp": "flash_sdp_enabled:sdp_use_flash",
    "cuda.mem_efficient_sdp": "mem_efficient_sdp_enabled:sdp_use_mem_efficient",
    "cuda.math_sdp": "math_sdp_enabled:sdp_use_math",
}
"""Switches of torch._C: one name for both get and set, or one each."""


def torch_modes() -> dict[str, Mode]:
    """The settings, by name."""
    core = torch._C
    modes = {
        "torch.grad": Mode(torch.is_grad_enabled, core._set_grad_enabled),
        "torch.default_dtype": Mode(lambda: DTYPES[torch.get_default_dtype()], _set_default_dtype),
        "torch.threads": Mode(torch.get_num_threads, torch.set_num_threads),
        "torch.deterministic": Mode(_deterministic, _set_deterministic),
        "torch.matmul_precision": Mode(_matmul_precision, torch.set_float32_matmul_precision),
        "torch.cudnn.allow_tf32": Mode(_cudnn_tf32, _set_cudnn_tf32),
        "torch.anomaly": Mode(torch.is_anomaly_enabled, _set_anomaly),
        "torch.default_device": Mode(_default_device, torch.set_default_device),
        "torch.printing": Mode(_printing, _set_printing),
        "torch.global_hooks": Mode(_global_hooks, _set_global_hooks),
        "torch.flush_denormal": Mode(_flushes_denormal, torch.set_flush_denormal),
        "torch.autocast_cache": Mode(torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    }
    for device in ("cpu", "cuda"):
        modes[f"torch.autocast.{device}"] = Mode(partial(_autocast, device), partial(_set_autocast, device))
    for name, switch in _FLAGS.items():
        read, _, write = switch.partition(":")
        modes[f"torch.{name}"] = Mode(_c_function("_get_", read), _c_function("_set_", write or read))
    return modes


def _c_function(prefix: str, name: str) -> Callable[..., Any]:
    return getattr(torch._C, prefix + name, None) or _absent


def _absent(*values: Any) -> None:
    """A switch that this version of torch does not have."""


def _set_default_dtype(name: str) -> None:
    torch.set_default_dtype(getattr(torch, name))


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(state: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(state[0], warn_only=state[1])


def _default_device() -> str | None:
    found = getattr(sys.modules.get("torch.utils._device"), "CURRENT_DEVICE", None)
    return None if found is None else str(found)


def _printing() -> tuple[Any, ...]:
    options = torch._tensor_str.PRINT_OPTS
    return tuple(getattr(options, name) for name in _PRINT_OPTIONS)


def _set_printing(state: tuple[Any, ...]) -> None:
    for name, value in zip(_PRINT_OPTIONS, state, strict=True):
        setattr(torch._tensor_str.PRINT_OPTS, name, value)


_PRINT_OPTIONS = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")


def _global_hooks() -> tuple[tuple[str, int], ...]:
    """How many hooks hold for all modules, by their kind."""
    kept = vars(torch.nn.modules.module)
    return tuple((name, len(kept[name])) for name in _HOOKS if name in kept)


def _set_global_hooks(state: tuple[tuple[str, int], ...]) -> None:
    raise ValueError("hooks that hold for all modules were added or removed since the first header")


_KINDS_OF_HOOKS = ("forward", "forward_pre", "backward", "backward_pre")
_REGISTRATIONS = ("buffer_registration", "module_registration", "parameter_registration")
_HOOKS = tuple(f"_global_{name}_hooks" for name in (*_KINDS_OF_HOOKS, *_REGISTRATIONS))

_SMALLEST_NORMAL = sys.float_info.min


def _flushes_denormal() -> bool:
    """torch does not tell; it is a setting of the processor for this thread, which Python's floats show."""
    return _SMALLEST_NORMAL * 0.5 == 0.0


def _set_anomaly(state: bool) -> None:
    torch.set_anomaly_enabled(state, torch.is_anomaly_check_nan_enabled())


def _matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # set by the newer interface, which the older one refuses to read
        return ""


def _cudnn_tf32() -> bool | None:
    try:
        return bool(torch._C._get_cudnn_allow_tf32())
    except RuntimeError:
        return None


def _set_cudnn_tf32(state: bool | None) -> None:
    if state is not None:
        torch._C._set_cudnn_allow_tf32(state)


def _autocast(device: str) -> tuple[bool, str]:
    return torch.is_autocast_enabled(device), DTYPES[torch.get_autocast_dtype(device)]


def _set_autocast(device: str, state: tuple[bool, str]) -> None:
    torch.set_autocast_enabled(device, state[0])
    torch.set_autocast_dtype(device, getattr(torch, state[1]))
