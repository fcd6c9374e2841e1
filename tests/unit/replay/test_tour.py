"""A process that goes through a segment knows at each header of a main loop what comes next."""

from flor.checkpoints.entry import EntryPoint, parse
from flor.replay.planning.plans import Segment, Visit
from flor.replay.tour import Step, Tour


def top(iteration: int) -> EntryPoint:
    return EntryPoint("top", 0, 0, iteration)


def test_it_goes_from_visit_to_visit_and_stops_behind_the_last() -> None:
    first, second = Visit(0, 0, 2, top(2)), Visit(0, 0, 5, top(5), is_wanted=False)
    tour = Tour(Segment((first, second)))

    assert tour.at_header(0, 0, 0) == Step(visit=first, counts=True)
    assert tour.at_header(0, 0, 3) == Step(visit=second, counts=False)
    assert tour.at_header(0, 0, 6).is_over


def test_what_lies_before_a_visit_without_a_state_is_executed() -> None:
    visit = Visit(0, 0, 2)
    tour = Tour(Segment((visit,)))

    steps = [tour.at_header(0, 0, reached) for reached in range(3)]

    assert steps == [Step(), Step(), Step(visit=visit, counts=True)]


def test_a_loop_before_the_one_that_is_wanted_is_jumped_over_where_its_end_was_kept() -> None:
    done = parse("0/0 done")
    tour = Tour(Segment((Visit(0, 1, 0),), (done,)))

    assert tour.at_header(0, 0, 0).jump == done
    assert tour.at_header(0, 1, 0).visit == Visit(0, 1, 0)


def test_and_so_is_a_block() -> None:
    end = parse("0 end")
    tour = Tour(Segment((Visit(1, 0, 0),), (end,)))

    assert tour.at_header(0, 0, 0).jump == end


def test_a_way_to_the_end_goes_on_behind_the_last_visit() -> None:
    tour = Tour(Segment((), (parse("0/0 done"),), goes_to_end=True, records_outside=True))

    assert tour.at_header(0, 0, 0) == Step(jump=parse("0/0 done"), counts=True)
    assert tour.at_header(1, 0, 0) == Step()


def test_a_whole_run_executes_everything_and_all_of_it_counts() -> None:
    tour = Tour(Segment(is_whole=True))

    assert tour.counts_outside
    assert tour.at_header(0, 0, 0) == Step(counts=True)


def test_only_the_nested_loops_of_the_visit_that_it_names_are_replaced() -> None:
    after = parse("0/0 after(2, 1)")
    tour = Tour(Segment((Visit(0, 0, 2, top(2), (after,)),)))
    tour.at_header(0, 0, 0)

    assert tour.nested_jump(0, 0, 2, 0) is None
    assert tour.nested_jump(0, 0, 2, 1) == after


def test_the_rest_of_an_iteration_is_left_out_where_the_visit_says_so() -> None:
    tour = Tour(Segment((Visit(0, 0, 0, is_cut=True), Visit(0, 0, 1, top(1)))))

    tour.at_header(0, 0, 0)
    assert tour.is_rest_skipped()
    assert not tour.is_over_after_cut
    tour.at_header(0, 0, 1)
    assert not tour.is_rest_skipped()


def test_a_block_is_not_jumped_over_while_a_loop_in_it_is_still_to_be_visited() -> None:
    tour = Tour(Segment((Visit(0, 1, 0),), (parse("0 end"),), goes_to_end=True))

    assert tour.at_header(0, 0, 3) == Step()
    assert tour.at_header(0, 1, 0).visit == Visit(0, 1, 0)
    assert tour.at_header(0, 1, 1).jump == parse("0 end")


def test_a_visit_that_its_loop_never_came_to_stands_in_the_way_of_nothing() -> None:
    later = Visit(1, 0, 0)
    tour = Tour(Segment((Visit(0, 0, 3), later)))

    assert tour.at_header(0, 0, 2) == Step()
    assert tour.at_header(1, 0, 0).visit == later


def test_it_does_not_stop_before_a_jump_that_is_still_to_be_made() -> None:
    tour = Tour(Segment((Visit(0, 0, 0),), (parse("0/1 done"),)))
    tour.at_header(0, 0, 0)

    assert not tour.at_header(0, 0, 1).is_over
