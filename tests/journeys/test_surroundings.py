"""Past runs executed again: all is as it was to them, and nothing of the user's changes."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flor.errors import VersionUnavailable
from flor.replay import interpreters, surroundings
from journeys.again import ENDING, WAYS, Again, environment, lines, said
from workplace import Workplace

ways = pytest.mark.parametrize("way", WAYS)

SCRIPT = """
import os, sys
import flor
import helper

flor.log("value", helper.VALUE)
here = os.path.dirname(os.path.abspath(__file__))
print(helper.VALUE, os.path.relpath(helper.__file__), here == os.getcwd())
print(open(os.path.join(os.path.dirname(__file__), "data.txt")).read())
with open("out.txt", "w") as out:
    out.write("mine")
with open(sys.argv[1], "w") as out:
    out.write("mine")
print(sorted(name for name in os.listdir() if not name.startswith(".")))
"""


def _files(root: Path) -> dict[str, str]:
    found = (path for path in root.rglob("*") if path.is_file() and not {".git", ".flor"} & set(path.parts))
    return {path.relative_to(root).as_posix(): path.read_text() for path in found}


@ways
def test_a_run_finds_all_as_it_was_and_leaves_all_as_it_is(way: str, place: Workplace) -> None:
    place.write("helper.py", "VALUE = 'then'\n")
    place.write("data.txt", "data of then")
    done = place.run(SCRIPT, str(place.root / "absolute.txt"))
    run = place.only_run()
    for name in ("out.txt", "absolute.txt"):
        (place.root / name).unlink()
    place.write("helper.py", "VALUE = 'today'\n")
    place.write("data.txt", "data of today")
    before, status = _files(place.root), place.git("status", "--short")

    again = Again(place, way).run(run)

    assert lines(again) == said(done.stdout)
    assert "then helper.py True" in done.stdout
    assert _files(place.root) == before
    assert place.git("status", "--short") == status
    assert [run.run for run in place.catalog().runs] == [run.run]
    assert not list((place.root / ".flor" / "worktrees").iterdir())


@ways
def test_texts_given_for_files_are_what_is_executed(way: str, place: Workplace) -> None:
    place.write("helper.py", "VALUE = 'then'\n")
    place.run("import flor, helper\nflor.log('x', 1)\nprint(helper.VALUE)\n")

    again = Again(place, way).run(place.only_run(), {"helper.py": "VALUE = 'patched'\n"})

    assert lines(again) == ["patched"]


@ways
def test_the_start_folder_and_the_variables_are_as_they_were(way: str, place: Workplace) -> None:
    place.write("sub/a.py", "import os, flor\nflor.log('x', 1)\nprint(os.environ.get('OMP_NUM_THREADS'))\n")
    place.write("sub/b.py", "")
    with (place.root / "sub" / "a.py").open("a") as script:
        script.write("print(hash('a text'), os.path.basename(os.getcwd()), os.environ.get('FLOR_REPLAY'))\n")
    done = place.python("a.py", cwd=place.root / "sub", env={"PYTHONHASHSEED": "11", "OMP_NUM_THREADS": "1"})

    again = Again(place, way).run(place.only_run())

    assert lines(again) == [line.replace("None", "1") for line in said(done.stdout)]


@ways
def test_a_start_folder_that_git_does_not_keep_is_made(way: str, place: Workplace) -> None:
    (place.root / "outputs" / "7").mkdir(parents=True)
    place.write("train.py", "import os, flor\nflor.log('x', 1)\nprint(os.path.basename(os.getcwd()))\n")
    place.python("../../train.py", cwd=place.root / "outputs" / "7")
    (place.root / "outputs" / "7").rmdir()

    assert lines(Again(place, way).run(place.only_run())) == ["7"]


def test_a_start_folder_elsewhere_that_is_gone_is_refused(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.write("train.py", "import flor\nflor.log('x', 1)\n")
    place.python(str(place.root / "train.py"), cwd=tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rmdir()

    with pytest.raises(VersionUnavailable, match="in which the run was started, is gone"):
        Again(place, "mapped").run(place.only_run())


@ways
def test_a_program_that_asks_git_is_answered_as_it_was(way: str, place: Workplace) -> None:
    place.write(
        "train.py",
        """
        import flor, subprocess
        flor.log("x", 1)
        for arguments in (["rev-parse", "HEAD"], ["status", "--short"]):
            done = subprocess.run(["git", *arguments], capture_output=True, text=True)
            print(done.stdout.strip(), done.stderr)
        """,
    )
    done = place.python("train.py")
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "Later")

    assert lines(Again(place, way).run(place.only_run())) == said(done.stdout)


@ways
def test_programs_that_a_run_starts_record_nothing(way: str, place: Workplace) -> None:
    place.write("inner.py", "import flor\nflor.log('inner', 1)\nprint('inner')\n")
    place.run(
        "import flor, subprocess, sys\nflor.log('x', 1)\nsubprocess.run([sys.executable, 'inner.py'])\n"
    )
    recorded = len(place.catalog().runs)
    outer = next(run for run in place.catalog().runs if run.filename == "train.py")

    again = Again(place, way).run(place.catalog().find(outer.run))

    assert lines(again) == ["inner"]
    assert len(place.catalog().runs) == recorded == 2


# -- installed editable -----------------------------------------------------

FINDER = """
import sys
from importlib.util import spec_from_file_location

