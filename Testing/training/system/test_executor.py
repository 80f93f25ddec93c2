"""Work in several processes: all of it done, errors passed on, and nobody left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from MISTKDSegmentLib.errors import InputError, SegmentError
from Training.system.executor import run_all

PATIENCE_S = 30


def square(number):
    return number * number, os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS")


def fail(number):
    if number == 2:
        raise InputError(f"{number} is refused.")
    time.sleep(PATIENCE_S if number == 3 else 0)
    return number


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_thread_each():
    before = dict(os.environ)
    results = list(run_all(square, [1, 2, 3], 2))
    assert sorted(result for result, _, _ in results) == [1, 4, 9]
    assert os.getpid() not in {pid for _, pid, _ in results} and {threads for _, _, threads in results} == {"1"}
    assert dict(os.environ) == before
    assert list(run_all(square, [], 2)) == []


def test_no_workers():
    assert [pid for _, pid, _ in run_all(square, [1], 0)] == [os.getpid()]


def test_error_ends_the_others():
    start = time.monotonic()
    with pytest.raises(InputError, match="2 is refused"):
        list(run_all(fail, [3, 2], 2))
    assert time.monotonic() - start < PATIENCE_S and not multiprocessing.active_children()


def test_dead_process():
    with pytest.raises(SegmentError, match="use fewer workers"):
        list(run_all(die, [1], 1))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks processes up in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path, end):
    (tmp_path / "naps.py").write_text(
        "import os, pathlib, time\n"
        "def nap(path):\n    pathlib.Path(path).write_text(str(os.getpid()))\n    time.sleep(60)\n")
    (tmp_path / "main.py").write_text(
        "import sys\nfrom naps import nap\nfrom Training.system.executor import run_all\n"
        "if __name__ == '__main__':\n    list(run_all(nap, sys.argv[1:], 2))\n")
    notes = [tmp_path / "one", tmp_path / "two"]
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py"), *map(str, notes)], stderr=subprocess.DEVNULL)
    wait_until(lambda: all(note.exists() and note.read_text(encoding="utf-8") for note in notes))
    parent.send_signal(end)
    parent.wait(PATIENCE_S)
    wait_until(lambda: not any(is_running(int(note.read_text(encoding="utf-8"))) for note in notes))


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
