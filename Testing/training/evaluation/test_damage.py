"""Damaged copies: what is done to a scan is done to its reference as well."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from Testing.lib.orientations import ORIENTATIONS, turned
from Training.data.prepared import IGNORE
from Training.evaluation.damage import PLAIN, TUMOUR_HU, damaged, damages

WINDOW = (-125.0, 275.0)
NAMES = list(damages(WINDOW))
SPACING_MM = (2.0, 2.0, 3.0)


def scan():
    """A body of 0 HU with two organs of 150 HU, slices of 3 mm."""
    voxels, reference = np.full((20, 24, 30), -1000, np.int16), np.zeros((20, 24, 30), np.uint8)
    voxels[:, 4:20, 4:26] = 0
    reference[4:12, 6:12, 6:12], reference[9:16, 12:18, 16:24] = 1, 2
    voxels[reference > 0] = 150
    return Volume(voxels, SPACING_MM, (0.0, 0.0, 0.0), np.eye(3)), reference


def copy_of(name, case="a"):
    return damaged(name, *scan(), WINDOW, case)


@pytest.mark.parametrize("name", NAMES)
def test_scan_and_reference_stay_one(name):
    volume, reference = copy_of(name)
    assert volume.voxels.shape == reference.shape and np.isfinite(volume.voxels).all()
    assert reference.dtype == np.uint8 and set(np.unique(reference)) <= {0, 1, 2}


@pytest.mark.parametrize("name", [name for name in NAMES if name != PLAIN])
def test_every_damage_does_something(name):
    volume, _ = copy_of(name)
    plain, _ = scan()
    assert volume.voxels.shape != plain.voxels.shape or volume.spacing_mm != plain.spacing_mm or (
        volume.voxels != plain.voxels).any()


@pytest.mark.parametrize("name", ["noise", "tumours", "organs removed", "missing slices", "moving patient"])
def test_the_same_case_is_damaged_the_same_way(name):
    one, other = copy_of(name)[0].voxels, copy_of(name)[0].voxels
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("direction", ORIENTATIONS[:6])
def test_up_is_up_in_every_orientation(direction):
    volume, reference = scan()
    there = turned(volume, direction)
    upper, _ = damaged("upper half", there, turned(volume.with_voxels(reference), direction).voxels, WINDOW, "a")
    np.testing.assert_array_equal(upper.voxels, volume.voxels[10:])


def test_thick_slices_are_means_with_the_reference_of_the_middle():
    volume, reference = copy_of("thick slices")
    plain, truth = scan()
    assert volume.spacing_mm == (2.0, 2.0, 9.0) and len(volume.voxels) == 6
    np.testing.assert_allclose(volume.voxels[0], plain.voxels[:3].mean(0))
    np.testing.assert_array_equal(reference, truth[1:18:3])


def test_missing_slices_are_not_told():
    volume, _ = copy_of("missing slices")
    assert len(volume.voxels) == 16 and volume.spacing_mm == SPACING_MM


def test_a_child_is_smaller():
    assert copy_of("child")[0].spacing_mm == pytest.approx((1.3, 1.3, 1.95))


def test_removed_organs_are_fat_and_in_no_reference():
    volume, reference = copy_of("organs removed")
    _, truth = scan()
    assert not reference.any()
    assert volume.voxels[truth == 1].mean() == pytest.approx(-100, abs=3)


def test_a_tumour_is_still_the_organ():
    volume, reference = copy_of("tumours")
    np.testing.assert_array_equal(reference, scan()[1])
    changed = (volume.voxels != scan()[0].voxels) & (reference == 1)
    assert changed.sum() == int(0.4 * (reference == 1).sum())
    assert volume.voxels[changed].mean() == pytest.approx(TUMOUR_HU, abs=4)


def test_unknown_labels_stay_unknown():
    volume, reference = scan()
    reference[0] = IGNORE
    _, kept = damaged("organs removed", volume, reference, WINDOW, "a")
    assert (kept[0] == IGNORE).all() and not kept[1:].any()