MAPPING = {mapping!r}

class Finder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname in MAPPING:
            init = MAPPING[fullname] + "/__init__.py"
            return spec_from_file_location(fullname, init, submodule_search_locations=[MAPPING[fullname]])

def install():
    sys.meta_path.append(Finder)
"""
TRAIN = """
import flor
from pkg import model

if __name__ == "__main__":
    flor.log("value", model.VALUE)
    print(model.VALUE, __name__, __spec__.name)
"""
SPAWNING = """
import multiprocessing
import flor
from pkg import model

def look(queue):
    from pkg import model
    queue.put(model.VALUE)

if __name__ == "__main__":
    flor.log("value", model.VALUE)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=look, args=(queue,))
    child.start()
    print(queue.get(timeout=60), model.VALUE)
    child.join()
"""


def _package(place: Workplace, train: str = TRAIN) -> None:
    place.write("src/pkg/__init__.py", "")
    place.write("src/pkg/model.py", "VALUE = 'then'\n")
    place.write("src/pkg/train.py", train)


def _installed(place: Workplace, folder: Path, manner: str) -> Path:
    """An environment in which the package is installed editable."""
    python = environment(folder, *([place.root / "src"] if manner == "path" else []))
    [site] = folder.glob("lib/python*/site-packages")
    if manner == "finder":
        mapping = {"pkg": str(place.root / "src" / "pkg")}
        (site / "__editable___pkg_finder.py").write_text(FINDER.format(mapping=mapping))
        (site / "__editable__.pkg.pth").write_text(
            "import __editable___pkg_finder; __editable___pkg_finder.install()"
        )
    if manner == "link":
        (site / "pkg").symlink_to(place.root / "src" / "pkg")
    return python


def _record(place: Workplace, python: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FLOR_", "PYTHON"))}
    environ |= {"FLOR_ECHO": "off", **place.environ}
    done = subprocess.run(
        [python, *arguments], cwd=place.root, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@ways
@pytest.mark.parametrize("manner", ["path", "finder", "link"])
def test_a_package_installed_editable_is_that_of_the_run(
    way: str, manner: str, place: Workplace, tmp_path: Path
) -> None:
    _package(place)
    python = _installed(place, tmp_path / "env", manner)
    printed = _record(place, python, "-m", "pkg.train")
    place.write("src/pkg/model.py", "VALUE = 'today'\n")

    again = Again(place, way).run(place.only_run())

    assert lines(again) == said(printed) == ["then __main__ pkg.train"]


@ways
@pytest.mark.parametrize("manner", ["path", "finder"])
def test_processes_that_it_spawns_have_the_package_of_the_run_too(
    way: str, manner: str, place: Workplace, tmp_path: Path
) -> None:
    _package(place, SPAWNING)
    python = _installed(place, tmp_path / "env", manner)
    printed = _record(place, python, "-m", "pkg.train")
    place.write("src/pkg/model.py", "VALUE = 'today'\n")

    again = Again(place, way).run(place.only_run())

    assert lines(again) == said(printed) == ["then then"]


@ways
def test_an_environment_within_the_project_serves(way: str, place: Workplace) -> None:
    place.write(".gitignore", ".venv\n")
    _package(place)
    python = _installed(place, place.root / ".venv", "path")
    printed = _record(place, python, "-m", "pkg.train")
    place.write("src/pkg/model.py", "VALUE = 'today'\n")

    assert lines(Again(place, way).run(place.only_run())) == said(printed)


# -- what would reach the user's files --------------------------------------


def test_where_paths_are_mapped_a_write_into_the_users_folder_is_prevented(
    place: Workplace, tmp_path: Path
) -> None:
    place.write("ending.py", ENDING)
    place.run(
        f"""
