"""Stages of a real run, and their shares."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.benchmarks.clock import timed
from Testing.benchmarks.scans import labels_of
from Testing.benchmarks.stages import NETWORK, PLACES, READ, REST, WRITE, serial_seconds, shares, stage_seconds


def test_shares_are_parts_of_one():
    assert shares({"read": 1.0, "network": 3.0}) == {"read": 0.25, "network": 0.75}


def small() -> Volume:
    voxels = np.full((6, 40, 40), -1000, np.int16)
    voxels[:, 8:32, 8:32] = 40
    return Volume(voxels, (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))


def test_the_network_works_for_a_part_of_the_time(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    whole_s, _ = timed(lambda: labels_of(small(), bundle))
    assert 0 < serial_seconds(small(), bundle, 3) < 5 * whole_s


def test_every_stage_of_a_run_is_seen(tiny_bundle, tmp_path):
    write_scan(tmp_path / "scan.nii.gz", small())
    seconds = stage_seconds(tmp_path / "scan.nii.gz", load_bundle(tiny_bundle), 2)
    assert set(seconds) == {READ, WRITE, REST, *(stage for _, _, stage in PLACES)}
    assert all(value >= 0 for value in seconds.values()) and seconds[NETWORK] > 0
