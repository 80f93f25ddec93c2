"""What the Segment Editor shows when it is opened next (touches slicer)."""

from __future__ import annotations

from typing import Any

# The one node that Slicer's Segment Editor module keeps its choices in.
_TAG = "SegmentEditor"


def choose_in_editor(segmentationNode: Any, volumeNode: Any, segment_id: str = "") -> None:
    """Choose what the Segment Editor module edits.

    Args:
        segmentationNode: in a scene.
        volumeNode: what is seen below it; None leaves that to the editor.
        segment_id: of the segment that is selected there; "" leaves that to the editor.
    """
    scene = segmentationNode.GetScene()
    editor = scene.GetSingletonNode(_TAG, "vtkMRMLSegmentEditorNode")
    if editor is None:
        editor = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        editor.UnRegister(None)
        editor.SetSingletonTag(_TAG)
        editor = scene.AddNode(editor)
    editor.SetAndObserveSegmentationNode(segmentationNode)
    if volumeNode is not None:
        editor.SetAndObserveSourceVolumeNode(volumeNode)
    if segment_id:
        editor.SetSelectedSegmentID(segment_id)
