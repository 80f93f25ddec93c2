"""Figures of fresh processes come back."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.writing import write_scan
from Testing.benchmarks.process import array_run, command_line, is_written


def scan() -> Volume:
    voxels = np.full((6, 40, 40), -1000, np.int16)
    voxels[:, 8:32, 8:32] = 40
    return Volume(voxels, (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))


def test_the_command_line_is_measured_up_to_the_file_and_to_its_end(tiny_bundle, tmp_path):
    write_scan(tmp_path / "scan.nii.gz", scan())
    run = command_line(tmp_path / "scan.nii.gz", tiny_bundle)
    assert 0 < run.to_disk_s <= run.whole_s
    assert not run.peak_mb < 20


def test_a_file_that_is_being_written_is_not_there_yet(tmp_path):
    (tmp_path / ".mistkd-0123456789ab.seg.nrrd").touch()
    assert not is_written(tmp_path)
    (tmp_path / "scan.seg.nrrd").touch()
    assert is_written(tmp_path)


def test_an_array_is_segmented_in_a_process_of_its_own(tiny_bundle):
    run = array_run(scan(), tiny_bundle, 2)
    assert run.seconds > 0
    assert not run.peak_mb < run.before_mb
