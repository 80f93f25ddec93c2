"""What is left when a process is killed while it writes, when two write at once, and after two hundred runs in one."""

from __future__ import annotations

import csv
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.reading import read_label_map
from MISTKDSegmentLib.io.writing import write_segmentation
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.overlay import write_overlay
from MISTKDSegmentLib.report.table import CSV_COLUMNS, measure, write_csv
from Testing.corpus import scans
from Testing.corpus.line import read_segment_write

STEM, OUTPUTS = "scan", ("scan.csv", "scan.nii.gz", "scan.png", "scan.seg.nrrd")
LABEL_TABLE = [label for label in ABDOMEN_LABELS if label.value == scans.LIVER]
HERE = Path(__file__).parents[2]


def write_results(folder: Path, turn: int) -> None:
    """All four results with labels that say which turn they are of: `turn` slices of liver."""
    scan = scans.plain((8, 40, 40))
    volume = Volume(scan.hu, scan.spacing_mm, scan.origin_mm, scan.direction, STEM)
    labels = np.zeros(scan.hu.shape, np.uint8)
    labels[:turn] = scans.LIVER
    write_segmentation(folder / "scan.seg.nrrd", volume, labels, LABEL_TABLE)
    write_segmentation(folder / "scan.nii.gz", volume, labels, LABEL_TABLE)
    write_csv(folder / "scan.csv", measure(volume, labels, LABEL_TABLE))
    write_overlay(folder / "scan.png", volume, labels, LABEL_TABLE)


def check_results(folder: Path) -> None:
    """Each file is whole and of one turn."""
    for name in ("scan.seg.nrrd", "scan.nii.gz"):
        slices = read_label_map(folder / name).voxels.reshape(8, -1)
        assert (slices == slices[:, :1]).all()  # a slice is all liver or all background
        assert list(slices[:, 0]) == sorted(slices[:, 0], reverse=True)
        assert sitk.ReadImage(str(folder / name)).GetSize() == (40, 40, 8)
    with open(folder / "scan.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == CSV_COLUMNS and int(row["voxels"]) % 1600 == 0 and None not in row.values()
    with Image.open(folder / "scan.png") as picture:
        picture.load()
        assert picture.width == 1400


def writing(folder: Path, turns: str) -> subprocess.Popen:
    """A process that writes all results again and again; it is at work when this returns."""
    script = ("import sys; from pathlib import Path; from itertools import cycle\n"
              "from Testing.corpus.test_survival import write_results\n"
              "print(flush=True)\n"
              "for turn in cycle(map(int, sys.argv[2])): write_results(Path(sys.argv[1]), turn)")
    process = subprocess.Popen([sys.executable, "-c", script, str(folder), turns], stdout=subprocess.PIPE, cwd=HERE)
    process.stdout.readline()
    return process


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_results_are_old_or_new_and_never_torn_whenever_their_writer_is_killed(tmp_path):
    moments = random.Random(1)
    write_results(tmp_path, 1)
    for _ in range(3):
        with writing(tmp_path, "2345") as process:
            time.sleep(moments.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
        check_results(tmp_path)
    # What is left of the killed is hidden, and goes with the first writer that comes an hour later.
    assert {name for name in os.listdir(tmp_path) if not name.startswith(".mistkd-")} == set(OUTPUTS)
    for path in tmp_path.glob(".mistkd-*"):
        os.utime(path, (time.time() - 4000,) * 2)
    write_results(tmp_path, 1)
    assert sorted(os.listdir(tmp_path)) == sorted(OUTPUTS)


def test_two_processes_that_write_the_same_results_at_once_never_tear_them(tmp_path):
    write_results(tmp_path, 1)
    with writing(tmp_path, "23") as one, writing(tmp_path, "45") as other:
        for _ in range(10):
            check_results(tmp_path)
            time.sleep(0.02)
        assert one.poll() is None and other.poll() is None
        one.kill()
        other.kill()


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def memory_of_runs(count: int, folder: Path, bundle: Path) -> list[float]:
    """Resident memory after each of many runs, good and bad ones and all formats in turn."""
    (folder / "out").mkdir()
    paths = [scans.write(scans.plain((40, 70, 80)), folder / f"scan{suffix}") for suffix in scans.SUFFIXES]
    (folder / "bad.nii.gz").write_bytes(paths[1].read_bytes()[:-20])
    memory = []
    for turn in range(count):
        scan = [*paths, folder / "bad.nii.gz"][turn % (len(paths) + 1)]
        outcome = read_segment_write(scan, bundle, folder / "out" / "scan.seg.nrrd")
        assert bool(outcome.error) == (scan.name == "bad.nii.gz"), outcome.error
        memory.append(resident_mb())
    return memory


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_two_hundred_runs_in_one_process_take_no_more_memory_than_fifty(work, bundle, tmp_path):
    memory: list[float] = []
    for part in "abcd":  # a case has a time limit
        (tmp_path / part).mkdir()
        memory += work(memory_of_runs, 50, tmp_path / part, bundle)
    assert len(memory) == 200
    # A scan of 0.43 MiB that stayed behind in each of the 150 runs between would be 64 MiB.
    assert statistics.median(memory[-20:]) - statistics.median(memory[30:50]) < 25
