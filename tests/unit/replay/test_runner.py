"""A program that is run again does, prints and raises what it did, as long as nobody enters it elsewhere."""

import zipapp

import pytest

from flor.errors import FlorError
from unit.replay.twice import SOURCE, Ended, Twice

NAMES = """
    def names():
        return {name: repr(value) for name, value in globals().items() if name[:6] != "_flor_"}
"""
SCRIPTS = {
    "argparse and --kwargs": """
        import sys
        print(sys.argv)
        import flor
        print(sys.argv)
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("names", nargs="*")
        print(parser.parse_args(), flor.arg("epochs", 3), flor.arg("name", "none"))
        for epoch in flor.loop("epoch", range(2)):
            print(epoch)
        parser.parse_args(["--unknown"])
        """,
    "names, paths and flags of the interpreter": NAMES
    + """
    import os, sys, typing
    x: int = 1
    print(names(), list(names()), __annotations__)
    print(sys.argv, sys.path, sys.orig_argv[1:], sys.flags, __debug__, os.getcwd())
    print([type(finder) for finder in sys.meta_path if "First" not in repr(finder)], len(sys.path_hooks))
    print(getattr(sys._getframe().f_back, 'f_lineno', None), sys._getframe().f_code.co_filename, __name__)
    """,
    "classes and functions that are pickled": """
        import copy, dataclasses, enum, functools, pickle
        @dataclasses.dataclass(order=True)
        class Point:
            x: int
            y: "list[int]" = dataclasses.field(default_factory=list)
        class Colour(enum.Enum):
            RED = enum.auto()
        def scaled(point, by=2):
            return dataclasses.replace(point, x=point.x * by)
        kept = pickle.dumps((Point(1), Colour.RED, scaled, functools.partial(scaled, by=3)))
        point, colour, function, partial = pickle.loads(kept)
        print(point == Point(1), colour is Colour.RED, function(point), partial(point))
        print(copy.deepcopy(point), Point.__module__, scaled.__qualname__)
        """,
    "files beside it and in the current folder": """
        from pathlib import Path
        Path("written.txt").write_text("x")
        print(Path("written.txt").exists(), Path(__file__).with_name("data.txt").exists(), __file__)
        """,
    "workers that are forked": """
        import multiprocessing, os
        class Item:
            def __init__(self, n): self.n = n
        def work(item):
            return Item(item.n * 2), __name__, [q for q in range(item.n)]
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with context.Pool(2) as pool:
                print([(made.n, name, found) for made, name, found in pool.map(work, [Item(1), Item(2)])])
        """,
    "workers that are spawned": """
        import multiprocessing, sys
        import flor
        class Item:
            def __init__(self, n): self.n = n
        def work(item):
            for x in flor.loop("x", [1]):
                pass
            return Item(item.n * 2), __name__, "_flor_" in globals(), flor.arg("lr", 0.1), sys.argv
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print([(made.n, *rest) for made, *rest in pool.map(work, [Item(1)])], flor.arg("lr", 0.1))
        """,
    "its own text": """
        import flor, inspect, linecache, sys, traceback
        def documented(a, *, b=1):
            '''What it does.'''
            for x in flor.loop("x", [1]):
                yield lambda: (x, a)
        class Model:
            size = 3
        print(inspect.getsource(documented), inspect.getsource(Model), inspect.signature(documented))
        print(inspect.getsource(sys.modules["__main__"])[:40], inspect.getsourcelines(next(documented(1))))
        traceback.print_stack()
        print(documented.__doc__, documented.__code__.co_firstlineno, inspect.currentframe().f_lineno)
        """,
    "warnings with their places": """
        import warnings
        def careless(level):
            for _ in range(2):
                warnings.warn(f"careless {level}", stacklevel=level)
        for level in (1, 2, 3):
            careless(level)
        import lazily
        careless(1)
        print("\\d", 1 is 1)
        """,
    "hooks at the end, in their order": """
        import atexit, threading, time
        atexit.register(print, "first registered")
        import flor
        @atexit.register
        def last():
            import __main__
            print("last registered", hasattr(__main__, "__file__"), flor.__name__)
        threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
        print("end")
        """,
    "an exit code": "import sys\nprint('x')\nsys.exit(7)\n",
    "an exit with a message": "import sys\nsys.exit('no data')\n",
    "an exit in a hook of exceptions": """
        import sys
        def hook(kind, error, trace):
            print(kind, error, trace.tb_lineno, trace.tb_frame.f_code.co_name, trace.tb_next)
            sys.exit(5)
        sys.excepthook = hook
        raise ValueError("x")
        """,
    "an exception": """
        import flor
        def train(data):
            total = 0
            def add(x):
                nonlocal total
                total += 1 / x
            with flor.checkpointing():
                for epoch in flor.loop("epoch", range(2)):
                    for x in flor.loop("step", data):
                        add(x)
        try:
            train([2, 1, 0])
        except ZeroDivisionError as error:
            raise RuntimeError("stopped") from error
        """,
    "an interrupt": "import signal\nprint(1, flush=True)\nsignal.raise_signal(signal.SIGINT)\nprint(2)\n",
    "no Python": "import flor\n\nfor x in flor.loop('x', [1])\n    print(x)\n",
    "a return outside of functions": "import flor\nreturn 3\n",
    "nothing": "",
    "future imports and a docstring": '''
        """What it is."""
        from __future__ import annotations
        x: undefined = 1
        print(__doc__, __annotations__)
        ''',
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_run_as_it_was(twice: Twice, name: str) -> None:
    twice.write("train.py", SCRIPTS[name])
    twice.write("lazily.py", "import warnings\nwarnings.warn('lazily', stacklevel=2)\nk = '\\d'\n")
    twice.write("data.txt", "1")

    twice.same("train.py", "a", "--lr", "0.5", "--kwargs", "epochs=7", "lr=3")


def test_the_encoding_of_a_script_is_kept(twice: Twice) -> None:
    path = twice.write("train.py", "# -*- coding: latin-1 -*-\nprint(ascii('E'))\n")
    path.write_bytes(path.read_bytes().replace(b"E", b"\xe9"))

    assert twice.same("train.py").stdout == "'\\xe9'\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["./train.py"],
        ["../project/sub/../train.py", "--", "--kwargs", "a=1"],
        ["sub/link.py", "-m", "x"],
        ["/proc/self/cwd/train.py"],
        ["-u", "train.py"],
        ["-OO", "-W", "error::UserWarning", "-X", "utf8", "train.py", "-O"],
        ["-bWignore", "-Xdev", "train.py"],
        ["-P", "train.py"],
        ["-I", "-B", "train.py"],
        ["-sE", "train.py"],
        ["--check-hash-based-pycs", "always", "train.py"],
        ["--", "train.py"],
        ["missing.py"],
    ],
    ids=" ".join,
)
def test_any_command_line_is_run_again(twice: Twice, arguments: list[str]) -> None:
    twice.write("train.py", SCRIPTS["names, paths and flags of the interpreter"])
    twice.write("sub/other.py", "")
    (twice.root / "sub" / "link.py").symlink_to("../train.py")

    twice.same(*arguments)


