"""Context slices are chosen by distance in millimetres."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.inference.context import context_indices


@pytest.mark.parametrize(
    ("spacing_mm", "expected"),
    [(1.0, [45, 50, 55]), (2.5, [48, 50, 52]), (3.0, [48, 50, 52]), (5.0, [49, 50, 51]), (12.0, [50, 50, 50])],
)
def test_the_slices_nearest_to_the_distances_are_taken(spacing_mm, expected):
    assert context_indices(50, 100, spacing_mm, (-5.0, 0.0, 5.0)) == expected


def test_at_the_ends_the_nearest_slice_stands_in():
    assert context_indices(0, 10, 5.0, (-5.0, 0.0, 5.0)) == [0, 0, 1]
    assert context_indices(9, 10, 5.0, (-5.0, 0.0, 5.0)) == [8, 9, 9]


def test_a_lone_slice_is_its_own_context():
    assert context_indices(0, 1, 5.0, (-5.0, 0.0, 5.0)) == [0, 0, 0]
