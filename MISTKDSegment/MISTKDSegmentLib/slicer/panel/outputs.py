"""Which segmentation and table of results belong to which volume (touches slicer)."""

from __future__ import annotations

from typing import Any, Optional

import slicer

_TABLE_ROLE = "MISTKDSegment.organTable"


def remember(segmentation: slicer.vtkMRMLSegmentationNode, table: slicer.vtkMRMLTableNode) -> None:
    """Note in the scene that the table tells of the segmentation."""
    segmentation.SetNodeReferenceID(_TABLE_ROLE, table.GetID())


def table_of(segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> Optional[slicer.vtkMRMLTableNode]:
    """The table that was noted for a segmentation."""
    return segmentation.GetNodeReference(_TABLE_ROLE) if segmentation is not None else None


def volume_of(segmentation: slicer.vtkMRMLSegmentationNode) -> Optional[slicer.vtkMRMLVolumeNode]:
    """The volume that a segmentation was made from."""
    return segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())


def is_of_another(segmentation: Optional[slicer.vtkMRMLSegmentationNode],
                  volume: Optional[slicer.vtkMRMLVolumeNode]) -> bool:
    """Whether a segmentation was made from another volume than this one."""
    return segmentation is not None and volume_of(segmentation) not in (None, volume)


def segmentation_of(volume: Optional[slicer.vtkMRMLVolumeNode],
                    scene: slicer.vtkMRMLScene) -> Optional[slicer.vtkMRMLSegmentationNode]:
    """The segmentation that this module made from a volume last; never one that a person drew."""
    if volume is None:
        return None
    return next((node for node in reversed(slicer.util.getNodesByClass("vtkMRMLSegmentationNode", scene))
                 if table_of(node) is not None and volume_of(node) is volume), None)


class OutputsFollower:
    """Keeps a MISTKDSegmentParameters consistent: the segmentation that of the volume, the table that of both."""

    def __init__(self) -> None:
        self._volume_id, self._segmentation_id = "", ""

    def begin(self, parameters: Any) -> None:
        """Take what is chosen as it is."""
        self._volume_id, self._segmentation_id = _id(parameters.inputVolume), _id(parameters.segmentation)

    def follow(self, parameters: Any) -> None:
        """Choose what belongs to what was chosen since."""
        volume, segmentation = parameters.inputVolume, parameters.segmentation
        if _id(volume) != self._volume_id:
            self._volume_id = _id(volume)
            if segmentation is None or is_of_another(segmentation, volume):
                parameters.segmentation = segmentation_of(volume, slicer.mrmlScene)
        if _id(parameters.segmentation) != self._segmentation_id:
            self._segmentation_id = _id(parameters.segmentation)
            parameters.organTable = table_of(parameters.segmentation)


def _id(node: Optional[slicer.vtkMRMLNode]) -> str:
    return node.GetID() or "" if node is not None else ""
