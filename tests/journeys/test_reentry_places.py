"""A run is entered again wherever its loops and blocks stand: in each other, in functions, behind returns."""

import pytest

from journeys.entering import STEPS, entered, kinds, problems, recorded, some
from workplace import Workplace

FOLDS = """
    import flor
    import torch

    torch.manual_seed(1)
    data, scores = torch.randn(24, 4), []

    for fold in flor.loop("fold", range(3)):
        net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.3))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        best = None
        with flor.checkpointing(net=net, optimizer=optimizer):
            for epoch in flor.loop("epoch", range(2)):
                for batch in flor.loop("step", torch.randperm(24).split(8)):
                    loss = net(data[batch]).square().mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    flor.log("loss", loss.item())
                best = loss.item() if best is None else min(best, loss.item())
            flor.log("behind", best)
            for trial in flor.loop("trial", range(2)):
                best += torch.rand(()).item()
            flor.log("tried", best)
        scores.append(best)
        flor.log("score", best + torch.rand(()).item())
    flor.log("scores", scores)
    """

WAYS_OUT = """
    import random

    import flor


    class Search:
        def __init__(self):
            self.best, self.seen = 0.0, []

        def run(self, limit):
            with flor.checkpointing(search=self):
                for turn in flor.loop("turn", range(4)):
                    for step in flor.loop("step", [1, 2, 3]):
                        self.best += random.random() * step
                    self.seen.append(self.best)
                    flor.log("best", self.best)
                    if self.best > limit:
                        return self.best, turn
                if limit < 0:
                    return None
            self.seen.append("ran out")
            return self.best, "end"


    def cautious(search):
        for attempt in range(3):
            with flor.checkpointing(search=search):
                for turn in flor.loop("turn", range(3)):
                    search.best += random.random()
                    if search.best > 40:
                        break
                if attempt == 1:
                    break
                if attempt == 0:
                    continue
            search.seen.append(attempt)
        return attempt


    def failing(search):
        try:
            with flor.checkpointing(search=search):
                for turn in flor.loop("turn", range(3)):
                    search.best += random.random()
                    if turn == 1:
                        raise KeyError("enough")
        except KeyError:
            search.seen.append("failed")
        finally:
            search.best += 1


    def main():
        random.seed(5)
        search = Search()
        flor.log("first", list(search.run(8)))
        flor.log("attempt", cautious(search))
        failing(search)
        flor.log("second", list(search.run(1000)))
        flor.log("state", [search.best, search.seen, random.random()])


    main()
    """

CALLERS = """
    import random
    import time

    import flor

    total = 0


    def train(rng, rounds):
        global total
        began = time.time()
        last = None

        def advance(by):
            nonlocal last
            last = (last or 0) + by
            return last

        with flor.checkpointing():
            for round in flor.loop("round", rounds):
                total += nested(rng, advance)
                flor.log("last", last)
                flor.log("total", total)
        return advance, began


    def nested(rng, advance):
        gained = 0
        for step in flor.loop("step", [3, 1, 2]):
            gained += advance(rng.random() * step)
            if gained > 60:
                return gained
        return gained


    def outer():
        started = time.time()
        counts = {"outer": 0}

        def count():
            counts["outer"] += 1
            return counts["outer"]

        def inner():
            count()
            advance, began = train(random.Random(4), range(4))
            count()
            flor.log("after", [advance(1), count()])
            return began

        began = inner()
        flor.log("in order", bool(started <= began))


    outer()
    flor.log("end", total)
    """

THREE_LEVELS = f"""
    import random

    import flor

    {STEPS}
    random.seed(2)
    state, history = {{"x": 0.0}}, []

    with flor.checkpointing():
        for fold in flor.loop("fold", ["a", "b"]):
            state["x"] = 0.0
            for epoch in flor.loop("epoch", range(3)):
                for step in flor.loop("step", range(2)):
                    state["x"] += random.random()
                    flor.log("x", state["x"])
                history.append((fold, state["x"]))
            for test in flor.loop("test", (1, 2)):
                flor.log("test", random.random() + test)
    flor.log("history", history)
    """

