"""What a probe can observe of a restored state: names that the run had no more use for, and opaque parts."""

import pytest

from flor.replay.planning.following import loop_of
from flor.replay.planning.observing import UNKNOWN, Observer
from flor.replay.planning.places import Loop
from flor.replay.planning.places_of_probes import structure
from flor.replay.planning.reading import read
from unit.replay.rewriting import dedented


class Both:
    """A script before and after probes (lines that end in `# probe` or `# carried`) were added to it."""

    def __init__(self, text: str) -> None:
        after = dedented(text)
        before = "".join(
            line for line in after.splitlines(True) if "# probe" not in line and "# carried" not in line
        )
        self.before, self.after = self._observer(before, []), self._observer(after, _probes(after))

    def _observer(self, text: str, probes: list[tuple[str, int]]) -> Observer:
        return Observer(read({"train.py": text}, "train.py"), {"train.py": text}, frozenset(probes))

    def kept(self, kind: str, name: str) -> frozenset[str]:
        """The names that the run kept there: all that its own code may read from there on."""
        site = self.before._sites[_loop(self.before, name)]
        offsets = {"header": [site.header], "behind": site.behind(""), "after": self._block.after}[kind]
        assert offsets is not None
        names = frozenset[str]()
        for offset in offsets:
            names |= self.before_live(site, offset)
        return names

    @property
    def _block(self):  # type: ignore[no-untyped-def]
        return self.before._blocks[0]

    def before_live(self, site, offset: int) -> frozenset[str]:  # type: ignore[no-untyped-def]
        from flor.checkpoints.liveness import is_module, live_names

        mentioned = self.before._mentioned_elsewhere(site.function) if is_module(site.code) else ()
        return live_names(site.code, offset, mentioned)

    def missing(self, kind: str, name: str) -> tuple[str, ...]:
        loop = _loop(self.after, name)
        kept = self.kept(kind, name)
        if kind == "header":
            return self.after.missing_at_header(loop, kept)
        if kind == "behind":
            return self.after.missing_behind(loop, kept)
        return self.after.missing_after_block(loop.filename, loop.qualname, kept)


def _probes(text: str) -> list[tuple[str, int]]:
    return [("train.py", at) for at, line in enumerate(text.splitlines(), 1) if "# probe" in line]


def _loop(observer: Observer, name: str) -> Loop:
    return next(loop for loop in observer._sites if loop.name == name)


FUNCTION = """
    import flor
    def main(model, loader):
        limit = 3
        {start}
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(3)):
                {top}
                total = 0
                for batch in flor.loop("step", loader):
                    out = model(batch)
                    loss = out.sum()
                    total += loss
                {bottom}
                flor.log("total", total)
            {behind}
        {end}
    main(1, 2)
"""


def script(
    start: str = "pass", top: str = "pass", bottom: str = "pass", behind: str = "pass", end: str = "pass"
) -> Both:
    return Both(FUNCTION.format(start=start, top=top, bottom=bottom, behind=behind, end=end))


def test_a_probe_of_what_the_run_still_used_misses_nothing() -> None:
    both = script(top="flor.log('p', model)  # probe")

    assert both.missing("header", "epoch") == ()


def test_a_probe_at_the_top_of_what_the_last_iteration_left_behind_misses_it() -> None:
    both = script(top="flor.log('p', out)  # probe")

    assert both.missing("header", "epoch") == ("out",)


def test_behind_the_nested_loop_its_last_values_are_missing_too_unless_they_are_used() -> None:
    assert script(bottom="flor.log('p', out)  # probe").missing("behind", "step") == ("out",)
    assert script(bottom="flor.log('p', total)  # probe").missing("behind", "step") == ()


def test_a_name_that_only_the_prefix_assigns_keeps_its_value() -> None:
    both = script(top="flor.log('p', limit)  # probe", bottom="flor.log('q', limit)  # probe")

    assert both.missing("header", "epoch") == ()
    assert both.missing("behind", "step") == ()


def test_a_name_that_carried_lines_change_is_missing_though_the_prefix_assigned_it() -> None:
    both = script(
        start="seen = []  # carried", bottom="seen.append(total); flor.log('p', seen)  # carried and probe"
    )

    assert both.missing("header", "epoch") == ("seen",)


def test_what_the_run_changed_in_the_loop_and_did_not_use_later_is_missing() -> None:
    both = script(start="seen = []", bottom="seen.append(1)", end="flor.log('p', seen)  # probe")

    assert both.missing("after", "epoch") == ("seen",)


@pytest.mark.parametrize("made", ["io.StringIO()", "BytesIO(b'')", "logging.handlers.MemoryHandler(9)"])
def test_what_a_logger_may_write_into_is_missing_though_no_loop_mentions_it(made: str) -> None:
    both = script(start=f"sink = {made}", end="flor.log('p', sink)  # probe")

    assert both.missing("after", "epoch") == ("sink",)