import flor, os
flor.log("x", 1)
if os.environ.get("FLOR_REPLAY"):
    for act in (
        lambda: open({str(place.root / "README")!r}, "a"),
        lambda: os.remove({str(place.root / "README")!r}),
        lambda: os.mkdir({str(place.root / "made")!r}),
        lambda: os.rename("ending.py", {str(place.root / "moved")!r}),
    ):
        try:
            act()
        except Exception as error:
            print(type(error).__name__)
"""
    )
    before = _files(place.root)

    again = Again(place, "mapped", {"PYTHONPATH": _ending(tmp_path)}).run(
        place.only_run(), None, "ending:prepare"
    )

    assert lines(again)[:4] == ["ReentryRefused"] * 4
    paths = ", ".join(str(place.root / name) for name in ("README", "made", "moved"))
    assert lines(again)[-1] == f"offence: it would have changed files of yours: {paths}"
    assert _files(place.root) == before


def test_where_paths_are_mapped_a_module_of_the_users_folder_is_named(
    place: Workplace, tmp_path: Path
) -> None:
    place.write("plugin.py", "")
    place.run(
        f"""
import flor
from importlib.util import module_from_spec, spec_from_file_location
flor.log("x", 1)
spec = spec_from_file_location("plugin", {str(place.root / "plugin.py")!r})
module = module_from_spec(spec)
import sys
sys.modules["plugin"] = module
spec.loader.exec_module(module)
"""
    )

    again = Again(place, "mapped", {"PYTHONPATH": _ending(tmp_path)}).run(
        place.only_run(), None, "ending:prepare"
    )

    plugin = f"plugin ({place.root / 'plugin.py'})"
    assert lines(again)[-1] == f"offence: it loaded modules that are not the run's but today's: {plugin}"


@pytest.mark.parametrize("way", [way for way in WAYS if way == "mounted"])
def test_where_it_is_mounted_every_path_leads_to_the_copy(way: str, place: Workplace) -> None:
    (place.root / "link").symlink_to(place.root)
    place.run(
        f"""
import ctypes, flor, os
flor.log("x", 1)
flor_store = os.path.isdir(".flor/runs") or os.path.isdir(".flor/journals")
libc = ctypes.CDLL(None)
for name in ("c_code", "link/by_link"):
    os.close(libc.open(({str(place.root)!r} + "/" + name).encode(), os.O_CREAT | os.O_WRONLY, 0o644))
