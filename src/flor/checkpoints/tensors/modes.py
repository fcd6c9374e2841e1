"""torch's settings that change results, and its global random generators."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from flor.checkpoints.environment import Mode
from flor.checkpoints.tensors.dense import DTYPES

_FLAGS = {
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
