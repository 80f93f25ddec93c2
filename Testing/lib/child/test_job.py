"""The folder between window and child: what goes in comes out, and nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.job import Job, Order, is_orphan, is_over, open_work, sweep_leftovers, wait_for_work
from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.system import is_alive
from Testing.lib.orientations import rotation

TURNED = rotation(20, 0)


def scan(dtype=np.int16) -> Volume:
    voxels = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)
    return Volume(voxels, (1.5, 2.0, 3.0), (-10.0, 20.0, 30.5), TURNED, "Größe 1")


def gone() -> int:
    """Number of a process that has ended."""
    return int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"]))


def test_the_child_finds_the_scan_and_the_options_as_they_were(tmp_path):
    options = SegmentOptions(["liver"], 2, 5.0, False, Region(np.diag([1.0, 2.0, 3.0, 1.0])))
    order = Order(tmp_path / "model", options, preview=True)
    work = open_work(Job.create(scan(), order, inside=tmp_path).folder)
    np.testing.assert_array_equal(work.volume.voxels, scan().voxels)
    assert (work.volume.spacing_mm, work.volume.origin_mm) == (scan().spacing_mm, scan().origin_mm)
    np.testing.assert_allclose(work.volume.direction, TURNED)
    assert work.volume.name == "Größe 1"
    np.testing.assert_array_equal(work.order.options.region.lps_to_unit, options.region.lps_to_unit)
    assert replace(work.order.options, region=None) == replace(options, region=None)
    assert (work.order.bundle, work.order.preview) == (tmp_path / "model", True)


@pytest.mark.parametrize(("given", "kept"), [
    (np.int16, np.int16), (np.uint8, np.uint8), (np.float32, np.float32), (np.float64, np.float32),
    (np.int64, np.float32)])
def test_no_voxel_takes_more_than_four_bytes(tmp_path, given, kept):
    work = open_work(Job.create(scan(given), Order(tmp_path), inside=tmp_path).folder)
    assert work.volume.voxels.dtype == kept
    np.testing.assert_array_equal(work.volume.voxels, scan().voxels)


def test_flipped_and_transposed_views_are_written_as_they_are_seen(tmp_path):
    seen = scan().voxels.transpose(1, 2, 0)[:, ::-1]
    work = open_work(Job.create(replace(scan(), voxels=seen), Order(tmp_path), inside=tmp_path).folder)
    np.testing.assert_array_equal(work.volume.voxels, seen)


def test_the_window_sees_labels_as_the_child_writes_them_and_cannot_change_them(tmp_path):
    job = Job.create(scan(), Order(tmp_path), inside=tmp_path)
    assert job.labels.shape == (4, 5, 6) and not job.labels.any()
    open_work(job.folder).labels[2, 1:3] = 7
    assert (job.labels[2, 1:3] == 7).all() and job.labels.sum() == 7 * 12
    with pytest.raises(ValueError, match="read-only"):
        job.labels[0] = 1


def test_a_removed_job_leaves_nothing_and_may_be_removed_and_stopped_again(tmp_path):
    job = Job.create(scan(), Order(tmp_path), inside=tmp_path)
    for _ in range(2):
        job.remove()
        job.stop()
    assert list(tmp_path.iterdir()) == []


def test_the_newest_request_is_the_one_that_waits(tmp_path):
    job = Job.create(scan(), Order(tmp_path, preview=True), inside=tmp_path)
    work = open_work(job.folder)
    assert work.request() is None
    job.request(1, (0, 0, 0))
    job.request(2, (1.5, -2, 3))
    assert (work.request().number, work.request().position_lps) == (2, (1.5, -2.0, 3.0))


def test_leftovers_of_dead_windows_are_swept_and_others_stay(tmp_path):
    mine, theirs = (Job.create(scan(), Order(tmp_path), inside=tmp_path) for _ in range(2))
    assert mine.folder.name.startswith(f"mistkd-segment-{os.getpid()}-")
    theirs.folder.rename(tmp_path / f"mistkd-segment-{gone()}-x")
    half_deleted = tmp_path / f"mistkd-segment-{gone()}-y"
    half_deleted.mkdir()
    (half_deleted / "voxels.npy").touch()
    (tmp_path / "mistkd-segment-other").mkdir()
    (tmp_path / "other").mkdir()
    sweep_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine.folder.name, "mistkd-segment-other", "other"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere cannot be written .*choose another one"):
        Job.empty(inside=tmp_path / "nowhere")


def test_a_folder_that_cannot_be_written_is_named_with_the_room_that_is_needed(tmp_path):
    job = Job.empty(inside=tmp_path)
    job.remove()
    with pytest.raises(OutputError, match=rf"{tmp_path.name} cannot be written .*make room for 1 MB"):
        list(job.fill(scan(), Order(tmp_path)))


def test_the_child_sees_a_scan_once_all_of_it_is_there(tmp_path):
    job = Job.empty(inside=tmp_path)
    steps = job.fill(scan(), Order(tmp_path))
    for _ in steps:
        assert wait_for_work(job.folder, 0.0, 0.0) is None
    np.testing.assert_array_equal(wait_for_work(job.folder, 0.0, 0.0).volume.voxels, scan().voxels)
    assert job.labels.shape == (4, 5, 6)


def test_writing_a_scan_takes_a_step_for_each_slice(tmp_path):
    job = Job.empty(inside=tmp_path)
    assert job.labels.size == 0
    assert len(list(job.fill(scan(), Order(tmp_path)))) == 8


def test_a_job_is_over_when_it_is_stopped_or_removed_or_its_window_is_gone(tmp_path):
    stopped, removed, orphan = (Job.empty(inside=tmp_path) for _ in range(3))
    assert not is_over(stopped.folder)
    stopped.stop()
    removed.remove()
    left = orphan.folder.rename(tmp_path / f"mistkd-segment-{gone()}-x")
    assert all(map(is_over, (stopped.folder, removed.folder, left)))
    assert [is_orphan(folder) for folder in (stopped.folder, left)] == [False, True]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    import MISTKDSegmentLib.child.job as job

    write = job._write_array
    monkeypatch.setattr(job, "_write_array", lambda path, *rest: write(Path("/dev/full"), *rest))
    big = replace(scan(), voxels=np.zeros((4, 300, 300), np.int16))
    with pytest.raises(OutputError, match="No space left"):
        Job.create(big, Order(tmp_path), inside=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_this_process_lives_and_an_ended_one_does_not():
    assert is_alive(os.getpid()) and not is_alive(gone())
