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
from vtk.util.numpy_support import vtk_to_numpy

from MISTKDSegmentLib.model.labels import Label

_SAME_PLACE = 1e-3  # voxels


@dataclass(frozen=True)
class Box:
    """A box of voxels in a volume's grid, from its first (k, j, i) to one past its last; either may lie outside."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    def around(self, other: Box) -> Box:
        """The smallest box around both."""
        k, j, i = map(min, self.start, other.start)
        k_stop, j_stop, i_stop = map(max, self.stop, other.stop)
        return Box((k, j, i), (k_stop, j_stop, i_stop))

    def index(self, inside: Box) -> tuple[slice, ...]:
        """Where this box lies in the array of a larger one."""
        return tuple(slice(a - first, b - first) for a, b, first in zip(self.start, self.stop, inside.start))


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


def found_labels(labels: np.ndarray, label_table: Sequence[Label]) -> list[Label]:
    """The labels of a table that have at least one voxel."""
    present = np.zeros(256, bool)
    # Slice by slice: counting needs 64-bit copies, which a whole thin-slice scan has no room for.
    for values in labels:
        present |= np.bincount(values.ravel(), minlength=256) > 0
    return [label for label in label_table if present[label.value]]


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
    return KeptSegment(segment_id, value, _array_of(image), box)


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


def _array_of(image: Any) -> np.ndarray:
    """Voxels of an image as (k, j, i): a view."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


class SharedLayer:
    """A label map, cropped to what is in it, and the segment that each of its values stands for.

    Attributes:
        image: vtkOrientedImageData of uint8.
        segment_ids: what the values 1, 2, ... stand for; empty strings for values that stand for nothing.
    """

    def __init__(self, labels: np.ndarray, found: Sequence[Label], kept: Sequence[KeptSegment],
                 ijk_to_ras: np.ndarray) -> None:
        """Put new labels and kept segments into one label map, as far as they do not overlap.

        Args:
            labels: uint8 (k, j, i) on the volume's grid.
            found: the labels to take from it, at least one; other values are passed over.
            kept: segments to go with them; one that shares a voxel with what is there before it is left out.
            ijk_to_ras: 4 x 4 matrix of the grid.
        """
        box = _box_of_labels(labels)
        self._box = reduce(Box.around, (segment.box for segment in kept), box)
        self._ids = {label.value: label.name for label in found}
        self.image = _new_image(self._box, ijk_to_ras)
        self._array = _array_of(self.image)
        self._array[...] = 0
        self._copy(labels[box.index(_whole(labels))], self._array[box.index(self._box)])
        for segment in kept:
            self._add(segment)

    @property
    def segment_ids(self) -> list[str]:
        """One for each value from 1 on."""
        return [self._ids.get(value, "") for value in range(1, max(self._ids) + 1)]

    def _copy(self, labels: np.ndarray, into: np.ndarray) -> None:
        values = np.zeros(256, np.uint8)
        values[list(self._ids)] = list(self._ids)
        # Slice by slice: numpy makes 64-bit indices of labels.
        for source, target in zip(labels, into):
            target[...] = values[source]

    def _add(self, segment: KeptSegment) -> None:
        free = [value for value in range(1, 256) if value not in self._ids]
        part, mask = self._array[segment.box.index(self._box)], segment.mask
        if free and not part[mask].any():
            part[mask] = free[0]
            self._ids[free[0]] = segment.segment_id


def _whole(labels: np.ndarray) -> Box:
    k, j, i = labels.shape
    return Box((0, 0, 0), (k, j, i))


def _box_of_labels(labels: np.ndarray) -> Box:
    ranges = [np.flatnonzero(labels.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    k, j, i = (int(indices[0]) for indices in ranges)
    k_last, j_last, i_last = (int(indices[-1]) for indices in ranges)
    return Box((k, j, i), (k_last + 1, j_last + 1, i_last + 1))


def _new_image(box: Box, ijk_to_ras: np.ndarray) -> Any:
    image = slicer.vtkOrientedImageData()
    (k, j, i), (k_stop, j_stop, i_stop) = box.start, box.stop
    image.SetExtent(i, i_stop - 1, j, j_stop - 1, k, k_stop - 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    return image
