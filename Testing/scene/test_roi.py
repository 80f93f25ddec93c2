"""Boxes that the user draws, as regions of the patient."""

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.slicer.scene.roi import region_from_roi
from MISTKDSegmentLib.slicer.scene.volume_node import RAS_TO_LPS, read_volume_node
from Testing.lib.orientations import rotation
from Testing.scene.mrml import World

ANGLE = st.floats(-180, 180)


def a_ct(world):
    matrix = np.diag([-2.0, -2.0, 3.0, 1.0])
    matrix[:3, 3] = 20, 30, -20
    return world.volume(np.zeros((14, 30, 20), np.int16), matrix)


def an_roi(world, center=(2.0, 5.0, -1.0), size=(16.0, 20.0, 12.0)):
    roi = world.node("vtkMRMLMarkupsROINode", "box")
    roi.SetCenter(center)
    roi.SetSize(size)
    return roi


def pose(angles, shift_mm=(0.0, 0.0, 0.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(angles[0], 0) @ rotation(angles[1], 1) @ rotation(angles[2], 2)
    matrix[:3, 3] = shift_mm
    return matrix


def mask(region, volume):
    return np.stack([region.mask(volume, k) for k in range(len(volume.voxels))])


def inside(roi, volume_node) -> np.ndarray:
    """Which voxels lie in the box as the views show both: through all transforms, point by point."""
    to_world, matrix = vtk.vtkGeneralTransform(), vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(volume_node.GetParentTransformNode(), None, to_world)
    volume_node.GetIJKToRASMatrix(matrix)
    k, j, i = np.indices(volume_node.GetImageData().GetDimensions()[::-1]).reshape(3, -1)
    own = (slicer.util.arrayFromVTKMatrix(matrix) @ np.stack([i, j, k, np.ones(i.size)]))[:3].T
    seen = np.array([[*to_world.TransformPoint(point), 1.0] for point in own])
    to_box = np.linalg.inv(slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix()))
    far = np.abs((to_box @ seen.T)[:3]) / (np.array(roi.GetSize())[:, None] / 2)
    return (far.max(0) <= 1 + 1e-6).reshape(volume_node.GetImageData().GetDimensions()[::-1])


def test_the_corners_of_an_upright_box_are_its_centre_and_half_its_size(world):
    region = region_from_roi(an_roi(world), a_ct(world))
    corner_ras = np.array([2.0 + 8.0, 5.0 - 10.0, -1.0 + 6.0, 1.0])
    assert np.allclose(region.lps_to_unit @ RAS_TO_LPS @ corner_ras, [1, -1, 1, 1])


@settings(max_examples=20, deadline=None)
@given(st.tuples(ANGLE, ANGLE, ANGLE), st.tuples(ANGLE, ANGLE, ANGLE), st.booleans(), st.booleans())
def test_a_turned_box_and_a_moved_volume_meet_where_the_views_show_it(turn, move, roi_moved, volume_moved):
    world = World()
    roi, volume = an_roi(world), a_ct(world)
    roi.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(pose(turn, (1.3, 4.1, -0.7))))
    if roi_moved:
        roi.SetAndObserveTransformNodeID(world.transform(pose(turn, (3.0, -2.0, 1.1))).GetID())
    if volume_moved:
        volume.SetAndObserveTransformNodeID(world.transform(pose(move, (-2.1, 0.3, 4.0))).GetID())
    region = region_from_roi(roi, volume)
    assert np.array_equal(mask(region, read_volume_node(volume)), inside(roi, volume))


@pytest.mark.parametrize("matrix", [np.diag([1.2, 0.8, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0])])
def test_under_scaling_and_mirroring_the_box_is_that_of_the_views_too(world, matrix):
    roi, volume = an_roi(world), a_ct(world)
    volume.SetAndObserveTransformNodeID(world.transform(matrix @ pose((10, 0, 25))).GetID())
    assert np.array_equal(mask(region_from_roi(roi, volume), read_volume_node(volume)), inside(roi, volume))


def test_over_a_warped_volume_the_region_holds_all_of_the_box_and_little_more(world):
    roi, volume = an_roi(world), a_ct(world)
    volume.SetAndObserveTransformNodeID(world.warp((6.0, -4.0, 3.0), 0.1).GetID())
    found, expected = mask(region_from_roi(roi, volume), read_volume_node(volume)), inside(roi, volume)
    assert expected.any()
    assert found[expected].all()
    assert found.sum() < 1.3 * expected.sum()


def test_a_box_that_nobody_has_drawn_is_refused(world):
    with pytest.raises(InputError, match="box has no extent; draw its box in a view"):
        region_from_roi(world.node("vtkMRMLMarkupsROINode", "box"), a_ct(world))
