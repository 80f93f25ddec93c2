"""The shortcut to the winning class gives what interpolating every score everywhere gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.inference.argmax import winners
from MISTKDSegmentLib.inference.interpolation import Axis
from MISTKDSegmentLib.inference.preprocess import SliceGrid


def grid_of(pixels: int, voxels: int, spacing: float, start: float) -> SliceGrid:
    """As many pixels of 1 mm along both sides, and voxels of some spacing."""
    voxel_axis, pixel_axis = Axis(start, spacing, voxels), Axis(0.0, 1.0, pixels)
    return SliceGrid(slice(voxels), slice(voxels), voxel_axis, voxel_axis, pixel_axis, pixel_axis)


def winning(scores: np.ndarray, grid: SliceGrid) -> np.ndarray:
    """The winners, each class labelled with its number."""
    return winners(scores, grid, np.arange(len(scores), dtype=np.uint8))


def full_way(scores: np.ndarray, grid: SliceGrid) -> np.ndarray:
    """Every score at every voxel, by numpy's own interpolation; then the first of the highest."""
    covered = grid.size[0] // scores.shape[1]
    centres = (covered - 1) / 2 + covered * np.arange(scores.shape[1])
    at = grid.row_axis.centres_mm
    for axis in (1, 2):
        scores = np.apply_along_axis(lambda line: np.interp(at, centres, line), axis, scores)
    return scores.argmax(0)


# Whole scores, and voxels at eighths of a pixel: sums are exact whatever their order, so that ties are ties.
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 6), st.sampled_from([1, 2]), st.integers(1, 30),
       st.sampled_from([0.25, 0.5, 1.0, 2.5]), st.sampled_from([-4.0, -0.5, 0.0, 0.25, 3.0]))
def test_labels_are_those_of_the_full_way_and_ties_go_to_the_first(seed, classes, cells, covered, voxels, spacing,
                                                                   start):
    scores = np.random.default_rng(seed).integers(-3, 4, (classes, cells, cells)).astype(np.float32)
    grid = grid_of(cells * covered, voxels, spacing, start)
    np.testing.assert_array_equal(winning(scores, grid), full_way(scores, grid))


@given(st.integers(0, 10**6), st.floats(0.3, 7.0), st.floats(-5.0, 5.0))
def test_any_scores_on_any_grid_win_unless_another_is_as_high(seed, spacing, start):
    scores = np.random.default_rng(seed).normal(size=(4, 5, 5)).astype(np.float32)
    grid = grid_of(10, 12, spacing, start)
    found, expected = winning(scores, grid), full_way(scores, grid)
    assert (found != expected).sum() <= 1  # but for rounding, they are equal


def test_where_the_background_leads_everywhere_nothing_is_found():
    scores = np.stack([np.ones((3, 3)), np.zeros((3, 3))]).astype(np.float32)
    assert not winning(scores, grid_of(3, 9, 0.5, 0.0)).any()


def test_a_lead_that_no_voxel_sees_is_no_error():
    scores = np.zeros((2, 8, 8), np.float32)
    scores[1, 4, 4] = 1
    assert not winning(scores, grid_of(8, 2, 7.0, 0.0)).any()


@pytest.mark.parametrize("classes", [2, 256])
def test_the_last_class_can_win(classes):
    scores = np.zeros((classes, 2, 2), np.float32)
    scores[-1] = 1
    assert (winning(scores, grid_of(2, 2, 1.0, 0.0)) == classes - 1).all()


def test_a_class_writes_its_own_label_and_one_without_label_still_wins():
    scores = np.zeros((3, 1, 2), np.float32)
    scores[1], scores[2, 0, 1] = 1, 2
    grid = SliceGrid(slice(1), slice(2), Axis(0.0, 1.0, 1), Axis(0.0, 1.0, 2), Axis(0.0, 1.0, 1), Axis(0.0, 1.0, 2))
    assert winners(scores, grid, np.array([0, 7, 0], np.uint8)).tolist() == [[7, 0]]
