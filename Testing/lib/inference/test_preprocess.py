"""Window, body box and resampling in the slice, on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.preprocess import body_box, slice_grid, window

WHOLE = (slice(None), slice(None))


def scan_with_body(rows: slice, columns: slice, air: int = -1000) -> Volume:
    voxels = np.full((4, 100, 120), air, np.int16)
    voxels[:, rows, columns] = 40
    return Volume(voxels, (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))


def test_the_window_maps_its_ends_to_0_and_1_and_clips_beyond():
    hu = np.array([-1000, -125, 75, 275, 3000], np.int16)
    np.testing.assert_allclose(window(hu, (-125.0, 275.0)), [0, 0, 0.5, 1, 1])


def test_the_box_holds_the_body_and_its_margin():
    rows, columns = body_box(scan_with_body(slice(30, 70), slice(20, 100)))
    assert rows.start <= 30 - 4 and rows.stop >= 70 + 4
    assert rows.start >= 20 and rows.stop <= 80
    assert columns.start <= 20 - 4 and columns.stop >= 100 + 4


def test_a_thin_table_below_the_body_is_left_out():
    scan = scan_with_body(slice(20, 60), slice(20, 100))
    scan.voxels[:, 92:93, :] = 100
    assert body_box(scan)[0].stop < 80


def test_a_scan_clipped_to_a_soft_tissue_window_has_the_same_box():
    full = body_box(scan_with_body(slice(30, 70), slice(20, 100)))
    assert body_box(scan_with_body(slice(30, 70), slice(20, 100), air=-125)) == full


def test_without_a_body_the_box_is_the_whole_slice():
    assert body_box(scan_with_body(slice(0, 0), slice(0, 0))) == (slice(0, 100), slice(0, 120))


@pytest.mark.parametrize("multiple", [1, 8, 32])
def test_the_grid_is_a_multiple_and_covers_the_box(multiple):
    grid = slice_grid(scan_with_body(slice(30, 70), slice(20, 100)), 1.5, multiple)
    assert all(size % multiple == 0 for size in grid.size)
    for voxels, pixels in ((grid.row_axis, grid.pixel_row_axis), (grid.column_axis, grid.pixel_column_axis)):
        assert pixels.centres_mm[0] - 0.75 <= voxels.centres_mm[0] - 1.0 + 1e-6
        assert pixels.centres_mm[-1] + 0.75 >= voxels.centres_mm[-1] + 1.0 - 1e-6


def test_a_linear_ramp_keeps_its_values_to_pixels_and_back():
    scan = scan_with_body(slice(30, 70), slice(20, 100))
    grid = slice_grid(scan, 1.5, 8)
    ramp = np.broadcast_to(np.arange(120) * 2.0, (100, 120))[grid.rows, grid.columns]
    pixels = grid.to_pixels(ramp[None])[0]
    inside = slice(10, -10)
    expected = grid.pixel_column_axis.centres_mm
    np.testing.assert_allclose(pixels[40, inside], expected[inside], rtol=1e-4)
    back = grid.to_voxels(pixels, WHOLE)
    np.testing.assert_allclose(back[20, inside], ramp[20, inside], rtol=1e-4)


def test_scores_of_half_resolution_come_back_to_the_place_that_they_cover():
    scan = scan_with_body(slice(30, 70), slice(20, 100))
    grid = slice_grid(scan, 2.0, 8)
    pixels = np.zeros(grid.size, np.float32)
    pixels[40:48, 60:68] = 1
    half = pixels.reshape(grid.size[0] // 2, 2, grid.size[1] // 2, 2).mean((1, 3))
    full, coarse = grid.to_voxels(pixels, WHOLE) > 0.5, grid.to_voxels(half, WHOLE) > 0.5
    np.testing.assert_array_equal(full, coarse)


def test_voxels_near_a_pixel_are_those_that_change_with_it():
    grid = slice_grid(scan_with_body(slice(30, 70), slice(20, 100)), 1.5, 8)
    scores = np.zeros((grid.size[0] // 2, grid.size[1] // 2), np.float32)
    scores[9, 13] = 1
    rows, columns = np.nonzero(grid.to_voxels(scores, WHOLE))
    near = grid.voxels_near((slice(9, 10), slice(13, 14)), scores.shape)
    assert near == (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))


def test_noise_and_thin_lines_are_no_body():
    scan = scan_with_body(slice(30, 70), slice(20, 100))
    scan.voxels[:, 5, :] = scan.voxels[:, :, 3] = scan.voxels[2, 90, 110] = 100
    assert body_box(scan) == body_box(scan_with_body(slice(30, 70), slice(20, 100)))


@pytest.mark.parametrize("spacing_mm", [0.5, 1.5, 1.99, 2.0, 3.0])
def test_a_scan_of_one_column_is_seen_by_the_network_and_labelled(spacing_mm):
    column = Volume(np.full((3, 40, 1), 40, np.int16), (spacing_mm, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))
    grid = slice_grid(column, 2.0, 32)
    seen = grid.to_pixels(np.ones((1, 40, 1), np.float32))[0]
    assert seen.max() == pytest.approx(1.0)
    assert (grid.to_voxels(seen, (slice(5, 35), slice(0, 1))) > 0.4).all()