def test_a_stream_that_the_run_kept_is_there_and_what_a_handler_holds_is_not() -> None:
    stream = script(
        start="sink = StringIO()", top="sink.write('x'); flor.log('p', sink)  # probe", end="sink"
    )
    handler = script(
        start="with Handler() as sink: pass", top="flor.log('p', sink)  # probe", end="sink.close()"
    )

    assert stream.missing("header", "epoch") == ()
    assert handler.missing("header", "epoch") == ("sink",)


def test_modules_and_functions_stay_what_they_are() -> None:
    both = script(start="import math", bottom="math.floor(1)", end="flor.log('p', math.pi)  # probe")

    assert both.missing("after", "epoch") == ()


def test_what_is_logged_behind_the_loop_or_block_is_missing_where_the_run_did_not_use_it() -> None:
    assert script(behind="flor.log('p', out)  # probe").missing("behind", "epoch") == ("out",)
    assert script(end="flor.log('p', out)  # probe").missing("after", "epoch") == ("out",)
    assert script(end="flor.log('p', limit)  # probe").missing("after", "epoch") == ()


def test_names_are_needed_at_the_top_for_what_is_logged_anywhere_later() -> None:
    both = script(end="flor.log('p', out)  # probe")

    # Where no iteration follows, `out` is that of the iteration before.
    assert both.missing("header", "epoch") == ("out",)


MODULE = """
    import flor
    limit = 3
    def evaluate(model):
        x = model
        {inside}
        return x
    with flor.checkpointing():
        for epoch in flor.loop("epoch", range(3)):
            {top}
            for batch in flor.loop("step", range(3)):
                out = batch
            evaluate(limit)
    {end}
"""


def module(inside: str = "pass", top: str = "pass", end: str = "pass") -> Both:
    return Both(MODULE.format(inside=inside, top=top, end=end))


def test_in_a_script_the_names_of_the_module_are_looked_at() -> None:
    assert module(top="flor.log('p', out)  # probe").missing("header", "epoch") == ("out",)
    assert module(end="flor.log('p', out)  # probe").missing("after", "epoch") == ("out",)
    assert module(top="flor.log('p', limit)  # probe").missing("header", "epoch") == ()


def test_a_function_may_read_a_global_that_nothing_read_before() -> None:
    assert module(inside="flor.log('p', out)  # probe").missing("header", "epoch") == ("out",)
    assert module(inside="flor.log('p', out)  # probe").missing("behind", "step") == ("out",)


@pytest.mark.parametrize("kind", ["header", "behind"])
def test_without_a_probe_nothing_is_missing(kind: str) -> None:
    assert module().missing(kind, "epoch") == ()
    assert script().missing(kind, "step" if kind == "behind" else "epoch") == ()


@pytest.mark.parametrize(
    "around",
    [
        "if epoch:\n{}",
        "while epoch:\n{}\n    epoch -= 1",
        "for x in 'ab':\n{}",
        "try:\n{}\nfinally:\n    done = 1",
        "try:\n{}\nexcept ValueError:\n    done = 1\nelse:\n    done = 2",
        "with open('x') as file:\n{}",
    ],
)
def test_a_nested_loop_at_the_end_of_another_statement(around: str) -> None:
    loop = "for batch in flor.loop('step', 'ab'):\n    out = batch\n    kept = batch"
    inner = around.format("\n".join(f"    {line}" for line in loop.splitlines()))
    lines = f"{inner}\nflor.log('kept', kept)\nflor.log('p', out)  # probe"
    body = "\n".join(f"        {line}" for line in lines.splitlines())
    both = Both(
        "import flor\ndef main():\n  with flor.checkpointing():\n"
        f"    for epoch in flor.loop('epoch', 'ab'):\n{body}\nmain()\n"
    )

    assert both.missing("behind", "step") == ("out",)


def test_a_loop_that_is_not_in_the_code_is_unknown() -> None:
    observer = module().after

    assert observer.missing_at_header(Loop("train.py", "main", 1, 2, "other"), ()) == (UNKNOWN,)
    assert observer.missing_after_block("train.py", "main", ()) == (UNKNOWN,)


def test_a_block_that_was_left_by_return_is_followed_by_nothing() -> None:
    observer = script(end="flor.log('p', out)  # probe").after

    assert observer.missing_after_block("train.py", "main", (), is_left=True) == ()


MENTIONS = """
    import flor
    class Plain:
        def used(self):
            return self.inner
        def unused(self):
            return self.other
    def called():
        return deep()
    def deep():
        return deepest
    def never():
        return hidden
    with flor.checkpointing():
        for epoch in flor.loop("epoch", source):
            first = called()
            for batch in flor.loop("step", loader):
                second = batch.used()
            flor.log("p", third)
            fourth = 1
    fifth = 1
"""


