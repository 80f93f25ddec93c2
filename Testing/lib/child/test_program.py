"""The child process for real: it labels, answers, fails in one sentence, and never outlives its purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.child.last_word import LastWord, find
from MISTKDSegmentLib.child.messages import Done, Failed, Lines, SliceDone, Started
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.system import is_alive
from Testing.lib.inference.test_runner import patient

PATIENCE_S = 60  # a busy machine


def flipped(volume: Volume) -> Volume:
    """The same patient with the slices stored from head to feet."""
    direction = np.diag([1.0, 1.0, -1.0])
    top = volume.origin_mm[2] + volume.spacing_mm[2] * (len(volume.voxels) - 1)
    return Volume(volume.voxels[::-1], volume.spacing_mm, (*volume.origin_mm[:2], top), direction, volume.name)


def long_scan() -> Volume:
    """So many slices that no run is over before it is interrupted."""
    return replace(patient(), voxels=np.tile(patient().voxels, (400, 1, 1)))


class Child:
    """A running child and what it has said so far."""

    def __init__(self, job: Job, environment: dict[str, str] | None = None) -> None:
        self.job = job
        self.process = subprocess.Popen(job.command(sys.executable), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})})

    def messages(self) -> list:
        """Everything it says, until it ends."""
        output, self.errors = self.process.communicate(timeout=PATIENCE_S)
        return Lines().feed(output)

    def next(self) -> object:
        """The next message."""
        while True:
            line = self.process.stdout.readline()
            assert line, self.process.communicate(timeout=PATIENCE_S)[1].decode()
            for message in Lines().feed(line):
                return message

    def ends(self) -> int:
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    children = []

    def starter(volume: Volume | None, order: Order | None = None, **environment: str) -> Child:
        job = Job.create(volume, order, inside=tmp_path) if volume else Job.empty(inside=tmp_path)
        children.append(Child(job, environment))
        return children[-1]

    yield starter
    for child in children:
        child.process.kill()
        child.process.communicate()


@pytest.mark.parametrize("volume", [patient(), flipped(patient())], ids=["feet first", "head first"])
def test_it_labels_as_the_runner_does_and_says_where(start, tiny_bundle, volume):
    child = start(volume, Order(tiny_bundle))
    first, *progress, last, done = child.messages()
    assert child.ends() == 0
    expected = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, load_bundle(tiny_bundle), expected):
        pass
    np.testing.assert_array_equal(child.job.labels, expected)
    assert first == Started(10) and last == Progress(10, 10)
    slabs = [(0, 4), (4, 8)] if volume.direction[2, 2] > 0 else [(6, 10), (2, 6)]
    assert progress == [Progress(n, 10, Filled(0, *slab)) for n, slab in zip((4, 8), slabs)]
    assert isinstance(done, Done)
    assert [(row.label.name, row.voxels) for row in done.rows] == [
        ("liver", np.count_nonzero(expected == 5)), ("spleen", np.count_nonzero(expected == 7))]


def test_organs_that_are_not_asked_for_are_neither_labelled_nor_measured(start, tiny_bundle):
    child = start(patient(), Order(tiny_bundle, SegmentOptions(organs=("spleen",))))
    assert [row.label.name for row in child.messages()[-1].rows] == ["spleen"]
    assert set(np.unique(child.job.labels)) == {0, 7}


def test_a_preview_answers_request_after_request_until_it_is_stopped(start, tiny_bundle):
    child = start(patient(), Order(tiny_bundle, preview=True))
    assert child.next() == Started(0)
    whole = np.zeros((10, 60, 70), np.uint8)
    for _ in segment(patient(), load_bundle(tiny_bundle), whole, SegmentOptions(postprocess=False)):
        pass
    for number, k in enumerate((6, 3)):
        child.job.request(number, (0.0, 0.0, 100.0 + 5 * k + 1))
        assert child.next() == SliceDone(number, Filled(0, k, k + 1))
        np.testing.assert_array_equal(child.job.labels[k], whole[k])
    assert not child.job.labels[[0, 1, 2, 4, 5, 7, 8, 9]].any()
    child.job.stop()
    child.ends()


@pytest.mark.parametrize(("change", "kind", "sentence"), [
    (lambda hu, bundle: hu.__setitem__(..., 7), "input", "every voxel is 7"),
    (lambda hu, bundle: np.abs(hu, out=hu), "input", "is no CT in HU"),
    (lambda hu, bundle: (bundle / "model.onnx").write_bytes(b"damaged"), "model", "does not match the checksum"),
])
def test_what_cannot_be_segmented_is_one_sentence(start, tiny_bundle, change, kind, sentence):
    volume = patient()
    change(volume.voxels, tiny_bundle)
    child = start(volume, Order(tiny_bundle))
    (failed,) = child.messages()
    assert child.ends() == 1 and isinstance(failed, Failed)
    assert failed.kind == kind and sentence in failed.sentence and "\n" not in failed.sentence
    assert "Traceback" in failed.detail and child.errors == b""


@pytest.mark.parametrize(("module", "reason"), [
    ("raise ImportError('libonnx.so: cannot open')", "libonnx.so: cannot open"),
    ("__version__, disable_telemetry_events = '1.18.1', int", "version 1.18.1, needed is 1.19"),
])
def test_an_unusable_onnxruntime_is_told_as_such(start, tiny_bundle, tmp_path, module, reason):
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "onnxruntime.py").write_text(module, encoding="utf-8")
    (failed,) = start(patient(), Order(tiny_bundle), PYTHONPATH=str(tmp_path / "fake")).messages()
    assert failed.kind == "onnxruntime" and reason in failed.sentence


def test_a_child_that_is_started_before_there_is_a_scan_waits_for_it(start, tiny_bundle):
    child = start(None)
    time.sleep(0.2)
    for _ in child.job.fill(patient(), Order(tiny_bundle)):
        pass
    *_, last = child.messages()
    assert isinstance(last, Done)
    assert child.job.labels.any()


def test_a_child_that_waits_ends_without_a_word_when_it_is_stopped(start):
    child = start(None)
    child.job.stop()
    assert child.messages() == []
    assert child.errors == b""


def test_a_stopped_child_ends_at_once(start, tiny_bundle):
    child = start(patient(), Order(tiny_bundle, preview=True))
    child.next()
    child.job.stop()
    before = time.monotonic()
    child.ends()
    assert time.monotonic() - before < 10  # 0.1 s but for a busy machine; without stopping, it never ends


def test_a_child_whose_folder_is_gone_ends(start, tiny_bundle):
    child = start(patient(), Order(tiny_bundle, preview=True))
    child.next()
    child.job.remove()
    child.ends()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("preview", [True, False])
def test_a_child_outlives_its_window_by_no_more_than_a_moment_and_tidies_up(tiny_bundle, tmp_path, preview):
    script = tmp_path / "window.py"
    script.write_text(
        "import subprocess, sys, time\nfrom pathlib import Path\n"
        "from MISTKDSegmentLib.child.job import Job, Order\nfrom Testing.lib.child.test_program import long_scan\n"
        f"order = Order(Path({str(tiny_bundle)!r}), preview={preview})\n"
        f"job = Job.create(long_scan(), order, inside=Path({str(tmp_path)!r}))\n"
        "child = subprocess.Popen(job.command(sys.executable), stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, job.folder, flush=True)\ntime.sleep(600)\n", encoding="utf-8")
    root = Path(__file__).parents[3]
    window = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, encoding="utf-8", cwd=root,
                              env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'MISTKDSegment'}"})
    pid, folder = window.stdout.readline().split(maxsplit=1)
    os.kill(window.pid, signal.SIGKILL)
    window.communicate()
    deadline = time.monotonic() + PATIENCE_S
    while is_alive(int(pid)) or Path(folder.strip()).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="on Windows, files that the window holds cannot be removed")
def test_a_child_to_which_nobody_listens_removes_the_scan(start, tiny_bundle):
    child = start(patient(), Order(tiny_bundle))
    child.process.stdout.close()
    child.process.stderr.close()
    child.ends()
    assert not child.job.folder.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows tells no process to end")
@pytest.mark.parametrize("preview", [True, False])
def test_a_child_that_is_told_to_end_says_so_and_removes_the_scan(start, tiny_bundle, preview):
    child = start(long_scan(), Order(tiny_bundle, preview=preview))
    child.next()
    child.process.send_signal(signal.SIGTERM)
    *_, failed = child.messages()
    assert failed.sentence == "The system ended the segmentation (SIGTERM); start it again."
    assert not child.job.folder.exists()


def test_a_child_leaves_word_of_its_memory_and_of_how_far_it_is(start, tiny_bundle):
    child = start(long_scan(), Order(tiny_bundle))
    assert child.next() == Started(4000)
    done = 0
    while not done:
        child.next()
        done = (find(child.job.folder) or LastWord(None)).slices_done
    word = find(child.job.folder)
    assert 0 < word.slices_done < word.slices_total == 4000
    assert word.peak_bytes is None or word.peak_bytes > 30 << 20
