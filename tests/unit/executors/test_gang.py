"""The processes of a job: what each is told of its place, and how all of them end."""

import os
import subprocess
import sys
from pathlib import Path

from flor.executors import gang
from workplace import eventually

PLACE = """
import os
told = [os.environ[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
os.write(1, " ".join(told).encode() + b"\\n")  # at once: they share the output
"""


def run(*programs: str) -> "subprocess.CompletedProcess[str]":
    command = gang.command([[sys.executable, "-c", program] for program in programs])
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_single_process_is_itself() -> None:
    assert gang.command([["python", "train.py"]]) == ["python", "train.py"]


def test_each_rank_is_told_its_place() -> None:
    done = run(PLACE, PLACE, PLACE)

    assert sorted(done.stdout.splitlines()) == ["0 3 0", "1 3 1", "2 3 2"]
    assert done.returncode == 0


def test_variables_of_a_launcher_that_is_gone_do_not_stay() -> None:
    given = {"TORCHELASTIC_USE_AGENT_STORE": "True", "MASTER_ADDR": "node7", "HOME": "/home/ada"}

    found = gang.variables(1, 2, 4711, given)

    assert "TORCHELASTIC_USE_AGENT_STORE" not in found
    assert (found["MASTER_ADDR"], found["MASTER_PORT"], found["HOME"]) == ("127.0.0.1", "4711", "/home/ada")
    assert not any(name.startswith("SLURM_") for name in found)


def test_tasks_of_slurm_are_told_by_its_variables_too() -> None:
    found = gang.variables(1, 2, 4711, {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"})

    assert (found["SLURM_PROCID"], found["SLURM_NTASKS"], found["SLURM_LOCALID"]) == ("1", "2", "1")


def test_one_that_fails_ends_the_others_and_its_code_counts() -> None:
    done = run("import time; time.sleep(600)", "import sys; sys.exit(3)")

    assert done.returncode == 3


def test_one_that_is_killed_counts_as_a_shell_counts_it() -> None:
    assert run("pass", "import os; os.kill(os.getpid(), 9)").returncode == 128 + 9


def test_the_ranks_end_with_the_program(tmp_path: Path) -> None:
    waiting = f"import os, time; open({str(tmp_path)!r} + f'/{{os.getpid()}}', 'w'); time.sleep(600)"
    program = gang.command([[sys.executable, "-c", waiting]] * 2)
    process = subprocess.Popen(program)
    eventually(lambda: len(list(tmp_path.iterdir())) == 2)

    process.kill()
    process.wait()

    eventually(lambda: not any(_is_alive(path.name) for path in tmp_path.iterdir()))


def test_each_inherits_its_own_descriptor(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first", "second")]
    descriptors = [os.open(path, os.O_CREAT | os.O_WRONLY) for path in paths]
    told = [f"import os; os.write({each}, b'{rank}')" for rank, each in enumerate(descriptors)]
    command = gang.command([[sys.executable, "-c", each] for each in told], descriptors)

    subprocess.run(command, check=True, pass_fds=descriptors, timeout=60)

    for each in descriptors:
        os.close(each)
    assert [path.read_text() for path in paths] == ["0", "1"]


def _is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