REQUESTS = """
    import random

    import flor

    random.seed(8)
    weight, served = 0.0, []


    def learn(size):
        global weight
        for step in flor.loop("step", range(2)):
            weight += random.random() * size
            flor.log("weight", weight)


    with flor.checkpointing():
        for kind, size in [("learn", 3), ("ask", 4), ("learn", 5), ("learn", 1), ("ask", 2)]:
            with flor.iteration("request", None, kind):
                size += random.random()
                learn(size) if kind == "learn" else flor.log("answer", weight * size)
                served.append(kind)
                flor.log("served", len(served))
    with flor.iteration("report", 0, "final"):
        flor.log("all", served)
    """


@pytest.mark.parametrize("script", [WAYS_OUT, CALLERS, REQUESTS], ids=["ways out", "callers", "requests"])
def test_a_run_goes_on_from_everywhere(place: Workplace, script: str) -> None:
    kept = recorded(place, script)

    assert problems(place, kept) == []


def test_a_run_goes_on_in_blocks_inside_an_outer_loop(place: Workplace) -> None:
    kept = recorded(place, FOLDS)

    few = ("0/0 done", "1/0 after(1, 0)", "1/1 top(1)", "1 end", "2/0 top(2)")
    assert problems(place, some(kept, lambda name: name in few)) == []


def test_a_run_goes_on_from_each_step_of_a_nested_loop(place: Workplace) -> None:
    kept = recorded(place, THREE_LEVELS)

    assert "step" in kinds(kept)
    assert problems(place, some(kept, lambda name: "0/0" in name and not name.endswith("(0)"))) == []


def test_the_end_of_a_block_is_kept_only_where_it_can_be_left_again(place: Workplace) -> None:
    kept = recorded(place, WAYS_OUT)

    ends = [one.manifest for one in kept if one.manifest.entry.endswith("end")]
    assert [(end.entry, end.facts["left_by"]) for end in ends] == [
        ("0 end", 0),  # returned names
        ("1 end", 1),  # continued
        ("2 end", 0),  # broke off; the one left by an exception is executed again
        ("4 end", -1),
    ]


def test_a_jump_that_the_program_catches_is_refused(place: Workplace) -> None:
    kept = recorded(
        place,
        """
        import flor

        total = 0
        for fold in flor.loop("fold", range(2)):
            with flor.checkpointing():
                try:
                    for epoch in flor.loop("epoch", range(2)):
                        total += 1
                except:
                    total = -1
                for epoch in flor.loop("more", range(2)):
                    total += 1
        flor.log("total", total)
        """,
    )

    (told,) = entered(place, ["1/0 top(1)"])
    assert "1/0 top(1)" in [one.manifest.entry for one in kept]
    assert told["refused"] == "The program caught the jump to 0 end by a bare `except`."


def test_a_loop_that_no_for_statement_drives_is_not_entered(place: Workplace) -> None:
    recorded(
        place,
        """
        import flor

        done = []
        with flor.checkpointing():
            items = flor.loop("epoch", range(3))
            while (item := next(items, None)) is not None:
                done.append(item)
        flor.log("done", done)
        """,
    )

    (told,) = entered(place, ["0/0 top(2)"])
    assert told["refused"] == (
        "0/0 top(2) stands in a loop that cannot be entered: no `for` statement of its own drives it."
    )


def test_what_is_otherwise_after_a_restore_is_named_and_refused(place: Workplace) -> None:
    recorded(
        place,
        """
        import flor


        class Token:
            def __del__(self):
                noted.append("gone")


        noted, token = [], Token()
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(3)):
                if token is not None and epoch > 1:
                    noted.append("never")
                token = None
                flor.log("noted", len(noted))
        """,
    )

    (told,) = entered(place, ["0/0 top(2)"])  # there the token goes again
    assert told["refused"] == "0/0 top(2) is not as it was: noted: value (1 and 2 items)"
