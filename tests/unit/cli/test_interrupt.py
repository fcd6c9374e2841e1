import signal
import subprocess
import sys
import time

import pytest

DEAF = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
"""A computation in C that lets no signal handler of Python run, as a long query may."""
ATTENTIVE = "import time; time.sleep(60)"


@pytest.fixture
def started():
    """Starts a process that is in the midst of a block under `obeyed`."""
    processes = []

    def start(block):
        beginning = "from flor.cli.interrupt import obeyed\nwith obeyed():\n    print('ready', flush=True)\n"
        code = f"{beginning}    {block}"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        process.stdout.readline()
        time.sleep(0.2)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_an_interrupt_ends_what_does_not_listen(started):
    process = started(DEAF)

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=20) == 130
    assert process.stderr.read() == "Interrupted.\n"


def test_a_second_interrupt_ends_it_at_once(started):
    process = started(DEAF)

    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=1.5) == 130


def test_what_listens_ends_by_itself(started):
    process = started(ATTENTIVE)

    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in said


def test_afterwards_everything_is_as_before():
    code = (
        "import signal, threading; from flor.cli.interrupt import obeyed\n"
        "with obeyed(): pass\n"
        "[thread.join(5) for thread in threading.enumerate() if thread.name == 'flor-interrupt']\n"
        "assert threading.active_count() == 1\n"
        "assert signal.set_wakeup_fd(-1) == -1\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