def test_what_is_mentioned_until_a_statement_leaves_out_nested_loops_and_what_follows() -> None:
    text = dedented(MENTIONS)
    observer = Observer(read({"train.py": text}, "train.py"), {"train.py": text}, frozenset())
    line = next(at for at, each in enumerate(text.splitlines(), 1) if "third" in each)

    mentioned = observer.mentioned_until(_loop(observer, "epoch"), line)

    assert {"epoch", "first", "called", "deep", "deepest", "third"} <= mentioned
    assert not {"loader", "second", "used", "inner", "fourth", "hidden", "other", "fifth"} & mentioned


def test_what_whole_iterations_mention_has_the_nested_loops_and_what_draws_the_items() -> None:
    text = dedented(MENTIONS)
    observer = Observer(read({"train.py": text}, "train.py"), {"train.py": text}, frozenset())

    mentioned = observer.mentioned_in(_loop(observer, "epoch"))

    assert {"source", "loader", "second", "used", "inner", "fourth"} <= mentioned
    assert not {"hidden", "other", "fifth"} & mentioned
    assert {"fifth"} <= observer.mentioned_outside()


def test_loops_are_the_same_in_both_analyses() -> None:
    text = dedented(MENTIONS)
    program = read({"train.py": text}, "train.py")
    function = program.modules["train.py"]

    loops = {
        loop_of(function, path[-1].node) for path in function.statements if hasattr(path[-1].node, "iter")
    }

    assert set(structure(program).mains) <= loops


OTHERWISE = """
    import flor
    def main(loader):
        with flor.checkpointing():
            for epoch in flor.loop("epoch", range(3)):
                for batch in flor.loop("step", loader):
                    if batch:
                        tail = 1
                        break
                else:
                    tail = 2
                flor.log("tail", tail)
    main(2)
"""


def test_what_an_else_assigns_is_needed_only_where_the_loop_was_left() -> None:
    observer = Both(OTHERWISE).after
    loop = _loop(observer, "step")

    assert observer.missing_behind(loop, {"loader", "epoch"}, "exhausted") == ()
    assert observer.missing_behind(loop, {"loader", "epoch"}, "break") == ("tail",)
    assert observer.missing_behind(loop, {"loader", "epoch"}) == ("tail",)


TWO_BLOCKS = """
    import flor
    def main(first, second):
        with flor.checkpointing():
            for a in flor.loop("one", range(3)):
                first = third = a
        flor.log("third", third)
        with flor.checkpointing():
            for b in flor.loop("two", range(3)):
                second = b
        flor.log("second", second)
        flor.log("first", first)
    main(1, 2)
"""


def test_of_several_blocks_each_is_followed_by_its_own_statements() -> None:
    observer = Both(TWO_BLOCKS).after

    def missing(*names: str) -> tuple[str, ...]:
        around = [_loop(observer, name) for name in names]
        return observer.missing_after_block("train.py", "main", {"second", "first"}, around=around)

    assert missing("one") == ("third",)
    assert missing("two") == ()
    assert missing() == ("third",)


HEADER = """
    import flor
    class Config:
        epochs = 3
        {more}
    def main(cfg, n):
        with flor.checkpointing():
            for epoch in flor.loop("epoch", {header}):
                {body}
                flor.log('p', (cfg, n))  # probe
        {end}
    main(Config(), 2)
"""
READ = "range(cfg.epochs, n + 1)"
SHIFTED = "def drawn(self): return 1\n        @property\n        def epochs(self): return 3"


@pytest.mark.parametrize(
    ("header", "body", "end", "more", "missing"),
    [
        (READ, "pass", "pass", "pass", ()),
        (f"enumerate({READ})", "pass", "pass", "pass", ()),
        (READ, "n += 1", "pass", "pass", ("n",)),
        (READ, "cfg.epochs = 4", "pass", "pass", ("cfg",)),
        (READ, "step(cfg)", "pass", "pass", ("cfg",)),
        (READ, "pass", "pass", SHIFTED, ("cfg", "n")),
        ("range(cfg.drawn(), n)", "pass", "pass", "pass", ("cfg", "n")),
        ("batches(cfg, n)", "pass", "pass", "pass", ("cfg", "n")),
        (READ, "pass", "range = list", "pass", ("cfg", "n")),
        (READ, "pass", "[0 for at in flor.loop('more', range(2))]", "pass", ()),
        (READ, "pass", "for at in flor.loop('more', range(2)): pass", "pass", ("cfg", "n")),
    ],
)
def test_what_the_range_of_the_only_main_loop_reads_is_not_changed_by_that(
    header: str, body: str, end: str, more: str, missing: tuple[str, ...]
) -> None:
    observer = Both(HEADER.format(header=header, body=body, end=end, more=more)).after

    found = observer.missing_at_header(_loop(observer, "epoch"), kept=("total",))

    assert tuple(name for name in found if name in ("cfg", "n")) == missing
