"""Interpolation along one axis, on numbers that can be worked out by hand and against dense products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.inference.interpolation import Axis, Bands, interpolate, neighbours, triangle_weights


def test_samples_halfway_between_two_are_their_mean():
    weights = triangle_weights(Axis(0.0, 1.0, 3), Axis(0.5, 1.0, 2))
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0], [0, 0.5, 0.5]])


def test_coarser_samples_average_what_lies_around_them():
    weights = triangle_weights(Axis(0.0, 1.0, 5), Axis(2.0, 2.0, 1))
    np.testing.assert_allclose(weights, [[0, 0.25, 0.5, 0.25, 0]])


def test_samples_outside_of_the_source_are_air():
    weights = triangle_weights(Axis(0.0, 1.0, 2), Axis(-2.0, 1.0, 6))
    np.testing.assert_allclose(weights.sum(1), [0, 0, 1, 1, 0, 0])


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.4, 3.0), st.floats(-9.0, 9.0))
def test_a_banded_product_is_the_product(rows, columns, spacing, start):
    weights = triangle_weights(Axis(0.0, 1.0, columns), Axis(start, spacing, rows))
    matrices = np.random.default_rng(0).random((2, columns, 7), dtype=np.float32)
    np.testing.assert_allclose(Bands(weights) @ matrices, weights @ matrices, atol=1e-6)


def test_rows_of_zeros_give_zeros():
    weights = np.zeros((9, 3), np.float32)
    np.testing.assert_array_equal(Bands(weights) @ np.ones((3, 2), np.float32), np.zeros((9, 2)))


def test_between_samples_values_change_evenly_and_past_the_ends_not_at_all():
    rows = neighbours(Axis(0.0, 2.0, 3), Axis(-1.0, 1.0, 7))  # at -1, 0, 1, 2, 3, 4, 5 mm of samples at 0, 2, 4 mm
    columns = neighbours(Axis(0.0, 1.0, 1), Axis(-1.0, 1.0, 3))
    samples = np.array([[0.0], [8.0], [4.0]], np.float32)
    found = interpolate(samples, rows, columns, (slice(None), slice(None)))
    np.testing.assert_array_equal(found, np.repeat([[0], [0], [4], [8], [6], [4], [4]], 3, 1))


@pytest.mark.parametrize("box", [(slice(9), slice(11)), (slice(3, 4), slice(10, 11)), (slice(2, 8), slice(5, 9))])
def test_a_box_of_the_positions_is_a_part_of_all(box):
    rows = neighbours(Axis(0.0, 2.0, 4), Axis(0.3, 0.7, 9))
    columns = neighbours(Axis(1.0, 3.0, 5), Axis(0.0, 1.1, 11))
    samples = np.random.default_rng(0).random((4, 5), dtype=np.float32)
    whole = interpolate(samples, rows, columns, (slice(None), slice(None)))
    np.testing.assert_array_equal(interpolate(samples, rows, columns, box), whole[box])


@pytest.mark.parametrize(("samples", "expected"), [(slice(1, 2), slice(2, 5)), (slice(0, 1), slice(0, 3)),
                                                   (slice(2, 3), slice(4, 7))])
def test_positions_near_a_sample_lie_less_than_one_sample_from_it(samples, expected):
    assert neighbours(Axis(0.0, 2.0, 3), Axis(-1.0, 1.0, 7)).near(samples) == expected
