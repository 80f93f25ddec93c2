"""Labels as an image, cropped to what was found."""

import numpy as np
from vtk.util.numpy_support import vtk_to_numpy

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.new_labels import Box, at_once, crop_labels

LIVER, SPLEEN = ABDOMEN_LABELS[4], ABDOMEN_LABELS[6]


def labels_with(*voxels):
    labels = np.zeros((4, 5, 6), np.uint8)
    for k, j, i, value in voxels:
        labels[k, j, i] = value
    return labels


def test_a_box_around_two_and_its_place_in_it():
    one, other = Box((1, 2, 3), (2, 4, 6)), Box((-1, 3, 0), (1, 9, 4))
    both = one.around(other)
    assert both == Box((-1, 2, 0), (2, 9, 6))
    assert one.index(both) == (slice(2, 3), slice(0, 2), slice(3, 6))


def test_the_box_just_holds_the_labels():
    new = at_once(crop_labels(labels_with((1, 2, 3, 5), (2, 3, 3, 7)), (LIVER, SPLEEN)))
    assert new.box == Box((1, 2, 3), (3, 4, 4))
    assert new.image.GetExtent() == (3, 3, 2, 3, 1, 2)
    assert vtk_to_numpy(new.image.GetPointData().GetScalars()).tolist() == [5, 0, 0, 7]


def test_only_labels_of_the_table_that_have_voxels_are_found():
    new = at_once(crop_labels(labels_with((0, 0, 0, 5), (1, 1, 1, 2)), (LIVER, SPLEEN)))
    assert new.found == [LIVER]
    assert set(vtk_to_numpy(new.image.GetPointData().GetScalars()).tolist()) == {0, 5}


def test_nothing_that_was_asked_for_is_none():
    assert at_once(crop_labels(labels_with(), (LIVER,))) is None
    assert at_once(crop_labels(labels_with((0, 0, 0, 7)), (LIVER,))) is None


def test_it_takes_a_step_for_each_slice():
    assert sum(1 for _ in crop_labels(labels_with((0, 0, 0, 5), (3, 0, 0, 5)), (LIVER,))) == 8
