"""Modules of the project are rewritten when they are imported, and nothing else tells them from before."""

import os
import sys

import pytest

from unit.replay.twice import SOURCE, Ended, Twice

TRAINER = """
    '''Trains.'''
    import flor
    def fit(n):
        for x in flor.loop("x", range(n)):
            yield lambda: (x, n)
    """
REWRITTEN = """
    import sys
    def rewritten():
        return sorted(name for name, module in list(sys.modules.items()) if "_flor_" in vars(module))
    """
WAYS = {
    "import, from and import_module": """
        import importlib
        import trainer
        from trainer import fit as same
        print(importlib.import_module("pkg.inner.deep").value(), same is trainer.fit, [f() for f in same(2)])
        """,
    "packages, relative imports and namespaces": """
        from pkg.inner import deep
        import pkg, space.part, space
        print(deep.value(), pkg.deep is deep, space.part.where, space.__path__, pkg.__path__, pkg.__package__)
        """,
    "reload": """
        import importlib, pathlib, trainer
        kept = trainer.fit
        path = pathlib.Path("trainer.py")
        text = path.read_text()
        path.write_text(text.replace("(x, n)", "(x, n, 'reloaded')"))
        print(importlib.reload(trainer) is trainer, [f() for f in trainer.fit(1)], [f() for f in kept(1)])
        path.write_text(text)
        """,
    "a place in the file system": """
        import importlib.util, importlib.machinery, sys
        spec = importlib.util.spec_from_file_location("elsewhere", "trainer.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(spec, [f() for f in module.fit(2)], "elsewhere" in sys.modules, module.__file__)
        lazy = importlib.util.spec_from_file_location("lazy", "trainer.py")
        lazy.loader = importlib.util.LazyLoader(lazy.loader)
        module = sys.modules["lazy"] = importlib.util.module_from_spec(lazy)
        lazy.loader.exec_module(module)
        print([f() for f in module.fit(1)])
        """,
    "what Python shows of it": """
        import inspect, linecache, os, pathlib, pkgutil, trainer, traceback
        print(inspect.getsource(trainer), inspect.getsource(trainer.fit), trainer.__doc__)
        print(trainer.__spec__, trainer.__loader__ is trainer.__spec__.loader, type(trainer.__loader__))
        print(trainer.__file__, trainer.__cached__, pathlib.Path(trainer.__cached__).exists())
        print({name: str(value)[:30] for name, value in vars(trainer).items()
               if not name.startswith(("_flor_", "__builtins__"))})
        print(trainer.__loader__.get_code("trainer").co_names, pkgutil.get_data("trainer", "data.txt"))
        loader = trainer.__loader__
        print(inspect.isfunction(type(loader).exec_module), callable(loader.exec_module))
        """,
    "errors and warnings while it is imported": """
        import traceback
        for name in ("failing", "wrong", "missing", "pkg.failing", "warned"):
            try:
                __import__(name)
            except Exception:
                traceback.print_exc()
        import showing
        """,
    "modules without anything to rewrite": """
        import plain
        print(plain.value, sorted(vars(plain)))
        """,
    "libraries that rewrite too": """
        import ast, importlib.util, sys
        from importlib.machinery import SourceFileLoader
        class Doubling(ast.NodeTransformer):
            def visit_Constant(self, node):
                return ast.copy_location(ast.Constant(node.value * 2), node) if node.value == 21 else node
        class OfTrees(SourceFileLoader):
            def source_to_code(self, data, path, *, _optimization=-1):
                return compile(Doubling().visit(ast.parse(data)), path, "exec", dont_inherit=True)
        class OfText(SourceFileLoader):
            def source_to_code(self, data, path, *, _optimization=-1):
                return compile(data.replace(b"21", b"42"), path, "exec", dont_inherit=True)
        class Own(SourceFileLoader):
            def exec_module(self, module):
                super().exec_module(module)
                module.own = True
        sys.dont_write_bytecode = True
        for loader in (OfTrees, OfText, Own):
            spec = importlib.util.spec_from_file_location("transformed", "transformed.py",
                loader=loader("transformed", "transformed.py"))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            print(loader.__name__, module.value(), getattr(module, "own", False))
        """,
}


