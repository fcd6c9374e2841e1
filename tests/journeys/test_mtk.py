"""Scripts in the oldest form, `from flor import MTK as Flor`."""

import signal

from workplace import Workplace

KEEP_ALL = {"FLOR_EPSILON": "1000", "FLOR_STRICT": "1"}
TRAIN = """
    import os
    import random
    import signal
    from flor import MTK as Flor

    random.seed(Flor.arg("seed", 7))
    net, rate = {"weight": 0.0}, [0.5]
    Flor.checkpoints(net, rate)
    for epoch in Flor.loop(range(3)):
        for batch in Flor.loop([1.0, 2.0]):
            net["weight"] += batch * rate[0] * random.random()
            Flor.log("weight", net["weight"])
            if "KILL" in os.environ and (epoch, batch) == (2, 1.0):
                os.kill(os.getpid(), signal.SIGKILL)
        for row in Flor.loop("test", ["a", "b"]):
            Flor.log("row", row)
    Flor.log("done", True)
"""


def test_loops_without_names_are_epochs_and_steps(place: Workplace) -> None:
    place.run(TRAIN)

    frame = place.frame("weight")
    assert list(frame.columns[3:]) == ["epoch", "epoch_value", "step", "step_value", "weight"]
    assert frame[["epoch", "step"]].to_numpy().tolist() == [[e, s] for e in (1, 2, 3) for s in (1, 2)]
    assert [row.path for row in place.rows("row") if row.name] == ["epoch/test"] * 6
    assert place.only_run().args == {"seed": 7}
    assert place.statuses() == ["finished"]


def test_state_is_kept_under_the_names_of_the_caller(place: Workplace) -> None:
    place.run(TRAIN, env=KEEP_ALL)
    place.write(
        "look.py",
        """
        import flor
        kept = [flor.load("net", epoch=epoch)["weight"] for epoch in (1, 2, 3)]
        print(kept == flor.dataframe("weight")["weight"][1::2].tolist(), flor.load("rate", epoch=2))
        """,
    )

    assert place.python("look.py").stdout == "True [0.5]\n"


def test_a_killed_run_is_resumed(place: Workplace) -> None:
    place.run(TRAIN, env=KEEP_ALL)
    wanted = place.values("weight")
    place.python("train.py", code=-signal.SIGKILL, env={**KEEP_ALL, "KILL": "1"})

    place.python("-m", "flor", "resume", "last", env=KEEP_ALL)

    assert place.values("weight") == wanted * 2
    assert place.statuses() == ["finished", "finished"]


def test_nothing_is_kept_where_flor_is_off(place: Workplace) -> None:
    place.run(TRAIN, env={"FLOR_MODE": "off"})

    assert not (place.root / ".flor").exists()
