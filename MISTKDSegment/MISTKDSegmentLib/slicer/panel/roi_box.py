"""Makes a region of interest for a volume (touches slicer)."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _


def new_roi(volume: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLMarkupsROINode:
    """A box that just holds the volume, as it lies in the world."""
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    low, high = bounds[::2], bounds[1::2]
    scene = volume.GetScene()
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", scene.GenerateUniqueName(_("Region")))
    roi.CreateDefaultDisplayNodes()
    # Filled, it would tint the anatomy that the user has to see.
    roi.GetDisplayNode().SetFillVisibility(False)
    roi.GetDisplayNode().SetPropertiesLabelVisibility(False)
    roi.SetCenter([(a + b) / 2 for a, b in zip(low, high)])
    roi.SetSize([b - a for a, b in zip(low, high)])
    return roi