MODULES = {
    "a module of a package": ["-m", "pkg.train", "--kwargs", "lr=1", "x"],
    "a package": ["-m", "pkg"],
    "a module in the current folder": ["-um", "train"],
    "a module that fails": ["-m", "pkg.failing"],
    "a module in a package that fails": ["-m", "broken.train"],
    "a module that is no Python": ["-m", "pkg.wrong"],
    "a module that does not exist": ["-m", "pkg.missing"],
    "a module that a package has imported": ["-m", "pkg.imported"],
    "a module of the standard library": ["-m", "json.tool", "--help"],
    "a namespace package": ["-mspace.train"],
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_run_as_it_was(twice: Twice, name: str) -> None:
    twice.write("train.py", SCRIPTS["names, paths and flags of the interpreter"])
    twice.write("pkg/__init__.py", "import sys, pkg.imported\nprint(__name__, sys.argv)\n")
    twice.write(
        "pkg/__main__.py", "from . import train\nimport sys\nprint(__package__, __spec__.name, sys.argv)\n"
    )
    twice.write("pkg/train.py", MODULE)
    twice.write("pkg/imported.py", "")
    twice.write("pkg/wrong.py", "import flor\nx = = 1\n")
    twice.write("pkg/failing.py", "def f(x):\n    return lambda: [1 / y for y in x]\nf([0])()\n")
    twice.write("broken/__init__.py", "import flor\n1 / 0\n")
    twice.write("space/train.py", "import sys\nprint(__spec__.parent, __file__, sys.path[0])\n")

    twice.same(*MODULES[name])


MODULE = (
    NAMES
    + """
    import pickle, sys
    import flor
    from pkg import imported
    from . import imported as same
    class Item:
        pass
    def work():
        return [x for x in flor.loop("x", range(3))], lambda: work
    print({name: shown for name, shown in names().items() if name != "__builtins__"})
    print(sys.argv, sys.path[0], flor.arg("lr", 0), same is imported, work()[0])
    print(type(pickle.loads(pickle.dumps(Item()))) is Item, __loader__.get_source("pkg.train")[:20], __file__)
"""
)


def test_a_project_with_its_code_in_src_is_run_as_it_was(twice: Twice) -> None:
    twice.write("src/lib/__init__.py", "import flor\n")
    twice.write(
        "src/lib/loops.py", "import flor\ndef f(n):\n    return [x for x in flor.loop('x', range(n))]\n"
    )
    twice.write(
        "scripts/train.py", "import sys\nsys.path.insert(0, 'src')\nfrom lib.loops import f\nprint(f(3))\n"
    )

    assert twice.same("scripts/train.py").stdout == "[0, 1, 2]\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-c", "print(1)"], "its program stood on the command line"),
        ([], "its standard input"),
        (["-", "x"], "its standard input"),
        (["-x", "train.py"], "of the option -x"),
    ],
)
def test_what_has_no_file_is_refused(twice: Twice, arguments: list[str], reason: str) -> None:
    with pytest.raises(FlorError, match=reason):
        twice.again(*arguments)


