"""Where an organ is, and the views that go there."""

import numpy as np
import pytest
import slicer

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.navigation import go_to, organ_centre
from MISTKDSegmentLib.slicer.scene.segmentation_node import write_segmentation_node

SHAPE = (9, 20, 18)
GRID = np.diag([-2.0, -2.0, 5.0, 1.0])
LIVER, SPLEEN = 5, 7


def segmentation(world, labels):
    return write_segmentation_node(labels, world.volume(np.zeros(SHAPE, np.int16), GRID), None, ABDOMEN_LABELS, "seg")


def block(value=LIVER):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 4:9, 6:13] = value
    return labels


def test_the_centre_of_a_block_is_its_middle_voxel(world):
    labels = block()
    labels[7, 15, 15] = SPLEEN
    node = segmentation(world, labels)
    assert organ_centre(node, "liver").tolist() == [-18.0, -12.0, 15.0]
    assert organ_centre(node, "spleen").tolist() == [-30.0, -30.0, 35.0]


def test_the_centre_of_a_bent_organ_lies_in_it(world):
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:6, 2:16, 2:4] = labels[3:6, 2:4, 2:16] = labels[3:6, 14:16, 2:16] = LIVER
    i, j, k = (organ_centre(segmentation(world, labels), "liver") / [-2.0, -2.0, 5.0]).astype(int)
    assert labels[k, j, i] == LIVER
    assert k == 4


def test_an_organ_of_two_far_parts_has_its_centre_in_one_of_them(world):
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 5:9, 5:9] = labels[8, 5:9, 5:9] = LIVER
    assert organ_centre(segmentation(world, labels), "liver")[2] in (0.0, 40.0)


def test_a_segmentation_that_was_moved_has_its_centre_where_it_is_seen(world):
    node, matrix = segmentation(world, block()), np.eye(4)
    matrix[:3, 3] = 100.0, 0.0, -50.0
    node.SetAndObserveTransformNodeID(world.transform(matrix).GetID())
    assert organ_centre(node, "liver").tolist() == [82.0, -12.0, -35.0]


def test_an_organ_that_is_not_there_has_no_centre(world):
    node = segmentation(world, block())
    assert organ_centre(node, "spleen") is None
    node.GetSegmentation().AddEmptySegment("spleen", "Spleen")
    assert organ_centre(node, "spleen") is None


@pytest.fixture
def axial(world):
    """A view of 100 x 100 mm around the origin."""
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(world.application)
    logic.SetMRMLScene(world.scene)
    view = logic.AddSliceNode("Red")
    view.SetOrientation("Axial")
    view.SetDimensions(200, 200, 1)
    view.SetFieldOfView(100.0, 100.0, 1.0)
    yield view
    logic.SetMRMLScene(None)


def middle_of(view):
    matrix = view.GetSliceToRAS()
    return [matrix.GetElement(row, 3) for row in range(3)]


def test_a_slice_view_that_shows_the_place_moves_to_its_slice_alone(world, axial):
    go_to(world.scene, (20.0, -30.0, 15.0))
    assert middle_of(axial) == pytest.approx([0.0, 0.0, 15.0])


def test_a_slice_view_that_shows_another_place_is_shifted_there(world, axial):
    go_to(world.scene, (80.0, -30.0, 15.0))
    assert middle_of(axial) == pytest.approx([80.0, -30.0, 15.0])


def test_the_3d_view_looks_at_the_place_from_the_same_side(world):
    camera = world.scene.AddNode(slicer.vtkMRMLCameraNode())
    camera.SetFocalPoint([0.0, 0.0, 0.0])
    camera.SetPosition([0.0, 500.0, 100.0])
    go_to(world.scene, (10.0, 20.0, 30.0))
    assert camera.GetFocalPoint() == (10.0, 20.0, 30.0)
    assert camera.GetPosition() == (10.0, 520.0, 130.0)
