"""Runs a program again, rewritten, so that nothing but the rewriting tells it from the first time.

`python -m flor.replay.runner JOB` compiles the rewritten script into a .pyc file beside the job, and becomes
`python FLAGS JOB.pyc ARGUMENTS`. Python executes that as it executes a script, with no frame of ours below
the program's: so tracebacks, the levels of warnings, exit codes and the order of exit hooks come out as they
did. In the place of a module Python gets two statements by `-c`, ours and the one that `python -m` itself
executes. Either way `entering.begin` comes first.
"""

import marshal
import os
import sys
import zipfile
from importlib.util import MAGIC_NUMBER, decode_source
from pathlib import Path

from flor.errors import FlorError
from flor.replay import edits, entering, job, loader
from flor.replay.job import Invocation, Job


def main(arguments: list[str]) -> None:
    """Become the program of the job in the file that the first argument names."""
    path = Path(arguments[0]).absolute()
    given = job.read(path)
    os.chdir(given.cwd)
    try:
        command = _command(given, path)
    except FlorError as error:
        sys.exit(str(error))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(given.executable, command)  # noqa: S606  (a list of arguments, never text for a shell)


def _command(given: Job, path: Path) -> list[str]:
    """The command line that this process becomes; what it needs is written.

    Raises:
        FlorError: there is no script to rewrite.
    """
    invocation = job.parse(given.orig_argv)
    begin = f"__import__({entering.__name__!r}, fromlist=['begin']).begin({str(path)!r})"
    if invocation.is_module:
        run = f"__import__('runpy')._run_module_as_main({invocation.name!r})"
        program = ["-c", f"{begin}; {run}"]
    else:
        program = [_compiled(invocation, path, begin, given)]
    return [given.executable, *invocation.flags, *program, *invocation.arguments]


def _compiled(invocation: Invocation, path: Path, begin: str, given: Job) -> str:
    """The file of the rewritten script; the script itself where Python cannot compile it, for the error."""
    script = entering.file_of(invocation)
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        raise FlorError(f"{script} is a folder or an archive: only scripts and modules can be run again.")
    try:
        text = Path(script).read_bytes()
        compile(text, script, "exec", dont_inherit=True)  # shows the warnings of the user's text
    except (OSError, SyntaxError, ValueError):
        return invocation.name
    code = loader.compiled(decode_source(text), script, begin, edits.of_job(given))
    target = path.with_suffix(".pyc")
    target.write_bytes(MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
    return str(target)


if __name__ == "__main__":
    main(sys.argv[1:])
