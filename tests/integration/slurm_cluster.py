"""A Slurm cluster of this machine alone, with everything of it in one folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")

_CONFIGURATION = """
ClusterName=flor
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={control}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def is_installed() -> bool:
    """Whether a cluster can be made here: its daemons are root's."""
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """The configuration of a cluster that takes jobs."""
    configuration = _prepare(folder)
    environ = {**os.environ, "SLURM_CONF": str(configuration)}
    try:
        for command in _daemons(folder, configuration):
            subprocess.run(command, env=environ, check=True, capture_output=True)
        _await_idle(environ)
        yield configuration
    finally:
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            _stop(folder / name)


def _prepare(folder: Path) -> Path:
    for name in ("state", "spool", "log", "munge"):
        (folder / name).mkdir(parents=True)
    (folder / "munge").chmod(0o700)
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o600)
    host = socket.gethostname().partition(".")[0]
    text = _CONFIGURATION.format(
        host=host, control=_free_port(), node=_free_port(), folder=folder, cores=os.cpu_count()
    )
    path = folder / "slurm.conf"
    path.write_text(text)
    return path


def _daemons(folder: Path, configuration: Path) -> list[list[str]]:
    munge = folder / "munge"
    files = {"key-file": munge / "key", "socket": folder / "munge.sock", "pid-file": munge / "pid"}
    files |= {"log-file": munge / "log", "seed-file": munge / "seed"}
    host = socket.gethostname().partition(".")[0]
    return [
        ["munged", "--force", *(f"--{name}={path}" for name, path in files.items())],
        ["slurmctld", "-f", str(configuration)],
        ["slurmd", "-f", str(configuration), "-N", host],
    ]


def _await_idle(environ: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    said = ""
    while time.monotonic() < deadline:
        asked = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environ, capture_output=True, text=True, check=False
        )
        said = asked.stdout + asked.stderr
        if asked.stdout.strip() == "idle":
            return
        time.sleep(0.1)
    raise AssertionError(f"the cluster takes no jobs: {said}")


def _stop(pid_file: Path) -> None:
    with suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
