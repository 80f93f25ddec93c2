"""Which volume a person most likely wants to segment (touches slicer)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import slicer

from MISTKDSegmentLib.slicer.scene.volume_node import why_not_a_ct


def default_volume(scene: slicer.vtkMRMLScene) -> Optional[slicer.vtkMRMLScalarVolumeNode]:
    """The CT in the slice views, or else the one that came last; None where no volume may be a CT."""
    return next((node for node in _candidates(scene) if why_not_a_ct(node) is None), None)


def _candidates(scene: slicer.vtkMRMLScene) -> Iterator[slicer.vtkMRMLScalarVolumeNode]:
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode", scene):
        shown = scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if shown is not None and shown.GetClassName() == "vtkMRMLScalarVolumeNode":
            yield shown
    # Label maps, colour pictures and diffusion series are volume nodes of classes of their own.
    for node in reversed(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode", scene)):
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors():
            yield node