@pytest.fixture
def project(twice: Twice) -> Twice:
    twice.write("trainer.py", TRAINER)
    twice.write("data.txt", "data")
    twice.write("pkg/__init__.py", "from .inner import deep\n")
    twice.write("pkg/inner/__init__.py", "")
    twice.write(
        "pkg/inner/deep.py", "import trainer\ndef value(k=1):\n    return [f() for f in trainer.fit(k)]\n"
    )
    twice.write("pkg/failing.py", "import flor\ndef f(n):\n    return lambda: n / 0\nf(1)()\n")
    twice.write("space/part.py", "import flor\nwhere = __name__, __file__\n")
    twice.write("failing.py", "import flor\nprint('before')\nraise OSError('failed')\n")
    twice.write("wrong.py", "import flor\nfor x in flor.loop('x', [1]:\n    pass\n")
    twice.write("warned.py", "import flor\nx = '\\d'\nprint(x is 'd')\n")
    twice.write(
        "showing.py", "import flor, traceback\nimport warnings\nwarnings.warn('here', stacklevel=2)\n"
    )
    twice.write("plain.py", "value = [x for x in range(3)]\n")
    twice.write("transformed.py", "import flor\ndef value(n=21):\n    return (lambda: n)()\n")
    return twice


@pytest.mark.parametrize("name", WAYS)
def test_a_module_is_the_same_however_it_is_imported(project: Twice, name: str) -> None:
    project.write("train.py", WAYS[name])

    project.same("train.py")


def test_modules_of_the_project_are_rewritten_and_no_others(project: Twice) -> None:
    project.write(
        "train.py", REWRITTEN + "\n".join(map(_importing, ["trainer", "pkg", "plain", "space.part"])) + ENDING
    )
    project.write(".venv/lib/installed.py", TRAINER)
    project.write("editable/other.py", TRAINER)
    outside = project.jobs / "outside.py"
    outside.write_text("import flor\n")
    paths = (SOURCE, project.root / ".venv" / "lib", project.root / "editable", project.jobs)

    place = Twice(project.root, project.jobs, {"PYTHONPATH": os.pathsep.join(map(str, paths))})

    assert place.again("train.py").stdout == "['__main__', 'other', 'space.part', 'trainer']\n"
    assert not list(project.root.rglob("*.flor*"))


def _importing(name: str) -> str:
    return f"    import {name}"


ENDING = """
    import installed, other, outside, json
    print(rewritten())
    """


def test_no_rewritten_code_is_left_in_the_project(project: Twice) -> None:
    project.write("train.py", "import trainer\nprint('_flor_' in vars(trainer))\n")

    assert project.again("train.py") == Ended(0, "True\n", "")
    assert project.plainly("train.py") == Ended(0, "False\n", "")
    assert sorted(path.name for path in project.root.glob("__pycache__/*")) == [
        f"trainer.{sys.implementation.cache_tag}.pyc"
    ]


def test_warnings_that_were_shown_once_are_not_shown_again_because_a_module_is_imported(
    project: Twice,
) -> None:
    project.write(
        "train.py",
        """
        import warnings
        def careless():
            warnings.warn("careless")
        careless()
        import trainer
        careless()
        import pkg
        careless()
        """,
    )

    assert project.same("train.py").stderr.count("UserWarning: careless") == 1


def test_threads_import_at_once(project: Twice) -> None:
    for n in range(12):
        project.write(f"part{n}.py", "import flor\nx = '\\d'\ndef f(n):\n    return lambda: n\n")
    project.write(
        "train.py",
        """
        import importlib, os, threading, warnings
        before = list(warnings.filters)
        def load(n):
            importlib.import_module(f"part{n}")
        threads = [threading.Thread(target=load, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pid = os.fork()
        if not pid:
            import trainer
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), warnings.filters == before)
        """,
    )

    assert project.again("train.py").stdout == "7 True\n"
