"""What may have made a program come out differently: named where its text shows it, or its surroundings."""

import pytest

from flor.replay import causes


@pytest.mark.parametrize(
    "text",
    [
        "rng = np.random.default_rng()",
        "rng = np.random.default_rng(seed=None)",
        "random.seed()",
        "key = os.urandom(8)",
        "name = uuid.uuid4().hex",
        "rng = random.SystemRandom()",
    ],
)
def test_randomness_that_no_seed_decides_is_found(text: str) -> None:
    [found] = causes.unseeded({"train.py": f"import os\n{text}\n", "broken.py": "def ("})

    assert found.startswith("randomness without a seed (")
    assert found.endswith(" in train.py, line 2)")


@pytest.mark.parametrize("text", ["default_rng(7)", "random.seed(seed)", "Random(x=1)", "random.random()"])
def test_what_has_a_seed_is_none(text: str) -> None:
    assert causes.unseeded({"train.py": text}) == []


def test_what_has_changed_comes_first_and_each_once() -> None:
    texts = {"train.py": "import random\nrng = random.Random()\n"}

    assert causes.likely(["numpy 1 is now 2", "numpy 1 is now 2"], texts) == (
        "likely cause: numpy 1 is now 2, randomness without a seed (Random() in train.py, line 2)"
    )
    assert causes.likely([], {}) == "nothing is known that has changed since"


CLOCKS = """
began = time.perf_counter()
self.started = datetime.now()
loss = model(batch)
took = round(1000 * (time.perf_counter() - began))
took_more = took + 1
flor.log("a", took_more)
flor.log("b", loss)
flor.log("c", self.started)
flor.log("d", self.model)
flor.log("e", uuid4())
"""


@pytest.mark.parametrize(
    ("line", "expected"), [(7, True), (8, False), (9, True), (10, False), (11, True)], ids="abcde"
)
def test_what_may_hold_a_clock_is_found_by_the_names_that_it_came_through(line: int, expected: bool) -> None:
    assert causes.depend_on_clocks({"train.py": CLOCKS}, {"train.py": {line}}) is expected
