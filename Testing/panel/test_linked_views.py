"""Slice views that are linked: what they show before and after labels were shown."""

import numpy as np
import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.panel.made_up_nodes import ct_node

LABELS = np.full((6, 5, 4), 5, np.uint8)


@pytest.fixture
def volume(quiet_host):
    yield ct_node()
    for view in views():
        view.SetLinkedControl(False)
        view.SetLabelOpacity(1.0)
    quiet_host.close_scene()


def views():
    import slicer
    manager = slicer.app.layoutManager()
    return [manager.sliceWidget(name).mrmlSliceCompositeNode() for name in manager.sliceViewNames()]


def layers():
    return [(view.GetLabelVolumeID(), view.GetLabelOpacity()) for view in views()]


def show_and_remove(volume):
    from MISTKDSegmentLib.slicer.scene.live_labels import LiveLabels

    live = LiveLabels(volume, ABDOMEN_LABELS)
    live.update(LABELS, None)
    shown = layers()
    live.remove()
    return shown


def test_linked_views_are_as_before(volume):
    views()[0].SetLinkedControl(True)
    for view in views():
        view.SetLinkedControl(True)
    before = layers()
    assert [opacity for _, opacity in show_and_remove(volume)] == [0.5] * 3
    assert layers() == before == [(None, 1.0)] * 3


@pytest.mark.parametrize("chosen_in", [0, 1, 2])
def test_a_label_map_of_the_users_keeps_its_opacity_in_linked_views(quiet_host, volume, chosen_in):
    mine = quiet_host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "mine")
    for view in views():
        view.SetLinkedControl(True)
    views()[chosen_in].SetLabelVolumeID(mine.GetID())
    views()[chosen_in].SetLabelOpacity(0.8)
    show_and_remove(volume)
    assert layers() == [(mine.GetID(), 0.8)] * 3


def test_views_that_show_different_things_are_as_before_where_they_are_not_linked(quiet_host, volume):
    mine = quiet_host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "mine")
    views()[1].SetLabelVolumeID(mine.GetID())
    views()[2].SetLabelOpacity(0.2)
    show_and_remove(volume)
    assert layers() == [(None, 1.0), (mine.GetID(), 1.0), (None, 0.2)]