def test_archives_and_folders_are_refused(twice: Twice) -> None:
    twice.write("app/__main__.py", "print(1)\n")
    zipapp.create_archive(twice.root / "app", twice.root / "app.pyz")

    for name in ("app", "app.pyz"):
        ended = twice.again(name)
        assert (ended.code, ended.stdout) == (1, "")
        assert f"{name} is a folder or an archive" in ended.stderr


def test_what_is_prepared_is_there_when_the_program_begins(twice: Twice) -> None:
    twice.write("preparing/prepared.py", PREPARED)
    twice.write(
        "train.py", "import flor\nprint(flor.arg('lr', 0))\nfor x in flor.loop('x', 1 / 0):\n    print(x)\n"
    )
    twice.write("colorsys.py", "raise RuntimeError('the program stands in the way')\n")
    place = Twice(twice.root, twice.jobs, {"PYTHONPATH": f"{SOURCE}:{twice.root}/preparing"})

    ended = place.again("train.py", "--kwargs", "lr=3", prepare="prepared:prepare", details={"replaced": [3]})

    assert ended == Ended(0, "['lr=3'] ['numpy not loaded']\n5\n", "")


PREPARED = """
    import sys
    from flor.record import session, startup
    class Player:
        recorded = None
        def __init__(self, replaced): self.replaced = replaced
        def replace(self, line): return line in self.replaced
        def ended_normally(self): return True
        def is_skipping(self, line): return False
        def is_over(self, line): return False
        def names(self): return None
        def names_are_done(self): pass
        def check_names(self): pass
        def expect_block(self): pass
        def land(self): pass
        def goes_through(self, function): pass
        def goes_beside(self, argument): pass
        def was_left_by(self, number): return False
        def rest_is_skipped(self, line): return False
        def probe(self, line): return None
        def arg(self, name, default): return 5
        def close(self): pass
    def prepare(job):
        import colorsys
        print(startup.kwargs_tokens, ["numpy not loaded"] if "numpy" not in sys.modules else [])
        session.install(Player(job.details["replaced"]))
"""
