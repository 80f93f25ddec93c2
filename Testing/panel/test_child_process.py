"""The child process: its messages, every way to end, and that nothing of it stays behind."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.child.last_word import LastWord, leave
from MISTKDSegmentLib.child.messages import Done, Started
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.host import open_host
from Testing.panel.children import (
    DONE,
    HANG,
    KILL_ITSELF,
    STARTED,
    idle,
    launcher,
    nothing_left,
    processes_in,
    python_slicer,
    soon,
)

# What a launcher makes of any signal.
ABNORMAL_END = "os.write(2, b'error: child exit abnormally\\n'); sys.exit(1)"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


class Listener:
    def __init__(self) -> None:
        self.messages, self.ends = [], []

    @property
    def calls(self) -> int:
        return len(self.messages) + len(self.ends)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def job(host, temporary: Path):
    volume = Volume(np.zeros((2, 3, 4), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    job = Job.create(volume, Order(Path("no_model")), inside=temporary)
    yield job
    job.remove()


@pytest.fixture
def child(host, job):
    from MISTKDSegmentLib.slicer.panel.child_process import ChildProcess

    child = ChildProcess(job)
    yield child
    child.stop()


def listen(child) -> Listener:
    """Start a child and write down what it says."""
    listener = Listener()
    child.said.connect(listener.messages.append)
    child.ended.connect(listener.ends.append)
    child.start()
    return listener


def run(host, child, timeout_s: float = 10.0) -> Listener:
    listener = listen(child)
    host.pump(until=lambda: listener.ends, timeout_s=timeout_s)
    return listener


def test_messages_arrive_in_order_and_the_end_is_told_once(host, child, job, tmp_path, monkeypatch):
    python_slicer(tmp_path, monkeypatch, STARTED + DONE)
    listener = run(host, child)
    assert listener.messages == [Started(10), Done(())] and listener.ends == [None]
    assert not child.isRunning


def test_a_line_that_comes_in_pieces_is_one_message(host, child, job, tmp_path, monkeypatch):
    line = STARTED.split("'")[1] + "\n"
    slowly = f"for letter in {line!r}:\n    os.write(1, letter.encode())\n    time.sleep(0.002)\n"
    python_slicer(tmp_path, monkeypatch, slowly + DONE)
    assert run(host, child).messages == [Started(10), Done(())]


def test_garbage_between_the_messages_is_passed_over(host, child, job, tmp_path, monkeypatch):
    garbage = "os.write(1, bytes(range(256)) * 400 + b'\\n{}\\n[1]\\n{\"mistkd\": \"Done\"}\\n')\n"
    python_slicer(tmp_path, monkeypatch, garbage + STARTED + garbage + DONE)
    listener = run(host, child)
    assert listener.messages == [Started(10), Done(())] and listener.ends == [None]


def test_what_it_says_on_stderr_is_in_the_log(host, child, job, tmp_path, monkeypatch, caplog):
    python_slicer(tmp_path, monkeypatch, "os.write(2, b'first \\xff\\nlast words')\n" + DONE)
    with caplog.at_level(logging.WARNING):
        run(host, child)
    assert "first" in caplog.text and "last words" in caplog.text


@pytest.mark.parametrize(("body", "words"), [
    (KILL_ITSELF, "memory ran out"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (code 11)"),
    ("sys.exit(137)", "memory ran out"),
    (ABNORMAL_END, "crashed or was ended by another program"),
    ("sys.exit(5)", "ended without a result (code 5)"),
    ("", "ended without a result (code 0)"),
    ("import shutil; shutil.rmtree(folder)", "was deleted"),
])
def test_each_sudden_end_has_its_sentence(host, child, job, tmp_path, monkeypatch, body, words):
    python_slicer(tmp_path, monkeypatch, STARTED + body)
    listener = run(host, child)
    assert listener.messages == [Started(10)]
    (sentence,) = listener.ends
    assert words in sentence and sentence.count(".") <= sentence.count("tmp") + 1


def test_a_child_that_took_much_memory_and_was_killed_behind_a_launcher_is_told_as_such(host, child, job, tmp_path,
                                                                                      monkeypatch):
    monkeypatch.setattr("MISTKDSegmentLib.slicer.panel.sudden_end.usable_memory", lambda: 4_000_000_000)
    leave(job.folder, LastWord(3_100_000_000, 40, 150))
    python_slicer(tmp_path, monkeypatch, STARTED + ABNORMAL_END)
    assert run(host, child).ends == [
        "The system ended the segmentation because memory ran out (after 40 of 150 slices, with 3.1 of 4.0 GB of "
        "memory); close other programs or crop the volume, then start again."]


def test_when_the_kernel_has_ended_processes_for_want_of_memory_it_was_that(host, job, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.panel.child_process import ChildProcess

    kills = itertools.count()
    monkeypatch.setattr("MISTKDSegmentLib.slicer.panel.sudden_end.memory_kills", lambda: next(kills))
    python_slicer(tmp_path, monkeypatch, STARTED + ABNORMAL_END)
    (sentence,) = run(host, ChildProcess(job)).ends
    assert sentence.startswith("The system ended the segmentation because memory ran out;")


def test_a_missing_program_is_told_after_start_has_returned(host, child, job, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    listener = listen(child)
    assert listener.calls == 0
    host.pump(until=lambda: listener.ends)
    assert len(listener.ends) == 1 and "PythonSlicer could not be started" in listener.ends[0]


def test_a_program_that_cannot_be_run_is_told(host, child, job, tmp_path, monkeypatch):
    python_slicer(tmp_path, monkeypatch, "").write_bytes(b"\x7fELF is not what this is")
    assert "could not be started" in run(host, child).ends[0]


def test_stop_ends_it_at_once_and_in_silence(host, child, job, tmp_path, monkeypatch, temporary):
    python_slicer(tmp_path, monkeypatch, STARTED + HANG)
    listener = listen(child)
    host.pump(until=lambda: listener.messages)
    assert processes_in(job.folder)
    child.stop()
    assert not child.isRunning and soon(lambda: not processes_in(job.folder), 1.0)
    idle(host, 0.1)
    assert listener.calls == 1


def test_a_message_that_leads_to_stop_is_the_last(host, child, job, tmp_path, monkeypatch):
    both = "".join(line.split("'")[1] + "\\n" for line in (STARTED, DONE))
    python_slicer(tmp_path, monkeypatch, f"os.write(1, '{both}'.encode())")
    got = []
    child.said.connect(lambda message: (got.append(message), child.stop()))
    child.ended.connect(got.append)
    child.start()
    host.pump(until=lambda: got)
    host.pump(until=lambda: not processes_in(job.folder))
    assert got == [Started(10)]


def test_stopping_before_the_program_has_started_leaves_nothing(host, child, job, tmp_path, monkeypatch):
    python_slicer(tmp_path, monkeypatch, STARTED + HANG)
    listener = listen(child)
    child.stop()
    host.pump(until=lambda: not processes_in(job.folder), timeout_s=2)
    assert listener.calls == 0


def test_the_python_behind_a_launcher_ends_too(host, child, job, tmp_path, monkeypatch, temporary):
    launcher(tmp_path, monkeypatch)
    child.start()
    # The launcher and the Python that it starts.
    host.pump(until=lambda: len(processes_in(job.folder)) == 2, timeout_s=10)
    child.stop()
    job.remove()
    assert nothing_left(temporary, within_s=10.0)


def test_another_can_be_started_from_its_end(host, child, job, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.panel.child_process import ChildProcess

    python_slicer(tmp_path, monkeypatch, DONE)
    ends = []

    def again(sentence):
        ends.append(sentence)
        if len(ends) < 3:
            start(ChildProcess(job))

    def start(child):
        child.ended.connect(again)
        child.start()

    start(child)
    host.pump(until=lambda: len(ends) == 3, timeout_s=10)
    assert ends == [None, None, None]


def test_the_program_is_the_one_on_the_path_else_the_one_beside_python(host, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.panel.child_process import python_program

    program = python_slicer(tmp_path, monkeypatch, "")
    assert Path(python_program()) == program
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(sys, "executable", "/opt/Slicer/bin/SlicerApp-real")
    assert Path(python_program()) == Path("/opt/Slicer/bin/PythonSlicer")


def test_a_window_that_dies_leaves_no_child_and_no_folder(tmp_path, temporary):
    """The window is a process of its own here: killed, it can tidy nothing up itself."""
    script = (
        "import subprocess, sys; from pathlib import Path; import numpy as np\n"
        "from MISTKDSegmentLib.child.job import Job, Order; from MISTKDSegmentLib.geometry.volume import Volume\n"
        "from Testing.conftest import write_tiny_bundle; from Testing.panel.patients import patient_voxels\n"
        "volume = Volume(patient_voxels(), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))\n"
        f"order = Order(write_tiny_bundle(Path({str(tmp_path / 'bundle')!r})), preview=True)\n"
        f"job = Job.create(volume, order, inside=Path({str(temporary)!r}))\n"
        "subprocess.Popen(job.command(sys.executable)).wait()\n")
    window = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert b"Started" in window.stdout.readline() and len(processes_in(temporary / "mistkd")) == 1
    window.kill()
    window.wait()
    window.stdout.close()
    assert soon(lambda: not processes_in(temporary / "mistkd") and not list(temporary.iterdir()), 3.0)
