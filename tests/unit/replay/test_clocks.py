"""Variables that hold nothing but what a clock told: found where nobody could look at them in another way."""

import pytest

from flor.replay import clocks

SCRIPT = """
import time
from datetime import datetime
import flor
import helper

began = time.time()
since = began
for epoch in flor.loop("epoch", range(3)):
    loss = train()
    flor.log("seconds", time.time() - began)
    print(f"{epoch}: {loss.item():.3f} after {round(time.time() - since, 2)} s")
"""


def explained(text: str, *, probes: tuple[int, ...] = (), **others: str) -> set[str]:
    """What of `began` and `since` is explained."""
    texts = {"train.py": SCRIPT + text, **{f"{name}.py": other for name, other in others.items()}}
    return set(clocks.explained(["began", "since", "model.bias", "loss"], texts, {"train.py": probes}))


def test_what_only_messages_are_made_of_is_explained() -> None:
    assert explained("") == {"began", "since"}
    assert explained("took = 1000 * (time.perf_counter() - began)\nprint('took', int(took))") == {
        "began",
        "since",
    }
    assert explained("import numpy as np\nvars(args)\nmodel.eval()") == {"began", "since"}


@pytest.mark.parametrize(
    "text",
    [
        "state['began'] = began",
        "model.began = began",
        "history.append(began)",
        "seed(int(began))",
        "if time.time() - began > 60:\n    lr = 0.1",
        "def f(began):\n    return 1",
        "def f():\n    return began",
        "both = (began, 1)",
        "began, other = read()",
        "began = read()",
        "began = helper.time()",
        "lr = 0.1 * began\nmodel.step(lr)",
        "flor.log('x', remembered(began))",
        "print(began, file=report)",
        "run(began=1)",
        "if (x := began):\n    pass",
        "globals()['x'] = 1",
        "vars(helper)",
        "getattr(helper, name)",
        "helper.__dict__",
        "import began",
        "time = other",
    ],
)
def test_what_could_be_looked_at_is_not(text: str) -> None:
    assert "began" not in explained(text)


def test_other_files_and_probes_may_look_at_it_too() -> None:
    assert explained("", helper="from train import began\nx = began + offset\n") == set()
    assert explained("flor.log('probe', began)\n") == {"began", "since"}
    assert explained("flor.log('probe', began)\n", probes=(13,)) == set()
