"""What planning knows of runs that were really recorded: loops, iterations, and what states are good for."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from flor.replay.planning.facts import RunFacts
from flor.replay.planning.planner import plan
from flor.replay.planning.routes import CUT, NOTHING, REST
from flor.replay.planning.standing import Standing
from unit.replay.planning.recorded import Recorded, with_probes
from unit.replay.rewriting import dedented

TRAIN = """
    import os, signal
    import flor
    def numbers():
        yield from range(100)
    stream = numbers()
    weights = [0.0]
    last = None
    def main():
        with flor.checkpointing(weights=weights):
            for epoch in flor.loop("epoch", range(4)):
                for step in flor.loop("step", range(3)):
                    weights[0] += 0.5
                    out = weights[0] * 2
                    {inside}
                flor.log("weight", weights[0])
                {behind}
            flor.log("finished", 1)
        return 0
    main()
    {end}
"""


def script(inside: str = "pass", behind: str = "pass", end: str = "pass") -> str:
    return dedented(TRAIN.format(inside=inside, behind=behind, end=end))


def recorded(folder: Path, text: str, code: int = 0) -> Recorded:
    found = Recorded.make(folder)
    found.run(text, code=code)
    return found


def facts_of(folder: Path, text: str, *probes: str, code: int = 0) -> RunFacts:
    return recorded(folder, text, code).facts(with_probes(text, *probes))


def loops(facts: RunFacts) -> Sequence[tuple[str, int, int]]:
    return [(loop.name, loop.begun, loop.completed) for loop in facts.loops]


def test_of_a_finished_run_every_iteration_and_state_is_known(tmp_path: Path) -> None:
    text = script()
    facts = facts_of(tmp_path, text, '"weight"')
    standing = Standing(facts, with_probes(text, '"weight"'))

    assert loops(facts) == [("epoch", 4, 4)]
    assert facts.loops[0].path == "epoch"
    kinds = Counter(state.entry.kind for state in facts.kept)
    assert (kinds["top"], kinds["after"], kinds["done"], kinds["end"]) == (5, 4, 1, 1)
    assert {verdict.good for entry, verdict in standing.verdicts.items() if entry.kind != "start"} == {REST}
    assert [mark.iteration for mark in facts.marks] == [0, 1, 2, 3]


def test_a_probe_of_what_was_not_kept_is_not_answered_from_there(tmp_path: Path) -> None:
    found = recorded(tmp_path, script())
    text = script(behind='flor.log("out", out)')
    change = with_probes(text, '"out"')
    standing = Standing(found.facts(change), change)

    goods = {str(entry): verdict.good for entry, verdict in standing.verdicts.items()}
    assert goods["0/0 after(1, 0)"] == NOTHING
    made = plan(standing.facts, change)
    assert not any(visit.replaced for segment in made.segments for visit in segment.visits)
    assert "`out`" in made.reason


def test_a_generator_is_in_the_way_only_of_what_mentions_it(tmp_path: Path) -> None:
    text = script(behind="last = next(stream)")
    facts = facts_of(tmp_path, text, '"weight"')

    seen = Standing(facts, with_probes(text, '"weight"')).verdicts
    tops = {entry.iteration: verdict for entry, verdict in seen.items() if entry.kind == "top"}
    assert {tops[at].good for at in (1, 2, 3)} == {CUT}
    assert tops[1].seen[0].path == "stream"


def test_a_generator_that_the_probe_looks_at_is_in_the_way(tmp_path: Path) -> None:
    text = script(behind='flor.log("next", next(stream))')
    facts = facts_of(tmp_path, text, '"next"')

    seen = Standing(facts, with_probes(text, '"next"')).verdicts
    assert {verdict.good for entry, verdict in seen.items() if entry.kind == "top"} == {NOTHING}


def test_a_failed_run_has_the_iteration_that_failed(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, script(inside="if epoch == 2: raise ValueError"), '"weight"', code=1)

    assert loops(facts) == [("epoch", 2, 2)]
    assert facts.loops[0].has_more
    assert facts.status == "failed"


def test_a_killed_run_has_what_it_completed(tmp_path: Path) -> None:
    text = script(inside='flor.log("loss", 1); epoch == 2 and os.kill(os.getpid(), signal.SIGKILL)')
    facts = facts_of(tmp_path, text, '"weight"', code=-9)

    assert loops(facts) == [("epoch", 3, 2)]
    assert facts.status == "interrupted"
    made = plan(facts, with_probes(text, '"weight"'))
    assert [visit.iteration for segment in made.segments for visit in segment.visits] == [0, 1]


def test_a_loop_that_is_left_by_return_may_have_had_one_more_iteration(tmp_path: Path) -> None:
    text = script(behind="if epoch == 1: return 5")
    facts = facts_of(tmp_path, text, '"weight"')

    assert loops(facts) == [("epoch", 2, 2)]
    assert facts.loops[0].has_more


@pytest.mark.parametrize("leave", ["break", "raise SystemExit"])
def test_a_loop_that_is_left_has_the_iterations_that_it_began(tmp_path: Path, leave: str) -> None:
    facts = facts_of(tmp_path, script(behind=f"if epoch == 1: {leave}"), '"weight"')

    assert loops(facts) == [("epoch", 2, 2)]


def test_a_script_that_never_imports_the_file_is_not_run_for_it() -> None:
    from flor.replay.planning.places_of_probes import structure
    from flor.replay.planning.reading import read
    from flor.replay.planning.standing import changed
    from unit.replay.planning.story import Story

    texts = {"prep.py": "import flor\nflor.log('a', 1)\n", "train.py": script()}
    program = read(texts, "prep.py")
    change = changed(program, structure(program), texts, [("train.py", 13)])

    made = plan(Story().facts, change)

    assert made.segments == ()
    assert "prep.py does not import" in made.reason


GRAPH = """
    import torch
    import flor
    weight = torch.ones(2, requires_grad=True)
    penalty = torch.zeros(())
    with flor.checkpointing(weight=weight):
        for epoch in flor.loop("epoch", range(4)):
            flor.log("top", 1)
            for step in flor.loop("step", range(2)):
                penalty = penalty + (weight * weight).sum()
                flor.log("loss", 1)
            flor.log("middle", penalty.item())
            if epoch % 2:
                penalty.backward()
                penalty = penalty.detach()
            flor.log("bottom", penalty.item())
"""


def test_a_tensor_without_its_graph_is_in_the_way_of_backward_passes_only(tmp_path: Path) -> None:
    text = dedented(GRAPH)
    found = recorded(tmp_path, text)

    def good(probe: str) -> list[int]:
        change = with_probes(text, probe)
        verdicts = Standing(found.facts(change), change).verdicts
        return [verdict.good for entry, verdict in verdicts.items() if entry.kind == "top"]

    # Every second epoch begins with a penalty of the epoch before.
    assert good('"top"') == [REST, CUT, REST, CUT, REST]
    assert good('"middle"') == [REST, CUT, REST, CUT, REST]
    assert good('"bottom"') == [REST, NOTHING, REST, NOTHING, REST]
