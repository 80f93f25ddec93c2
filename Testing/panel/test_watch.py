"""What ends a run from outside, told once, with its reason."""

from __future__ import annotations

import pytest

from Testing.host import open_host
from Testing.panel.patients import add_patient


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def volume_node(host):
    return host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CTLiver")


@pytest.fixture
def watched(host, volume_node):
    from MISTKDSegmentLib.slicer.panel.watch import Watch

    said = []
    watch = Watch(volume_node, said.append)
    yield watch, said
    watch.stop()


def test_removing_the_volume_is_told_with_its_name(host, watched, volume_node):
    host.scene.RemoveNode(volume_node)
    host.close_scene()
    assert watched[1] == ["The volume CTLiver was removed."]


def test_removing_another_node_is_not(host, watched):
    host.scene.RemoveNode(host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "other"))
    assert watched[1] == []


def test_closing_the_scene_is_told_while_the_volume_is_still_there(host, volume_node):
    from MISTKDSegmentLib.slicer.panel.watch import Watch

    seen = []
    Watch(volume_node, lambda sentence: seen.append((sentence, volume_node.GetScene() is not None)))
    host.close_scene()
    assert seen == [("The scene was closed.", True)]


def test_quitting_is_told(host, watched):
    host.app.aboutToQuit.emit()
    assert watched[1] == ["The application is quitting."]


def test_voxels_that_change_are_told_and_other_changes_are_not(watched, volume_node):
    import slicer
    import vtk

    volume_node.SetName("CTLiver 2")
    volume_node.SetOrigin(1.0, 2.0, 3.0)
    assert watched[1] == []
    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    volume_node.SetAndObserveImageData(image)
    slicer.util.arrayFromVolumeModified(volume_node)
    assert watched[1] == ["The voxels of CTLiver 2 were changed; start again."]


def test_nothing_is_told_after_stop(host, watched, volume_node):
    watch, said = watched
    watch.stop()
    watch.stop()
    host.scene.RemoveNode(volume_node)
    host.close_scene()
    host.app.aboutToQuit.emit()
    assert said == []


def test_the_next_frame_of_a_4d_scan_is_told(host):
    import numpy as np
    import slicer

    from MISTKDSegmentLib.slicer.panel.watch import Watch

    frame = add_patient(host.scene, "frame")
    sequence = host.scene.AddNewNodeByClass("vtkMRMLSequenceNode", "4-D")
    for index in range(2):
        slicer.util.updateVolumeFromArray(frame, np.full((2, 3, 4), index, np.int16))
        sequence.SetDataNodeAtValue(frame, str(index))
    browser = host.scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLScene(host.scene)
    logic.UpdateProxyNodesFromSequences(browser)
    shown, said = browser.GetProxyNode(sequence), []
    watch = Watch(shown, said.append)
    browser.SetSelectedItemNumber(1)
    logic.UpdateProxyNodesFromSequences(browser)
    watch.stop()
    assert slicer.util.arrayFromVolume(shown).max() == 1
    assert said == [f"The voxels of {shown.GetName()} were changed; start again."]
