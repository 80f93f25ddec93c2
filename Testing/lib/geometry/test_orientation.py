"""How the axes of volumes lie, without a look at their voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.geometry.orientation import is_oblique, nearest_axes
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.lib.orientations import ORIENTATIONS, rotation


def scan(direction: np.ndarray, shape: tuple[int, int, int] = (4, 5, 6)) -> Volume:
    # All voxels are one in memory: a test could not tell, but a resampling of 4000 slices would take minutes.
    return Volume(np.broadcast_to(np.int16(0), shape), (0.7, 0.9, 3.0), (-10.0, 20.0, 5.0), direction)


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_each_axis_of_the_patient_is_found_where_it_is_stored(direction):
    axes = nearest_axes(direction)
    assert sorted(axes) == [0, 1, 2]
    assert all(abs(direction[lps, axis]) == 1 for lps, axis in enumerate(axes))
    assert not is_oblique(scan(direction))


@pytest.mark.parametrize(("degrees", "oblique"), [(0, False), (9.9, False), (10.1, True), (45, True), (85, False)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_from_ten_degrees_on_a_volume_is_oblique(axis, degrees, oblique):
    assert is_oblique(scan(rotation(degrees, axis), (4000, 5, 6))) == oblique


@given(st.floats(-180, 180), st.floats(-180, 180), st.sampled_from([(4, 5, 6), (1, 5, 6)]))
def test_the_frame_resamples_what_is_oblique_and_nothing_else(first, second, shape):
    volume = scan(rotation(first, 0) @ rotation(second, 2), shape)
    assert canonical_frame(volume).is_oblique == is_oblique(volume)
