"""A Python that imports torch and scikit-learn once, and forks a child for each program it is asked to run.

    python runner.py          asks: jobs as JSON lines on standard input, answers on standard output
    python runner.py JOB      executes one job in this interpreter, which has imported nothing

A job is a program, `argv` as after `python`, or the command of a task of `flor replay`.

A child is to the program what a process of its own would be: `__main__`, `sys.argv`, `sys.path`, environment,
working folder, exit hooks and exit code. All children of one parent begin with the same random state and the
same hashes of strings, seeded or not: what they compute can be compared.
"""

import builtins
import gc
import json
import marshal
import os
import random
import runpy
import signal
import sys
from contextlib import suppress
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

HERE = Path(__file__).parent


def main() -> dict[str, Any]:
    """The job of this process, which is a child unless one was given on the command line."""
    if len(sys.argv) > 1:
        return json.loads(sys.argv[1])
    import sklearn.datasets
    import sklearn.linear_model
    import sklearn.model_selection  # noqa: F401
    import torch

    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])  # the first optimizer imports 800 modules
    for name in os.environ.get("EXACTNESS_LOADED", "").split():
        import_module(name)
    gc.freeze()  # a child need not take down what it inherited: that costs it a second
    drawn = random.getstate()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"ready": os.getpid()}), file=answers)
    # Line by line, without reading ahead: a child inherits what its parent has read.
    while line := _read_line():
        pid = os.fork()
        if pid == 0:
            answers.close()
            os.setsid()
            random.setstate(drawn)  # a forked child seeds it anew
            return json.loads(line)
        print(json.dumps({"pid": pid}), file=answers)
        print(json.dumps({"code": _code_of(pid)}), file=answers)
    os._exit(0)


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return b""
        line += piece
    return line


def _code_of(pid: int) -> int:
    """Wait for the end of a child and of whatever it leaves behind (workers of a loader)."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(ProcessLookupError):  # as it should be
        os.killpg(pid, signal.SIGKILL)
    return code


def prepare(job: dict[str, Any]) -> None:
    """Make this process what `python ARGV` would be."""
    _redirect(job["stdout"], job["stderr"])
    os.environ.clear()
    os.environ.update(job["environ"])
    os.chdir(job["cwd"])
    argv = job["argv"]
    sys.argv[:] = argv if argv[0] != "-m" else [argv[1], *argv[2:]]
    sys.orig_argv[:] = [sys.executable, *argv]
    folder = str(Path(argv[0]).absolute().parent) if argv[0] != "-m" else os.getcwd()
    installed = [entry for entry in sys.path if entry != str(HERE)]
    sys.path[:] = [folder, *job["pythonpath"], *installed]
    if any(Path(entry, "flor", "checkpoints").exists() for entry in job["pythonpath"]):
        _begin_with(job["environ"])
    if job["afterwards"]:
        from_here("afterwards").write_at_exit(job["afterwards"])
    if job["kill"]:
        from_here("killing").arm(job["kill"])


def _begin_with(environ: dict[str, str]) -> None:
    # For the kernel a fork was started with the environment of its parent.
    from flor.checkpoints import environment

    started = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
    environment.first_environ = lambda: started


def from_here(name: str) -> ModuleType:
    """A module beside this one, which must not be on the program's path."""
    module = ModuleType(f"exactness_{name}")
    path = HERE / f"{name}.py"
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    return module


def execute(argv: list[str]) -> None:
    """Run a script or a module as the main one."""
    if argv[0] == "-m":
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        return
    path = Path(argv[0]).absolute()
    _execute_as_main(path, compile(path.read_bytes(), path, "exec"))


def _execute_as_main(path: Path, code: CodeType) -> None:
    module = ModuleType("__main__")
    module.__dict__.update(
        __file__=str(path),
        __builtins__=builtins,
        __cached__=None,
        __loader__=SourceFileLoader("__main__", str(path)),
    )
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


class _Become(BaseException):
    """Raised in place of `os.execv`: this process is to be another program."""

    def __init__(self, path: str, command: list[str]) -> None:
        self.command = command


def execute_command(job: dict[str, Any]) -> None:
    """Run `python ...` as often as one such program becomes another, all in this process."""
    _redirect(job["stdout"], job["stdout"])
    os.environ.clear()
    os.environ.update(job["environ"])
    os.chdir(job["cwd"])
    os.execv = _become
    sys.path[0] = ""  # the program's, which sets it
    _begin_with(job["environ"])
    command = job["command"]
    while command:
        try:
            command = _execute_python(command[1:])
        except _Become as other:
            command = other.command


def _become(path: str, command: list[str]) -> None:
    raise _Become(path, command)


def _execute_python(words: list[str]) -> None:
    """Run `python WORDS`. Flags of the interpreter have no effect: it has begun long ago."""
    while words[0].startswith("-") and words[0] not in ("-c", "-m"):
        words = words[1:]
    sys.argv[:] = words
    if words[0] == "-m":
        sys.argv[:] = words[1:]
        import_module(words[1]).main(words[2:])
    elif words[0] == "-c":
        _execute_as_main(Path("<string>"), compile(words[1], "<string>", "exec"))
    elif words[0].endswith(".pyc"):
        _execute_as_main(Path(words[0]), marshal.loads(Path(words[0]).read_bytes()[16:]))
    else:
        execute(words)


def _redirect(stdout: str, stderr: str) -> None:
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)


_job = main()
if "command" in _job:
    execute_command(_job)
else:
    prepare(_job)
    execute(_job["argv"])
