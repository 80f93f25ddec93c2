"""Scans of other sizes are of the same patient."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from Testing.benchmarks.scans import thin_scan, with_pixels, with_slices


@pytest.fixture
def volume() -> Volume:
    return Volume(np.arange(3 * 8 * 8).reshape(3, 8, 8).astype(np.int16), (2.0, 2.0, 4.0), (0.0, 0.0, 0.0), np.eye(3))


def test_thin_slices_fill_the_same_height(volume):
    thin = thin_scan(volume)
    assert thin.voxels.shape == (12, 8, 8) and thin.spacing_mm == (2.0, 2.0, 1.0)
    np.testing.assert_array_equal(thin.voxels[4:8], np.stack([volume.voxels[1]] * 4))


def test_more_slices_than_there_are_begin_again(volume):
    assert with_slices(volume, 5).voxels[:, 0, 0].tolist() == [0, 64, 128, 0, 64]
    assert with_slices(volume, 2).voxels.shape == (2, 8, 8)


@pytest.mark.parametrize(("pixels", "spacing_mm"), [(4, 4.0), (8, 2.0), (16, 1.0)])
def test_other_pixels_cover_the_same_patient(volume, pixels, spacing_mm):
    scan = with_pixels(volume, pixels)
    assert scan.voxels.shape == (3, pixels, pixels) and scan.spacing_mm == (spacing_mm, spacing_mm, 4.0)
    assert scan.voxels[2, 0, 0] == volume.voxels[2, 0, 0]