print(sorted(name for name in os.listdir() if not name.startswith(".")), flor_store)
"""
    )
    for name in ("c_code", "by_link"):
        (place.root / name).unlink()

    again = Again(place, way).run(place.only_run())

    assert lines(again) == ["['README', 'by_link', 'c_code', 'link', 'train.py'] True"]
    assert set(_files(place.root)) == {"README", "train.py"}


# -- what cannot be as it was -----------------------------------------------


def test_changes_of_the_conditions_are_named(place: Workplace) -> None:
    place.run("import flor\nflor.log('x', 1)\n")
    run = place.only_run()
    today = interpreters.facts(interpreters.ask(sys.executable))

    assert surroundings.changes_since(run, today) == []
    assert surroundings.changes_since(run, {**today, "python": "3.99.0"}) == [
        f"Python {run.environment['python']} is now 3.99.0"
    ]


def test_where_the_interpreter_is_gone_todays_is_taken() -> None:
    gone = interpreters.of_run({"executable": "/no/such/python", "python": "3.10.0"})
    other = interpreters.of_run({"executable": sys.executable, "python": "3.10.0"})
    broken = interpreters.of_run({"executable": "/bin/false", "python": "3.10.0"})

    assert {gone.executable, other.executable, broken.executable} == {sys.executable}


def _ending(folder: Path) -> str:
    """A search path on which the module stands that tells what went wrong."""
    (folder / "added").mkdir()
    (folder / "added" / "ending.py").write_text(textwrap.dedent(ENDING))
    return os.pathsep.join([str(folder / "added"), str(Path(surroundings.__file__).parents[2])])


# -- entered at a kept state ------------------------------------------------

PATHS = """
import os, sys
from pathlib import Path
import flor

here = Path(__file__).resolve().parent
out = os.path.join(str(here), "out")
os.makedirs(out)
history = []
with flor.checkpointing(history=history):
    for epoch in flor.loop("epoch", range(4)):
        (here / "out" / f"{epoch}.txt").write_text(str(here))
        history.append((epoch, os.path.join(out, str(epoch)), here / "out"))
        os.chdir(out)
        flor.log("where", history[0][1])
print(history == [(epoch, os.path.join(out, str(epoch)), here / "out") for epoch in range(4)])
print(sorted(os.listdir(out)), os.getcwd() == out, out == str(here / "out"))
"""
ENTERING = """
from pathlib import Path
from flor.checkpoints.entry import parse
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.record import session
from flor.replay import player as players
from flor.replay.reentry import Itinerary

def prepare(job):
    store = CheckpointStore(Path(job.details["store"]))
    kept = players.by_entry(store.kept(job.details["run"]))
    itinerary = Itinerary(parse("0/0 top(2)"), frozenset(kept))
    player = players.Player(itinerary, kept, store, Scope(Path(job.root)), {}, lambda *_: None)
    player.on_arrival = lambda: print("differences", player.prefix_differences, flush=True)
    session.install(player)
"""


@ways
def test_paths_in_a_state_that_is_restored_lead_to_the_copy(
    way: str, place: Workplace, tmp_path: Path
) -> None:
    place.run(PATHS, env={"FLOR_EPSILON": "1"})
    run = place.only_run()
    for path in (place.root / "out").iterdir():
        path.unlink()
    (place.root / "out").rmdir()
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "entering.py").write_text(ENTERING)
    search = os.pathsep.join([str(tmp_path / "added"), str(Path(surroundings.__file__).parents[2])])
    details = {"store": str(place.layout.checkpoints), "run": str(run.run)}

    again = Again(place, way, {"PYTHONPATH": search}, details).run(run, None, "entering:prepare")

    assert lines(again) == ["differences []", "True", "['2.txt', '3.txt'] True True"]
    assert not (place.root / "out").exists()


def test_a_project_that_was_moved_since_is_executed_again_where_it_is_now(
    place: Workplace, tmp_path: Path
) -> None:
    place.write("helper.py", "VALUE = 'then'\n")
    place.write(
        "train.py", "import flor, helper, os\nflor.log('x', 1)\nprint(helper.VALUE, os.listdir('sub'))\n"
    )
    place.write("sub/a.txt", "a")
    place.python(str(place.root / "train.py"))
    moved = Workplace(tmp_path / "moved", place.environ)
    place.root.rename(moved.root)
    moved.write("helper.py", "VALUE = 'today'\n")

    again = [Again(moved, way).run(moved.only_run()) for way in WAYS]

    assert [lines(each) for each in again] == [["then ['a.txt']"]] * len(WAYS)
