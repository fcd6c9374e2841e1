"""What it costs to carry one probe into an old version of a large file."""

import re
from collections.abc import Iterator
from statistics import median
from time import perf_counter, process_time

from benchmarks.figures import Figure
from benchmarks.scratch import Bench
from flor.replay import probes, rewrite, trees
from flor.replay.propagation import agreement, propagate, statements

LINES = 1_500
GOAL_S = 0.05
_PART = """\
def part_{number}({model}, data, optimizer):
    \"\"\"Part {number} of the training.\"\"\"
    total_{number} = 0.0
    for step, (x, y) in enumerate(flor.loop("step_{number}", data)):
        optimizer.zero_grad()
        out_{number} = {model}(x + {number})
        {loss} = criterion_{kind}(out_{number}, y, reduction="mean", weight={number}.5)
        {loss}.backward()
{clipping}{probe}        optimizer.step()
        total_{number} += {loss}.item() * x.size(0)
        if step % {interval} == 0:
            print("part {number}", step, {loss}.item())
    return total_{number} / len(data.dataset)


"""
_PROBE = """\
        norm = {model}.fc.weight.grad.norm()
        flor.log("norm", norm.item())
"""


def figures(bench: Bench) -> Iterator[Figure]:
    """One probe, with the line that computes it, into versions that differ more and more."""
    today = _script(probe_at=40)
    versions = {
        "nothing else changed": _script(),
        "a third of the functions changed": _script(is_changed=True),
        "two variables renamed throughout": _script(model="net", loss="cost"),
        "both": _script(model="net", loss="cost", is_changed=True),
    }
    for name, version in versions.items():
        yield _figure(name, today, version, bench.pick(15, 3))
    yield _rewriting(today, bench.pick(15, 3))


def _figure(name: str, today: str, version: str, rounds: int) -> Figure:
    now, before = {"train.py": today}, {"train.py": version}
    walls, cpus, finding, again = [], [], [], []
    for _ in range(rounds):
        _forget()
        wall = perf_counter()
        asked = probes.find(now, ["norm"])
        finding.append(perf_counter() - wall)
        wall, cpu = perf_counter(), process_time()
        found = propagate(asked, now, before)
        walls.append(perf_counter() - wall)
        cpus.append(process_time() - cpu)
        _forget()
        statements.read("train.py", today)
        wall = perf_counter()
        propagate(asked, now, before)
        again.append(perf_counter() - wall)
        if len(found.patches) != 1:
            raise RuntimeError(f"the probe has no place: {found.refusals}")
    return Figure(
        f"one probe into a file of {version.count(chr(10)):,} lines; {name}",
        median(walls),
        "s",
        GOAL_S,
        cpu_s=median(cpus),
        note=f"{median(finding) * 1e3:.0f} ms to find it; {median(again) * 1e3:.0f} ms for a further version",
    )


def _rewriting(text: str, rounds: int) -> Figure:
    """What a replay's start takes for a file with loops: nine of them are the run's."""
    text = re.sub(r'flor\.loop\("step_\d\d+", data\)', "data", text)
    walls, cpus = [], []
    for _ in range(rounds):
        _forget()
        wall, cpu = perf_counter(), process_time()
        rewrite.rewrite(text, "train.py")
        walls.append(perf_counter() - wall)
        cpus.append(process_time() - cpu)
    name = f"a file of {text.count(chr(10)):,} lines with nine loops made ready to be entered"
    return Figure(name, median(walls), "s", 0.1, cpu_s=median(cpus))


def _forget() -> None:
    """Let nothing be known from a round before."""
    for cached in (statements.read, agreement.anchors, trees.parsed):
        cached.cache_clear()


def _script(model: str = "model", loss: str = "loss", probe_at: int = 0, is_changed: bool = False) -> str:
    """A file of many functions that train something."""
    parts = ["import flor\nimport torch\n\n\n"]
    lines = number = 0
    while lines < LINES:
        number += 1
        clips = not is_changed or number % 3
        text = _PART.format(
            number=number,
            kind=number % 7,
            interval=number + 5,
            model=model,
            loss=loss,
            clipping=f"        torch.nn.utils.clip_grad_norm_({model}.parameters(), {number})\n"
            if clips
            else "",
            probe=_PROBE.format(model=model) if number == probe_at else "",
        )
        parts.append(text)
        lines += text.count("\n")
    return "".join(parts)
