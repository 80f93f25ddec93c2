"""New labels and kept segments in one label map."""

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.new_labels import Box, at_once, crop_labels
from MISTKDSegmentLib.slicer.scene.shared_layer import KeptSegment, SharedLayer, kept_segment

LIVER, SPLEEN = ABDOMEN_LABELS[4], ABDOMEN_LABELS[6]
GRID = np.diag([-1.0, -1.0, 2.0, 1.0])


def labels_with(*voxels):
    labels = np.zeros((4, 5, 6), np.uint8)
    for k, j, i, value in voxels:
        labels[k, j, i] = value
    return labels


def layer_of(labels, found, kept_segments=()):
    return SharedLayer(at_once(crop_labels(labels, found)), list(kept_segments), GRID)


def content(layer):
    array = vtk_to_numpy(layer.image.GetPointData().GetScalars()).reshape(layer.image.GetDimensions()[::-1])
    start = layer.image.GetExtent()[4::-2]
    return {tuple(int(n) for n in np.add(at, start)): int(array[tuple(at)]) for at in np.argwhere(array)}


def kept(segment_id, start, values, value=1):
    values = np.array(values, np.uint8)
    return KeptSegment(segment_id, value, values, Box(start, tuple(np.add(start, values.shape).tolist())))


def test_new_labels_keep_their_values_and_others_are_left_out():
    layer = layer_of(labels_with((1, 2, 3, 5), (2, 2, 4, 7), (2, 3, 4, 9)), [LIVER, SPLEEN], [])
    assert content(layer) == {(1, 2, 3): 5, (2, 2, 4): 7}
    assert layer.segment_ids == ["", "", "", "", "liver", "", "spleen"]


def test_kept_segments_get_free_values_also_outside_the_volume():
    far = kept("aorta", (-2, 0, 7), [[[9, 3]]], value=9)
    layer = layer_of(labels_with((1, 2, 3, 5)), [LIVER], [far])
    assert content(layer) == {(1, 2, 3): 5, (-2, 0, 7): 1}
    assert layer.segment_ids == ["aorta", "", "", "", "liver"]


def test_kept_segments_that_overlap_are_left_out():
    over, beside = kept("spleen", (1, 2, 3), [[[1, 1]]]), kept("stomach", (1, 2, 4), [[[1]]])
    layer = layer_of(labels_with((1, 2, 3, 5)), [LIVER], [over, beside])
    assert content(layer) == {(1, 2, 3): 5, (1, 2, 4): 1}
    assert "spleen" not in layer.segment_ids


def test_with_all_values_in_use_further_segments_are_left_out():
    many = [kept(f"s{n}", (0, 0, n), [[[1]]]) for n in range(300)]
    layer = layer_of(labels_with((1, 2, 3, 5)), [LIVER], many)
    assert len(layer.segment_ids) == 255
    assert len(set(layer.segment_ids)) == 255


@pytest.fixture
def node(world):
    return world.node("vtkMRMLSegmentationNode")


def add(node, matrix, extent=(0, 2, 0, 1, 0, 1)):
    image = slicer.vtkOrientedImageData()
    image.SetExtent(extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    segment = slicer.vtkSegment()
    segment.AddRepresentation("Binary labelmap", image)
    node.GetSegmentation().AddSegment(segment, "mine")


def test_a_segment_on_the_same_grid_is_found_in_its_place(node):
    add(node, GRID, (2, 4, -1, 0, 5, 6))
    assert kept_segment(node, "mine", GRID).box == Box((5, -1, 2), (7, 1, 5))


def test_a_grid_that_is_whole_voxels_away_is_the_same(node):
    shift = np.eye(4)
    shift[:3, 3] = 3, -2, 1
    add(node, GRID @ shift)
    assert kept_segment(node, "mine", GRID).box == Box((1, -2, 3), (3, 0, 6))


def other_grids():
    half, turned = np.eye(4), np.eye(4)
    half[0, 3] = 0.5
    turned[0, 1], turned[1, 0] = 0.01, -0.01
    return {"half a voxel away": half, "finer": np.diag([0.5, 1.0, 1.0, 1.0]), "turned a little": turned,
            "flipped": np.diag([-1.0, 1.0, 1.0, 1.0]), "other axes": np.eye(4)[[1, 0, 2, 3]]}


@pytest.mark.parametrize("name", other_grids())
def test_another_grid_is_another(node, name):
    add(node, GRID @ other_grids()[name])
    assert kept_segment(node, "mine", GRID) is None


def test_an_empty_segment_is_nothing_to_keep(node):
    segment = slicer.vtkSegment()
    segment.AddRepresentation("Binary labelmap", slicer.vtkOrientedImageData())
    node.GetSegmentation().AddSegment(segment, "mine")
    assert kept_segment(node, "mine", GRID) is None
