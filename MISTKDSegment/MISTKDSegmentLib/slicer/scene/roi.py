"""A markups ROI as a region of the patient (touches slicer and vtk)."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.slicer.scene.translation import _
from MISTKDSegmentLib.slicer.scene.volume_node import RAS_TO_LPS, linear_to_world, rigid_placement

_SAMPLES = 5  # along each edge of a box that is warped


def region_from_roi(roiNode: Any, volumeNode: Any) -> Region:
    """The box of an ROI node, in the geometry that `read_volume_node` gives the volume.

    Args:
        roiNode: vtkMRMLMarkupsROINode, of any orientation and under any transform.
        volumeNode: the volume. Where a warping transform lies over it, the region is the smallest upright box around
            the ROI as the volume sees it.

    Raises:
        InputError: nobody has drawn the box yet.
    """
    size = np.array(roiNode.GetSize())
    if not (size > 0).all():
        raise InputError(_("{name} has no extent; draw its box in a view, or segment the whole volume.").format(
            name=roiNode.GetName()))
    unit_to_world = slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix()) @ np.diag([*(size / 2), 1.0])
    to_world = linear_to_world(volumeNode)
    if to_world is None:
        unit_to_ras = _box_around(_unwarped(unit_to_world, volumeNode))
    else:
        unit_to_ras = rigid_placement(volumeNode) @ np.linalg.inv(to_world) @ unit_to_world
    return Region(np.linalg.inv(RAS_TO_LPS @ unit_to_ras))


def _unwarped(unit_to_world: np.ndarray, volume_node: Any) -> np.ndarray:
    """Points all over the box, in the volume's own RAS: n x 3."""
    from_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, volume_node.GetParentTransformNode(), from_world)
    points = np.array([[*point, 1.0] for point in product(np.linspace(-1, 1, _SAMPLES), repeat=3)])
    return np.array([from_world.TransformPoint(point) for point in (points @ unit_to_world.T)[:, :3]])


def _box_around(points: np.ndarray) -> np.ndarray:
    """4 x 4 matrix from unit coordinates to the upright box around points."""
    low, high = points.min(axis=0), points.max(axis=0)
    matrix = np.diag([*((high - low) / 2), 1.0])
    matrix[:3, 3] = (low + high) / 2
    return matrix
