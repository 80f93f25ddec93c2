"""Where an organ is, and how to bring the views there (touches slicer)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.slicer.scene.new_labels import array_of


def organ_centre(segmentationNode: Any, segment_id: str) -> Optional[np.ndarray]:
    """A point in the middle of an organ, in the world's RAS millimetres.

    It lies inside the organ, as the centre of a bent one need not: in the slice of its centre, it is the voxel that
    is nearest to that.

    Args:
        segmentationNode: a vtkMRMLSegmentationNode of binary label maps.
        segment_id: one of its segments.

    Returns:
        Array of shape (3,); None where the segment is empty or not there.
    """
    segment = segmentationNode.GetSegmentation().GetSegment(segment_id)
    image = segmentationNode.GetBinaryLabelmapInternalRepresentation(segment_id) if segment is not None else None
    if image is None or image.GetPointData().GetScalars() is None:
        return None
    index = _middle_voxel(array_of(image), segment.GetLabelValue())
    return None if index is None else _to_world(image, index, segmentationNode)


def go_to(scene: Any, ras: Sequence[float]) -> None:
    """Show a point in every slice view, and turn every 3-D view around it.

    A slice view that shows the place already is not shifted.
    """
    r, a, s = (float(coordinate) for coordinate in ras)
    for view in _nodes(scene, "vtkMRMLSliceNode"):
        if _is_within(view, (r, a, s)):
            view.JumpSliceByOffsetting(r, a, s)
        else:
            view.JumpSliceByCentering(r, a, s)
    for camera in _nodes(scene, "vtkMRMLCameraNode"):
        way = np.subtract((r, a, s), camera.GetFocalPoint())
        camera.SetPosition(np.add(camera.GetPosition(), way).tolist())
        camera.SetFocalPoint([r, a, s])
        camera.ResetClippingRange()


def to_world(ras: Sequence[float], node: Optional[Any]) -> list[float]:
    """A point of a node's own RAS millimetres in those of the world, which differ where a transform is above it."""
    world = [float(coordinate) for coordinate in ras]
    if node is not None:
        node.TransformPointToWorld(list(world), world)
    return world


def _middle_voxel(values: np.ndarray, value: int) -> Optional[tuple[int, int, int]]:
    """(k, j, i) of a voxel of that value."""
    counts = np.array([np.count_nonzero(slice_values == value) for slice_values in values])
    if not counts.any():
        return None
    filled = np.flatnonzero(counts)
    centre_k = np.average(np.arange(len(counts)), weights=counts)
    k = int(filled[np.abs(filled - centre_k).argmin()])
    points = np.argwhere(values[k] == value)
    j, i = points[((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return k, int(j), int(i)


def _to_world(image: Any, index: tuple[int, int, int], node: Any) -> np.ndarray:
    matrix, extent = vtk.vtkMatrix4x4(), image.GetExtent()
    image.GetImageToWorldMatrix(matrix)
    k, j, i = index
    own = slicer.util.arrayFromVTKMatrix(matrix) @ (i + extent[0], j + extent[2], k + extent[4], 1.0)
    return np.array(to_world(own[:3], node))


def _is_within(view: Any, ras: Sequence[float]) -> bool:
    """Whether a point, or the one below or above it, is in the part of the patient that a slice view shows."""
    to_xy = np.linalg.inv(slicer.util.arrayFromVTKMatrix(view.GetXYToRAS()))
    x, y = (to_xy @ (*ras, 1.0))[:2]
    width, height, _depth = view.GetDimensions()
    return bool(0 <= x <= width and 0 <= y <= height)


def _nodes(scene: Any, class_name: str) -> list[Any]:
    return [scene.GetNthNodeByClass(n, class_name) for n in range(scene.GetNumberOfNodesByClass(class_name))]
