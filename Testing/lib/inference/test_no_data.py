"""Regions of one exact value that reach the border are no data; the same value elsewhere is tissue."""

from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.inference.body import body_box, find_body
from MISTKDSegmentLib.inference.no_data import fill_values, find_no_data
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.lib.made_up_abdomen import outside_circle, phantom

VALUES = [0, 100, -1000, -1024, -2000, -3024, 32767]


def with_fill(value, where=None):
    """The phantom without its own clipping of air, filled outside of the field of view."""
    volume, _ = phantom()
    noise = np.random.default_rng(1).integers(0, 40, volume.voxels.shape)
    voxels = np.where(volume.voxels <= -1000, -1000 + noise - 20, volume.voxels).astype(np.int16)
    where = outside_circle(voxels.shape) if where is None else where
    return replace(volume, voxels=np.where(where, np.int16(value), voxels))


def found(no_data):
    whole = np.zeros(no_data.voxels.shape, bool)
    for k in range(len(whole)):
        mask = no_data.in_slice(k)
        if mask is not None:
            whole[k] = mask
    return whole


@pytest.mark.parametrize("value", VALUES)
def test_what_a_round_field_of_view_leaves_out_is_found_exactly(value):
    volume = with_fill(value)
    mask, outside = found(find_no_data(volume)), outside_circle(volume.voxels.shape)
    assert fill_values(volume.voxels) == (value,)
    assert mask[:, outside].all()
    # The same value inside is tissue, but for what lies within 8 mm of the region.
    assert mask[:, ~outside].mean() < 0.001


def test_a_few_boxes_of_a_slice_are_cut_out_of_the_whole():
    no_data = find_no_data(with_fill(0))
    box = slice(3, 40), slice(50, 96)
    np.testing.assert_array_equal(no_data.in_slice(7, box), no_data.in_slice(7)[box])


def test_slices_that_are_empty_as_a_whole_hold_no_data():
    volume = with_fill(0, np.arange(50)[:, None, None] < 9)
    assert found(find_no_data(volume))[:9].all() and not found(find_no_data(volume))[10:].any()


def test_a_wedge_from_the_correction_of_a_gantry_tilt_is_found():
    k, j, _ = np.ogrid[:50, :72, :96]
    wedge = np.broadcast_to(j < (25 - k), (50, 72, 96))
    mask = found(find_no_data(with_fill(0, wedge)))
    assert mask[wedge].all() and mask[~wedge].mean() < 0.002


@pytest.mark.parametrize("value", [0, 40, -100])
def test_one_exact_value_inside_is_tissue(value):
    volume = with_fill(value, phantom()[1] == 5)  # all of the liver
    assert not found(find_no_data(volume)).any()


def test_values_that_noise_and_few_bits_make_frequent_are_tissue():
    crop = phantom()[0].voxels[10:30, 25:55, 25:70]
    levels = (np.rint(crop / 8.0) * 8).astype(np.int16)  # a crop without air, in steps of 8 HU
    assert fill_values(levels) == ()


def test_a_drawing_of_a_few_values_lacks_nothing():
    drawing = np.full((8, 24, 24), -100, np.int16)
    drawing[2:6, 4:12, 4:10] = 150
    assert fill_values(drawing) == ()


def test_where_a_window_ends_bone_is_no_missing_data():
    voxels = phantom()[0].voxels[10:40, 40:60, 30:66].clip(-125, 275)  # through the spine
    assert 275 not in fill_values(voxels) and 100 not in fill_values(voxels.clip(-125, 100))


def test_values_that_look_like_air_are_passed_over_where_asked():
    assert not find_no_data(with_fill(-2000), above_hu=-300).regions
    assert list(find_no_data(with_fill(0), above_hu=-300).regions) == [0.0]


def test_nothing_is_found_where_nothing_is_missing():
    assert not find_no_data(with_fill(0, np.zeros((50, 72, 96), bool))).regions


@pytest.mark.parametrize("value", VALUES)
def test_the_body_is_the_same_whatever_fills_the_corners(value):
    assert body_box(with_fill(value)) == body_box(with_fill(-1000))


def test_the_body_of_a_clipped_scan_is_the_same_whatever_fills_the_corners():
    clipped = replace(phantom()[0], voxels=phantom()[0].voxels.clip(-125, 275))
    for value in VALUES:
        corners = np.where(outside_circle(clipped.voxels.shape), np.int16(value), clipped.voxels)
        assert body_box(replace(clipped, voxels=corners)) == body_box(clipped)


def test_the_body_is_cut_where_it_reaches_the_end_of_the_scan():
    whole = find_body(phantom()[0])
    assert [whole.is_cut(axis) for axis in range(3)] == [True, False, False]
    crop = find_body(replace(phantom()[0], voxels=phantom()[0].voxels[:, :, 40:]))
    assert [crop.is_cut(axis) for axis in range(3)] == [True, False, True]


def test_nothing_is_labelled_where_there_is_no_data(tiny_bundle):
    """The tiny model calls 150 HU liver, wherever it is."""
    volume = with_fill(150)
    labels = np.zeros(volume.voxels.shape, np.uint8)
    options = SegmentOptions(threads=1, postprocess=False)
    for _ in segment(volume, load_bundle(tiny_bundle), labels, options):
        pass
    outside = outside_circle(labels.shape)
    assert labels.any() and not labels[:, outside].any()
    # What the network sees there is air, so that a border of it is not brighter than the rest.
    air = np.zeros_like(labels)
    for _ in segment(with_fill(-1024), load_bundle(tiny_bundle), air, options):
        pass
    assert (air != labels).mean() < 0.001
