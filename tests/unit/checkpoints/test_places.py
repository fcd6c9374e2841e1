"""Blocks and loops are counted as they are executed."""

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.places import Block, Blocks, Place


def _run(block: Block, around: Place | None, iterations: int) -> tuple[Place, list[str]]:
    place = block.loop_begins(around)
    return place, [str(place.header()) for _ in range(iterations)]


def test_a_main_loop_with_training_and_validation_inside() -> None:
    block = Blocks().open()
    main = block.loop_begins(None)
    seen = []
    for _ in range(2):
        seen.append(str(main.header()))
        for _ in ("train", "validate"):
            nested, steps = _run(block, main, 2)
            seen += [*steps, str(nested.ended(is_left=False))]
    seen += [str(main.ended(is_left=False)), str(block.end())]

    assert seen == [
        "0/0 top(0)",
        "0/0 step(0, 0, 0)", "0/0 step(0, 0, 1)", "0/0 after(0, 0)",
        "0/0 step(0, 1, 0)", "0/0 step(0, 1, 1)", "0/0 after(0, 1)",
        "0/0 top(1)",
        "0/0 step(1, 0, 0)", "0/0 step(1, 0, 1)", "0/0 after(1, 0)",
        "0/0 step(1, 1, 0)", "0/0 step(1, 1, 1)", "0/0 after(1, 1)",
        "0/0 done", "0 end",
    ]  # fmt: skip


def test_loops_further_inside_are_no_entry_points_but_count_none_away() -> None:
    block = Blocks().open()
    main, _ = _run(block, None, 1)
    nested, _ = _run(block, main, 1)
    deep, headers = _run(block, nested, 2)

    assert headers == ["None", "None"]
    assert deep.ended(is_left=False) is None
    assert str(nested.ended(is_left=False)) == "0/0 after(0, 0)"


def test_several_loops_in_a_block_and_several_blocks_are_numbered() -> None:
    blocks = Blocks()
    first = blocks.open()
    for _ in range(2):
        main, _ = _run(first, None, 1)
        main.ended(is_left=False)
    second = blocks.open()

    assert _run(first, None, 1)[1] == ["0/2 top(0)"]
    assert _run(second, None, 1)[1] == ["1/0 top(0)"]


def test_a_nested_loop_left_by_return_has_no_place_behind_it() -> None:
    block = Blocks().open()
    main, _ = _run(block, None, 1)
    nested, _ = _run(block, main, 1)

    assert nested.ended(is_left=True) is None
    assert main.ended(is_left=True) is None


def test_a_main_loop_left_unnoticed_does_not_take_the_next_one_for_nested() -> None:
    block = Blocks().open()
    _run(block, None, 1)

    assert _run(block, None, 1)[1] == ["0/1 top(0)"]


def test_names_are_read_back_and_sort_as_they_are_reached() -> None:
    names = [
        "start", "0/0 top(0)", "0/0 step(0, 0, 0)", "0/0 step(0, 0, 9)", "0/0 after(0, 0)",
        "0/0 step(0, 1, 0)",
        "0/0 after(0, 1)", "0/0 top(1)", "0/0 top(10)", "0/0 done", "0/1 top(0)", "0 end", "1/0 top(0)",
    ]  # fmt: skip
    entries = [parse(name) for name in names]

    assert [str(entry) for entry in entries] == names
    assert sorted(entries, key=lambda entry: entry.order) == entries
    assert entries[2] == EntryPoint("step", 0, 0, 0, 0, 0)
