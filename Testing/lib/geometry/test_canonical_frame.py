"""The canonical frame: any orientation in, left-posterior-superior out, and the exact way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.lib.orientations import ORIENTATIONS, rotation, turned


@pytest.fixture
def scan() -> Volume:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    return Volume(voxels, (0.7, 0.9, 3.0), (-10.0, 20.0, 5.0), np.eye(3))


def test_the_48_orientations_are_all_different():
    assert len({tuple(direction.ravel()) for direction in ORIENTATIONS}) == 48


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_every_orientation_of_a_scan_has_the_same_canonical_volume(scan, direction):
    canonical = canonical_frame(turned(scan, direction)).volume
    np.testing.assert_array_equal(canonical.voxels, scan.voxels)
    np.testing.assert_allclose(canonical.ijk_to_lps, scan.ijk_to_lps)


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_a_label_goes_back_to_the_voxel_that_it_was_given_for(scan, direction):
    volume = turned(scan, direction)
    frame = canonical_frame(volume)
    out = np.zeros(volume.voxels.shape, np.uint8)
    labels = frame.labels_for(out)
    labels[frame.volume.voxels > 0] = 1
    frame.finish(labels, out)
    np.testing.assert_array_equal(out, volume.voxels > 0)


def test_a_slightly_tilted_scan_keeps_its_voxels(scan):
    tilted = Volume(scan.voxels, scan.spacing_mm, scan.origin_mm, rotation(5, 0))
    frame = canonical_frame(tilted)
    assert not frame.is_oblique
    np.testing.assert_array_equal(frame.volume.voxels, scan.voxels)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_oblique_scan_is_seen_upright_and_labelled_where_it_is(axis):
    k, j, i = np.mgrid[:24, :24, :24]
    oblique = Volume(np.zeros((24, 24, 24), np.int16), (2.0, 2.0, 2.0), (-23.0, -23.0, -23.0), np.eye(3))
    direction = rotation(30, axis)
    oblique = Volume(oblique.voxels, oblique.spacing_mm, tuple(direction @ oblique.origin_mm), direction)
    lps = np.stack([i, j, k, np.ones_like(i)], -1) @ oblique.ijk_to_lps.T
    left_ball = ((lps[..., :3] - [8.0, 0.0, 0.0]) ** 2).sum(-1) < 64
    frame = canonical_frame(oblique.with_voxels(np.where(left_ball, 100, 0).astype(np.int16)))

    assert frame.is_oblique
    np.testing.assert_allclose(frame.volume.direction, np.eye(3))
    centre_kji = np.argwhere(frame.volume.voxels > 50).mean(0)
    centre_lps = frame.volume.ijk_to_lps @ [*centre_kji[::-1], 1]
    np.testing.assert_allclose(centre_lps[:3], [8.0, 0.0, 0.0], atol=0.5)

    out = np.zeros(oblique.voxels.shape, np.uint8)
    frame.finish((frame.volume.voxels > 50).astype(np.uint8), out)
    assert 2 * (out & left_ball).sum() / (out.sum() + left_ball.sum()) > 0.93


def test_outside_of_an_oblique_scan_there_is_air(scan):
    oblique = Volume(np.full((8, 8, 8), 40, np.int16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), rotation(45, 2))
    assert canonical_frame(oblique).volume.voxels.min() == -1024


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ORIENTATIONS), st.tuples(*[st.integers(1, 5)] * 3), st.tuples(*[st.floats(0.3, 9.0)] * 3))
def test_shapes_down_to_one_voxel_and_any_spacing_survive_the_round_trip(direction, shape, spacing):
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    volume = Volume(voxels, spacing, (1.0, 2.0, 3.0), direction)
    frame = canonical_frame(volume)
    out = np.zeros(shape, np.uint8)
    frame.labels_for(out)[...] = frame.volume.voxels
    np.testing.assert_array_equal(out, voxels)


def test_a_lone_slice_stays_whole_however_it_lies():
    slice_of_20_degrees = Volume(np.ones((1, 9, 9), np.int16), (1.0, 1.0, 5.0), (0.0, 0.0, 0.0), rotation(20, 0))
    frame = canonical_frame(slice_of_20_degrees)
    assert not frame.is_oblique and frame.volume.voxels.shape == (1, 9, 9)


def test_labels_of_an_oblique_scan_are_never_blended():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 8
    oblique = Volume(labels.astype(np.int16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), rotation(30, 1))
    assert set(np.unique(canonical_frame(oblique).canonical_labels(labels))) == {0, 8}


def askew(shape, spacing_mm):
    # One value stands for all: the voxels take no memory.
    return Volume(np.broadcast_to(np.int16(0), shape), spacing_mm, (0.0, 0.0, 0.0), rotation(45, 0), "scan")


def test_an_oblique_scan_that_would_be_many_times_as_large_is_refused_before_that():
    # Upright 2 mm thick, each of the 362 rows of 60 mm lies over 7,240 slices.
    with pytest.raises(InputError, match=r"^scan lies askew .* \(2 x 60 x 2 mm\) .* times as many; resample it"):
        canonical_frame(askew((8, 512, 512), (2.0, 60.0, 2.0)))


def test_a_small_oblique_scan_may_become_many_times_as_large():
    frame = canonical_frame(askew((2, 64, 64), (2.0, 2.0, 2.0)))
    assert frame.volume.voxels.size > 16 * 2 * 64 * 64
