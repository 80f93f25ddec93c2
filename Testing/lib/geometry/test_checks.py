"""Geometry that no scan can have."""

from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_direction, check_extent, check_spacing, format_mm

SCAN = Path("scan.nrrd")


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_spacing_is_refused_with_its_numbers(bad):
    with pytest.raises(InputError, match=rf"scan\.nrrd .*1 x {bad:g} x 3 mm"):
        check_spacing(SCAN, (1.0, bad, 3.0))


def test_a_possible_spacing_passes():
    check_spacing(SCAN, (0.06, 1.0, 50.0))


@pytest.mark.parametrize("spacing_mm", [(780.0, 780.0, 3000.0), (0.00078, 0.00078, 0.003)])
def test_another_unit_than_millimetres_is_refused(spacing_mm):
    with pytest.raises(InputError, match=r"no body CT has.*correct the header"):
        check_spacing(SCAN, spacing_mm)


def test_a_scan_that_is_wider_than_any_body_is_refused_with_its_size():
    with pytest.raises(InputError, match=r"scan\.nrrd is 3840 x 3840 x 250 mm large .*7\.5 x 7\.5 x 5 mm.*correct"):
        check_extent(SCAN, (512, 512, 50), (7.5, 7.5, 5.0))


@pytest.mark.parametrize("long", [0, 1, 2])
def test_a_whole_body_passes_whichever_its_long_axis_is(long):
    size, spacing_mm = [512, 512], [0.9765625] * 3
    size.insert(long, 2200)  # 2148 mm
    check_extent(SCAN, size, spacing_mm)


def test_rotations_and_reflections_pass_even_when_rounded():
    turn = np.radians(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    for direction in (np.eye(3), np.diag([1, 1, -1]), rotation, rotation.round(4)):
        check_direction(SCAN, direction)


@pytest.mark.parametrize("direction", [[[1, 0.01, 0], [0, 1, 0], [0, 0, 1]], np.zeros((3, 3)),
                                       np.full((3, 3), np.nan), np.eye(3) * 2])
def test_sheared_singular_and_unfinished_directions_are_refused(direction):
    with pytest.raises(InputError, match=r"scan\.nrrd .*not at right angles"):
        check_direction(SCAN, np.array(direction, float))


def test_lengths_are_written_for_people():
    assert format_mm((1.5, 0.9765625, 3.0)) == "1.5 x 0.9766 x 3 mm"
