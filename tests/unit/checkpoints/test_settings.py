"""Settings of Python, its library, numpy and torch that a program changes while it runs are state."""

import builtins
import decimal
import gc
import locale
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from flor.checkpoints import environment, settings
from unit.checkpoints.programs import Program, came_back
from unit.checkpoints.project import writer

Names = dict[str, Any]


@pytest.fixture(autouse=True)
def all_as_before() -> Iterator[None]:
    modes = environment.all_modes()
    before = {name: mode.read() for name, mode in modes.items()}
    yield
    for name, mode in modes.items():
        if mode.read() != before[name]:
            mode.set(before[name])


def another_decimal_context() -> None:
    decimal.getcontext().prec = 5
    decimal.getcontext().rounding = decimal.ROUND_UP
    decimal.getcontext().traps[decimal.Inexact] = False
    decimal.getcontext().traps[decimal.DivisionByZero] = False


CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "decimal": (
        another_decimal_context,
        lambda: (Decimal(2) / 3, decimal.getcontext().traps[decimal.DivisionByZero]),
    ),
    "recursion": (partial(sys.setrecursionlimit, 4321), sys.getrecursionlimit),
    "digits": (partial(sys.set_int_max_str_digits, 6000), sys.get_int_max_str_digits),
    "collector": (gc.disable, gc.isenabled),
    "thresholds": (partial(gc.set_threshold, 800, 5, 5), gc.get_threshold),
    "locale": (
        partial(locale.setlocale, locale.LC_NUMERIC, "C.UTF-8"),
        partial(locale.setlocale, locale.LC_NUMERIC),
    ),
    "arrays as text": (partial(np.set_printoptions, precision=2), lambda: repr(np.array([0.12345]))),
    "tensors as text": (partial(torch.set_printoptions, precision=2), lambda: repr(torch.tensor(0.12345))),
    "denormal": (
        partial(torch.set_flush_denormal, True),
        lambda: repr(torch.ones(1, dtype=torch.float64).mul(1e-310)),
    ),
    "mkldnn": (partial(torch._C._set_mkldnn_enabled, False), torch._C._get_mkldnn_enabled),
    "default device": (partial(torch.set_default_device, "meta"), lambda: torch.empty(1).device.type),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_was_changed_is_as_it_was_then(name: str) -> None:
    change, look = CHANGES[name]
    seen: list[object] = []

    def build() -> Names:
        all_modes = environment.all_modes()
        for mode, value in FIRST.items():
            if all_modes[mode].read() != value:
                all_modes[mode].set(value)
        return {"x": 1}

    def changed(names: Names) -> None:
        seen.append(look())
        change()
        seen.append(look())

    for _ in came_back(build, changed):
        assert look() == seen[1] != seen[0]


FIRST = {
    name: mode.read() for name, mode in environment.all_modes().items() if name not in ("cwd", "environ")
}


def test_a_thread_that_did_not_compute_with_decimals_yet_has_no_context_afterwards() -> None:
    import contextvars

    def read() -> tuple[Any, list[str]]:
        settings.decimal_context()
        return settings.decimal_context(), [name.name for name in contextvars.copy_context()]

    state, names = contextvars.Context().run(read)

    assert state[:2] == (28, decimal.ROUND_HALF_EVEN)
    assert names == []


def test_hooks_for_all_modules_cannot_be_put_back() -> None:
    program = Program({"x": 1})
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    kept = program.keep()
    assert program.restore(kept).refused == []

    handle.remove()

    [refused] = program.restore(kept).refused
    assert "hooks that hold for all modules were added or removed" in refused.reason


def test_names_that_a_program_gives_to_all_of_python_are_state() -> None:
    def build() -> Names:
        vars(builtins).pop("everywhere", None)
        return {"x": []}

    def change(names: Names) -> None:
        writer.tell_everywhere(names["x"])

    for program in came_back(build, change):
        assert vars(builtins)["everywhere"] is program.names["x"]
    del vars(builtins)["everywhere"]


def test_a_locale_that_this_machine_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="xx_XX"):
        environment.all_modes()["locale"].set(("xx_XX", "C", "C"))
