"""Slicer's simple MRML widgets."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def segmentation(bare):
    import slicer
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    node = slicer.util.addVolumeFromArray(labels, nodeClassName="vtkMRMLLabelMapVolumeNode")
    made = bare.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(node, made)
    return made


def test_show_3d_makes_the_surface_and_takes_it_away(bare, segmentation):
    import slicer
    button = slicer.qMRMLSegmentationShow3DButton()
    assert not button.enabled
    button.setSegmentationNode(segmentation)
    assert button.enabled and not button.checked
    button.click()
    assert segmentation.GetSegmentation().ContainsRepresentation("Closed surface") and button.checked
    button.click()
    assert not segmentation.GetSegmentation().ContainsRepresentation("Closed surface")


def test_segments_are_listed(bare, segmentation):
    import slicer
    view = slicer.qMRMLSegmentsTableView()
    view.setSegmentationNode(segmentation)
    assert view.segmentCount == 1
    segmentation.GetSegmentation().RemoveAllSegments()
    assert view.displayedSegmentIDs() == []


def test_a_table_node_is_shown(bare):
    import slicer
    node = bare.scene.AddNewNodeByClass("vtkMRMLTableNode")
    slicer.util.updateTableFromArray(node, np.array([[1.0, 2.0]]), ["a", "b"])
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(node)
    assert view.mrmlTableNode() is node and view._inner.item(0, 1).text() == "2"


def test_the_scene_is_passed_on_once(bare):
    import slicer
    got = []
    widget = slicer.qMRMLWidget()
    widget.connect("mrmlSceneChanged(vtkMRMLScene*)", got.append)
    widget.setMRMLScene(bare.scene)
    widget.setMRMLScene(bare.scene)
    assert got == [bare.scene]
