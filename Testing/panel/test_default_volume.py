"""Which volume is picked at first."""

import pytest

from Testing.panel.made_up_nodes import ct_node


@pytest.fixture
def default_volume(host):
    from MISTKDSegmentLib.slicer.panel.default_volume import default_volume
    return lambda: default_volume(host.scene)


def test_an_empty_scene_has_none(default_volume):
    assert default_volume() is None


def test_the_newest_ct_is_picked(default_volume):
    ct_node("old")
    newest = ct_node("new")
    assert default_volume() is newest


def test_the_one_in_the_slice_views_goes_first(host, default_volume):
    shown = ct_node("shown")
    ct_node("newer")
    host.scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode").SetBackgroundVolumeID(shown.GetID())
    assert default_volume() is shown


def test_what_cannot_be_a_ct_is_passed_over(host, default_volume):
    ct = ct_node()
    labels = host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "without voxels")
    host.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "colours")
    host.scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode").SetBackgroundVolumeID(labels.GetID())
    assert default_volume() is ct


def test_hidden_volumes_are_passed_over(default_volume):
    seen = ct_node("seen")
    ct_node("hidden").SetHideFromEditors(True)
    assert default_volume() is seen
