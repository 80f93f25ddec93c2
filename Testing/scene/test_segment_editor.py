"""What the Segment Editor is given."""

from MISTKDSegmentLib.slicer.scene.segment_editor import choose_in_editor


def test_segmentation_volume_and_segment_are_chosen(world):
    segmentation, volume = world.node("vtkMRMLSegmentationNode"), world.node("vtkMRMLScalarVolumeNode")
    choose_in_editor(segmentation, volume, "liver")
    editor = world.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert editor.GetSegmentationNode() is segmentation
    assert editor.GetSourceVolumeNode() is volume
    assert editor.GetSelectedSegmentID() == "liver"


def test_the_editor_that_is_there_is_used(world):
    first, second = world.node("vtkMRMLSegmentationNode"), world.node("vtkMRMLSegmentationNode")
    choose_in_editor(first, None, "liver")
    choose_in_editor(second, None)
    assert world.count("vtkMRMLSegmentEditorNode") == 1
    editor = world.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert editor.GetSegmentationNode() is second
    assert editor.GetSelectedSegmentID() == "liver"
