"""Values on their way from a device keep their place among the others, and stall nobody."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from flor.checkpoints.torch import DeviceReader
from flor.record.arrivals import lies_on_device

RUN = """
import os, signal, sys, threading, time
import flor
from flor.entities import Kind
from flor.record.context import current

class Device:
    \"\"\"Values arrive when it is told so.\"\"\"
    def __init__(self):
        self.is_done = False
    def copy(self, kind, payload):
        return lambda: (kind, payload) if self.is_done else None

def defer(name, arrival):
    node = current.get()
    root = node
    while root.parent is not None:
        root = root.parent
    root.run.spool.defer(node, name, arrival, time.time_ns())

device = Device()
flor.log("first", 0)
"""


def test_values_stand_in_the_order_of_their_calls(place) -> None:
    place.run(
        RUN
        + """
for epoch in flor.loop("epoch", range(3)):
    defer("loss", device.copy(Kind.FLOAT, epoch / 2))
    flor.log("lr", 0.1)
    defer("list", device.copy(Kind.JSON, b"[1,2]"))
flor.log("last", 1)
device.is_done = True
"""
    )

    rows = [row for row in place.rows() if row.source == "log"]
    expected = [name for _ in range(3) for name in ("loss", "lr", "list")]
    assert [row.name for row in rows] == ["first", *expected, "last"]
    assert place.values("loss") == [0.0, 0.5, 1.0]
    assert place.values("list") == [[1, 2]] * 3
    assert place.frame("loss", "lr")["epoch"].tolist() == [1, 2, 3]


def test_a_value_that_never_arrives_is_all_that_a_kill_loses(place) -> None:
    place.write(
        "train.py",
        RUN
        + """
defer("lost", device.copy(Kind.FLOAT, 1.0))
flor.log("kept", 2.0)
done = Device(); done.is_done = True
defer("arrived", done.copy(Kind.FLOAT, 3.0))
time.sleep(1.0)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    place.python("train.py", code=-9)

    [run] = place.catalog().runs
    assert (run.status.value, run.values) == ("interrupted", {"first": 0, "kept": 2.0, "arrived": 3.0})


def test_the_end_waits_for_what_is_on_its_way(place) -> None:
    place.run(
        RUN
        + """
defer("late", device.copy(Kind.INT, 7))
timer = threading.Timer(1.0, lambda: setattr(device, "is_done", True))
timer.daemon = True
timer.start()
"""
    )

    assert place.values("late") == [7]


def test_the_end_does_not_wait_for_ever(place) -> None:
    place.run(
        RUN
        + """
from flor.record import process_run
assert process_run.ARRIVAL_TIMEOUT_S == 10
process_run.ARRIVAL_TIMEOUT_S = 0.5
defer("lost", device.copy(Kind.INT, 7))
flor.log("kept", 8)
"""
    )

    assert place.only_run().values == {"first": 0, "kept": 8}
    assert place.statuses() == ["finished"]


def test_a_value_is_shown_once_it_has_arrived(place) -> None:
    shown = place.run(
        RUN
        + """
for epoch in flor.loop("epoch", range(1)):
    defer("loss", device.copy(Kind.FLOAT, 0.5))
    flor.log("next", 1)
device.is_done = True
""",
        env={"FLOR_ECHO": "all"},
    ).stdout.splitlines()

    assert shown.index("epoch: 0, next: 1") < shown.index("epoch: 0, loss: 0.5")


def test_a_device_that_fails_costs_one_value_and_a_warning(place) -> None:
    done = place.run(
        RUN
        + """
def broken():
    raise RuntimeError("device-side assert")
defer("lost", broken)
flor.log("kept", 2.0)
"""
    )

    assert "device-side assert" in done.stderr
    assert place.only_run().values == {"first": 0, "kept": 2.0}
    assert place.statuses() == ["finished"]


def _like(value: Any, **changed: Any) -> Any:
    """A tensor that says something else of itself."""
    kind = type("Tensor", (), {"__module__": "torch"})
    made = kind()
    facts = {"device": value.device, "layout": value.layout, "is_quantized": False, "numel": value.numel}
    for name, fact in (facts | changed).items():
        setattr(made, name, fact)
    return made


CUDA = SimpleNamespace(type="cuda")


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        (_like(torch.zeros(()), device=CUDA), True),
        (_like(torch.zeros(1_000), device=CUDA), True),
        (_like(torch.zeros(1_001), device=CUDA), False),
        (_like(torch.zeros(()), device=CUDA, layout=torch.sparse_coo), False),
        (_like(torch.zeros(()), device=CUDA, is_quantized=True), False),
        (torch.zeros(()), False),
        (torch.nn.Parameter(torch.zeros(3)), False),
        (torch.float32, False),
        (torch.device("cuda"), False),
        ("text", False),
        (None, False),
    ],
)
def test_only_small_plain_tensors_on_a_device_are_waited_for(value, is_so) -> None:
    assert lies_on_device(value) == is_so


class FakeCuda:
    """What `torch.cuda` does, on a machine without: events happen when they are told to."""

    def __init__(self) -> None:
        self.events: list[FakeCuda.Event] = []
        outer = self

        class Event:
            def __init__(self) -> None:
                self.has_happened = False
                outer.events.append(self)

            def record(self) -> None:
                return None

            def query(self) -> bool:
                return self.has_happened

        self.Event = Event

    def device(self, device: Any) -> Any:
        return torch.device("cpu")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake, empty = FakeCuda(), torch.empty

    def without_pinning(*shape: Any, pin_memory: bool, **facts: Any) -> Any:
        return empty(*shape, **facts)

    monkeypatch.setattr(torch, "cuda", fake)
    monkeypatch.setattr(torch, "empty", without_pinning)
    return fake


def test_a_copy_is_read_when_its_event_has_happened_and_its_memory_used_again(cuda) -> None:
    reader = DeviceReader()
    tensor = torch.tensor(1.5)
    seen: list[int] = []

    def read(host: Any) -> float:
        seen.append(host.data_ptr())
        return float(host)

    arrivals: list[Callable[[], float | None]] = [reader.start_copy(tensor, read)]
    tensor.fill_(2.5)
    arrivals.append(reader.start_copy(tensor, read))

    assert [arrived() for arrived in arrivals] == [None, None]
    cuda.events[0].has_happened = cuda.events[1].has_happened = True
    assert [arrived() for arrived in arrivals] == [1.5, 2.5]
    third = reader.start_copy(torch.tensor(3.5), read)
    cuda.events[2].has_happened = True
    assert third() == 3.5
    assert seen[0] != seen[1]
    assert seen[2] in seen[:2]


@pytest.mark.parametrize("values", [0.0, [0.0, 0.0], [[1, 2], [3, 4]], []])
def test_copies_of_any_shape_use_their_memory_again(cuda, values) -> None:
    reader, seen = DeviceReader(), []

    def read(host: Any) -> Any:
        seen.append(host.data_ptr())
        return host.tolist()

    for _ in range(2):
        arrived = reader.start_copy(torch.tensor(values), read)
        cuda.events[-1].has_happened = True
        assert arrived() == values

    assert seen[0] == seen[1]


def test_no_device_is_asked_for_by_a_script_that_has_none(place) -> None:
    place.run(
        """
        import flor, sys, torch
        flor.log("loss", torch.tensor(0.5))
        flor.log("list", torch.arange(3))
        assert not torch.cuda.is_initialized()
        assert "flor.checkpoints.torch" not in sys.modules
        """
    )

    assert place.values("loss") == [0.5]
