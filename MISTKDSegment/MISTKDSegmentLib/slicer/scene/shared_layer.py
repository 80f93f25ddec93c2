"""One label map for new organs and for those of earlier runs (touches slicer and vtk)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any, Optional

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.slicer.scene.new_labels import Box, NewLabels, array_of, new_image

_SAME_PLACE = 1e-3  # voxels


@dataclass(frozen=True)
class KeptSegment:
    """A segment that stays as it is: which voxels of `values` are `value`, and where they lie."""

    segment_id: str
    value: int
    values: np.ndarray
    box: Box

    @property
    def mask(self) -> np.ndarray:
        """Bool (k, j, i) over the box."""
        return self.values == self.value


def kept_segment(segmentation_node: Any, segment_id: str, ijk_to_ras: np.ndarray) -> Optional[KeptSegment]:
    """A segment of a segmentation on a volume's grid; None where it is empty or lies on another grid.

    Args:
        segmentation_node: binary label maps.
        segment_id: one of its segments.
        ijk_to_ras: 4 x 4 matrix of the grid.
    """
    image = segmentation_node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None or image.GetPointData().GetScalars() is None or min(image.GetDimensions()) < 1:
        return None
    box = _box_in_grid(image, ijk_to_ras)
    if box is None:
        return None
    value = segmentation_node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    return KeptSegment(segment_id, value, array_of(image), box)


def _box_in_grid(image: Any, ijk_to_ras: np.ndarray) -> Optional[Box]:
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_grid = np.linalg.inv(ijk_to_ras) @ slicer.util.arrayFromVTKMatrix(matrix)
    shift = np.eye(4)
    shift[:3, 3] = to_grid[:3, 3].round()
    extent = np.array(image.GetExtent()).reshape(3, 2)
    # Over its whole length: a small turn moves the far corners most.
    corners = np.array([[*corner, 1] for corner in product(*extent)]).T
    if not np.allclose(to_grid @ corners, shift @ corners, atol=_SAME_PLACE):
        return None
    i, j, k = (int(first) for first in extent[:, 0] + shift[:3, 3])
    i_size, j_size, k_size = image.GetDimensions()
    return Box((k, j, i), (k + k_size, j + j_size, i + i_size))


class SharedLayer:
    """A label map, cropped to what is in it, and the segment that each of its values stands for.

    Attributes:
        image: vtkOrientedImageData of uint8.
        segment_ids: what the values 1, 2, ... stand for; empty strings for values that stand for nothing.
    """

    def __init__(self, new: NewLabels, kept: Sequence[KeptSegment], ijk_to_ras: np.ndarray) -> None:
        """Put new labels and kept segments into one label map, as far as they do not overlap.

        Args:
            new: the new labels, whose image is used up.
            kept: segments to go with them; one that shares a voxel with what is there before it is left out.
            ijk_to_ras: 4 x 4 matrix of the grid.
        """
        self._box = reduce(Box.around, (segment.box for segment in kept), new.box)
        self._ids = {label.value: label.name for label in new.found}
        self.image = new.image if self._box == new.box else self._wider_image(new)
        self.image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
        self._array = array_of(self.image)
        for segment in kept:
            self._add(segment)

    @property
    def segment_ids(self) -> list[str]:
        """One for each value from 1 on."""
        return [self._ids.get(value, "") for value in range(1, max(self._ids) + 1)]

    def _wider_image(self, new: NewLabels) -> Any:
        image = new_image(self._box)
        array = array_of(image)
        array[...] = 0
        array[new.box.index(self._box)] = array_of(new.image)
        return image

    def _add(self, segment: KeptSegment) -> None:
        free = [value for value in range(1, 256) if value not in self._ids]
        part, mask = self._array[segment.box.index(self._box)], segment.mask
        if free and not part[mask].any():
            part[mask] = free[0]
            self._ids[free[0]] = segment.segment_id
