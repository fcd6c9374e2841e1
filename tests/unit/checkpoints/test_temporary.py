"""A state tells of temporary files by their names, and follows where these are drawn anew."""

from pathlib import Path

from flor.checkpoints.temporary import TEMPORARY, exchanged, facts
from unit.checkpoints.programs import Program
from unit.checkpoints.project.objects import Box

DRAWN = ["/tmp/unused12", "/tmp/tmpabcdefgh", "/tmp/tmp12345678.pt"]


def graph_of(*things: object):
    return Program({"box": Box(*things)}).walk().graph


def test_only_names_that_the_state_mentions_count() -> None:
    graph = graph_of("/tmp/tmpabcdefgh/best.pt", Path("/tmp/tmp12345678.pt"))

    assert facts(graph, DRAWN) == {TEMPORARY: [(1, DRAWN[1]), (2, DRAWN[2])]}
    assert facts(graph_of("/tmp/data.csv"), DRAWN) == {}


def test_the_state_follows_the_names_of_this_process() -> None:
    now = ["/tmp/unused34", "/tmp/tmphgfedcba", "/tmp/tmp87654321.pt"]
    graph = graph_of("/tmp/tmpabcdefgh/best.pt", Path("/tmp/tmp12345678.pt"))

    made = exchanged(graph, facts(graph, DRAWN)[TEMPORARY], now)

    assert made.canonical() == graph_of("/tmp/tmphgfedcba/best.pt", Path("/tmp/tmp87654321.pt")).canonical()


def test_names_that_cannot_be_each_other_stay() -> None:
    graph = graph_of("/tmp/tmpabcdefgh")
    for other in ("/var/tmp/tmphgfedcba", "/tmp/tmphgfedcba.pt"):
        assert exchanged(graph, [(0, "/tmp/tmpabcdefgh")], [other]) is graph
    assert exchanged(graph, [(1, "/tmp/tmpabcdefgh")], ["/tmp/tmphgfedcba"]) is graph
