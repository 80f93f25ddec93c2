"""A box that a run is restricted to: which slices meet it, which voxels lie in it."""

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.lib.orientations import rotation

SCAN = Volume(np.zeros((10, 6, 8), np.int16), (2.0, 3.0, 5.0), (-10.0, 20.0, 100.0), np.eye(3))


STRAIGHT = np.eye(3)


def box(low, high, turn=STRAIGHT):
    """Region around LPS positions, turned about its centre."""
    low, high = np.array(low), np.array(high)
    unit_to_lps = np.eye(4)
    unit_to_lps[:3, :3] = turn * (high - low) / 2
    unit_to_lps[:3, 3] = (low + high) / 2
    return Region(np.linalg.inv(unit_to_lps))


@pytest.mark.parametrize(("low", "high", "expected"), [
    (100, 145, range(10)), (101, 119, range(1, 4)), (105, 115, range(1, 4)), (0, 104, range(1)),
    (146, 200, range(0)), (106, 109, range(0))])
def test_the_slices_are_those_whose_centres_lie_in_the_box(low, high, expected):
    assert list(box((-99, -99, low), (99, 99, high)).slices(SCAN)) == list(expected)


@pytest.mark.parametrize("shift", [(500, 0, 0), (-500, 0, 0), (0, 500, 0), (0, -500, 0), (0, 0, 500), (0, 0, -500)])
def test_a_box_beside_the_scan_meets_no_slice_on_whichever_side(shift):
    low, high = np.array([-9.0, 18.0, 104.0]), np.array([3.0, 36.0, 140.0])
    assert list(box(low, high).slices(SCAN)) == list(range(1, 9))
    assert list(box(low + shift, high + shift).slices(SCAN)) == []


def test_the_mask_holds_the_voxels_whose_centres_lie_in_the_box():
    # i: -8 to -4 are the voxels 1, 2 and 3; j: 22 to 27 are 1 and 2
    mask = box((-8.5, 22, 110), (-3.5, 27, 120)).mask(SCAN, 3)
    expected = np.zeros((6, 8), bool)
    expected[1:3, 1:4] = True
    np.testing.assert_array_equal(mask, expected)
    assert not box((-8.5, 22, 110), (-3.5, 27, 120)).mask(SCAN, 5).any()


def test_a_turned_box_holds_what_a_turned_scan_would_show():
    turn = rotation(30, 2)
    region = box((-9, 18, 110), (3, 33, 120), turn)
    centre = np.array([-3.0, 25.5, 115.0])
    for j in range(6):
        for i in range(8):
            own = turn.T @ (SCAN.ijk_to_lps @ [i, j, 3, 1])[:3] - turn.T @ centre
            assert region.mask(SCAN, 3)[j, i] == bool((np.abs(own) <= [6, 7.5, 5]).all())


def test_the_rim_is_the_inside_next_to_the_outside():
    region = box((-9, 18, 104), (3, 36, 116))
    mask, rim = region.mask(SCAN, 2), region.rim(SCAN, 2)
    # Slice 2 at 110 mm has neighbours at 105 and 115 mm in the box: its rim is that of the rectangle.
    assert mask[:6, 1:7].all() and mask.sum() == 36
    inner = np.zeros((6, 8), bool)
    inner[1:5, 2:6] = True
    np.testing.assert_array_equal(rim, mask & ~inner)
    np.testing.assert_array_equal(region.rim(SCAN, 1), region.mask(SCAN, 1))
