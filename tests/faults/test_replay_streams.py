"""What a logger writes into holds all that was logged, though no line of a loop mentions it."""

import pytest

from faults.replaying import KEEP_ALL, ask_one, probed
from workplace import Workplace

SCRIPT = """
    import io
    import logging
    import logging.handlers

    import flor

    stream = io.StringIO()
    memory = logging.handlers.MemoryHandler(1000)
    logger = logging.getLogger("train")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.StreamHandler(stream))
    logger.addHandler(memory)
    total = 0
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(4)):
            total += epoch
            logger.info("%d", total)
            # inside
            flor.log("total", total)
    # behind
    """


@pytest.mark.parametrize(
    ("where", "probe", "wanted"),
    [
        ("behind", 'flor.log("probe", stream.getvalue())', ["0\n1\n3\n6\n"]),
        ("inside", 'flor.log("probe", len(stream.getvalue()))', [2, 4, 6, 8]),
        ("behind", 'flor.log("probe", len(memory.buffer))', [4]),
        ("inside", 'flor.log("probe", len(memory.buffer))', [1, 2, 3, 4]),
    ],
)
def test_it_is_what_it_was_in_the_run(where: str, probe: str, wanted: list[object], place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, where, probe)

    report = ask_one(place, "--audit", "1")

    assert place.values("probe") == wanted
    assert report["diverged"] == 0


def test_other_probes_go_on_from_kept_states(place: Workplace) -> None:
    place.run(SCRIPT, env=KEEP_ALL)
    probed(place, SCRIPT, "behind", 'flor.log("probe", total)')

    assert ask_one(place)["level"] == "suffix"
    assert place.values("probe") == [6]
