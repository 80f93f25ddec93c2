"""The slice views and their logics."""

from __future__ import annotations

import numpy as np

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_the_slice_views_have_slicers_own_logics(bare):
    import slicer
    node = slicer.util.addVolumeFromArray(np.zeros((10, 10, 10), np.int16))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    red = slicer.app.layoutManager().sliceWidget("Red")
    assert red.sliceLogic().GetBackgroundLayer().GetVolumeNode() is node
    assert slicer.app.layoutManager().sliceViewNames() == ["Red", "Green", "Yellow"]


def test_red_is_axial_green_coronal_and_yellow_sagittal(bare):
    import slicer
    manager = slicer.app.layoutManager()
    names = [manager.sliceWidget(name).mrmlSliceNode().GetOrientation() for name in manager.sliceViewNames()]
    assert names == ["Axial", "Coronal", "Sagittal"]


def test_a_slice_can_be_moved_and_tells_it(bare):
    import slicer
    node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    told = []
    node.AddObserver("ModifiedEvent", lambda caller, event: told.append(event))
    node.SetSliceOffset(12.5)
    assert told and node.GetSliceOffset() == 12.5


def test_there_is_no_view_of_another_name(bare):
    import slicer
    assert slicer.app.layoutManager().sliceWidget("Blue") is None


def test_the_views_are_there_again_after_the_scene_was_closed(bare):
    import slicer
    bare.close_scene()
    node = slicer.util.addVolumeFromArray(np.zeros((10, 10, 10), np.int16))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    assert slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetBackgroundLayer().GetVolumeNode() is node


def composites():
    import slicer
    manager = slicer.app.layoutManager()
    return [manager.sliceWidget(name).mrmlSliceCompositeNode() for name in manager.sliceViewNames()]


def test_views_that_are_linked_are_told_at_once_what_one_is_told(bare):
    import slicer
    red, green, yellow = composites()
    for view in (red, green, yellow):
        view.SetLinkedControl(True)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    green.SetLabelVolumeID(labels.GetID())
    green.SetLabelOpacity(0.3)
    assert [(view.GetLabelVolumeID(), view.GetLabelOpacity()) for view in (red, yellow)] == [(labels.GetID(), 0.3)] * 2


def test_views_that_are_not_linked_keep_what_they_show(bare):
    red, green, yellow = composites()
    red.SetLabelOpacity(0.3)
    assert [view.GetLabelOpacity() for view in (green, yellow)] == [1.0, 1.0]
