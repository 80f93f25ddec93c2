"""The labels of a run as an image, cropped to what was found (touches slicer and vtk)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Optional, TypeVar

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from MISTKDSegmentLib.model.labels import Label

Found = TypeVar("Found")


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
class NewLabels:
    """Labels that were found, cropped to what is in them.

    Attributes:
        found: those of the table that have at least one voxel, in its order.
        box: what they lie in.
        image: vtkOrientedImageData of uint8 over the box, which is not told yet where the grid lies.
    """

    found: list[Label]
    box: Box
    image: Any


def crop_labels(labels: np.ndarray, label_table: Sequence[Label]) -> Generator[None, None, Optional[NewLabels]]:
    """Find labels and copy them into an image, slice by slice: a whole scan at once would halt the window.

    Args:
        labels: uint8 (k, j, i) on the volume's grid.
        label_table: the labels to take from it; other values are passed over.

    Yields:
        None, after each slice.

    Returns:
        What was found; None where that is nothing.
    """
    box = yield from _box_of_labels(labels)
    if box is None:
        return None
    image = new_image(box)
    wanted = np.zeros(256, np.uint8)
    wanted[[label.value for label in label_table]] = [label.value for label in label_table]
    present = np.zeros(256, bool)
    for source, target in zip(labels[box.index(_whole(labels))], array_of(image)):
        values = np.flatnonzero(np.bincount(source.ravel(), minlength=256))
        present[values] = True
        # To look values up takes several times as long as to copy them.
        target[...] = source if (wanted[values] == values).all() else wanted[source]
        yield
    found = [label for label in label_table if present[label.value]]
    return NewLabels(found, box, image) if found else None


def at_once(steps: Generator[None, None, Found]) -> Found:
    """Take all steps of a generator and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def array_of(image: Any) -> np.ndarray:
    """Voxels of an image as (k, j, i): a view."""
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def _whole(labels: np.ndarray) -> Box:
    k, j, i = labels.shape
    return Box((0, 0, 0), (k, j, i))


def _box_of_labels(labels: np.ndarray) -> Generator[None, None, Optional[Box]]:
    filled = [np.zeros(size, bool) for size in labels.shape]
    for k, values in enumerate(labels):
        filled[0][k] = values.any()
        if filled[0][k]:
            filled[1] |= values.any(axis=1)
            filled[2] |= values.any(axis=0)
        yield
    if not filled[0].any():
        return None
    (k, k_stop), (j, j_stop), (i, i_stop) = (
        (int(indices[0]), int(indices[-1]) + 1) for indices in map(np.flatnonzero, filled))
    return Box((k, j, i), (k_stop, j_stop, i_stop))


def new_image(box: Box) -> Any:
    """A vtkOrientedImageData of uint8 over a box; what its voxels hold is not defined."""
    image = slicer.vtkOrientedImageData()
    (k, j, i), (k_stop, j_stop, i_stop) = box.start, box.stop
    image.SetExtent(i, i_stop - 1, j, j_stop - 1, k, k_stop - 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    return image
