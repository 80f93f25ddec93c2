"""Scans of other sizes are of the same patient."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.volume import Volume
from Testing.benchmarks.scans import evenly, thin_scan, with_pixels, with_slices, write_many


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


def test_kinds_are_spread_so_that_each_third_has_its_share():
    order = evenly([6, 3])
    assert [order[third:third + 3].count(1) for third in (0, 3, 6)] == [1, 1, 1]


def test_a_folder_holds_files_of_several_scans_in_the_order_of_their_names(volume, tmp_path):
    write_many(tmp_path / "many", [volume, with_slices(volume, 2)], [0, 1, 0])
    paths = sorted((tmp_path / "many").iterdir())
    assert [path.name for path in paths] == ["000000.nii.gz", "000001.nii.gz", "000002.nii.gz"]
    assert [sitk.ReadImage(str(path)).GetDepth() for path in paths] == [3, 2, 3]
    assert list(tmp_path.iterdir()) == [tmp_path / "many"]
