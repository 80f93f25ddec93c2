"""Boxes around what is not zero."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.geometry.box import bounding_box, extent_of


def test_the_bounding_box_is_tight():
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2:4, 5] = True
    assert bounding_box(mask) == (slice(1, 2), slice(2, 4), slice(5, 6))
    assert bounding_box(np.zeros((2, 2), bool)) is None


def test_the_extent_is_from_the_first_to_the_last():
    assert extent_of(np.array([False, True, False, True])) == slice(1, 4)
    assert extent_of(np.zeros(3, bool)) is None
