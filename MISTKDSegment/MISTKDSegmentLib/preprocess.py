"""From canonical HU slices to network pixels and from network scores back: the only place where either is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.volume import Volume

BODY_HU = -300.0
BODY_MARGIN_MM = 8.0
_COARSE_MM = 4.0


class Axis(NamedTuple):
    """Equally spaced sample positions: the first one, the distance and how many."""

    start_mm: float
    spacing_mm: float
    size: int

    @property
    def centres_mm(self) -> np.ndarray:
        return self.start_mm + self.spacing_mm * np.arange(self.size)


def window(hu: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """Map HU to float32 in [0, 1]: 0 at and below the lower end of the window, 1 at and above the upper."""
    low, high = window_hu
    return np.clip((hu.astype(np.float32) - low) / (high - low), 0.0, 1.0)


def triangle_weights(source: Axis, target: Axis) -> np.ndarray:
    """Linear interpolation as a matrix; widened to the target's spacing where that is coarser (antialiasing).

    Args:
        source: positions of the given samples.
        target: positions asked for.

    Returns:
        float32 array (target.size, source.size). Rows sum to 1, or are 0 for positions outside the source.
    """
    distance = np.abs(target.centres_mm[:, None] - source.centres_mm[None, :])
    reach = max(source.spacing_mm, target.spacing_mm)
    weights = np.clip(1.0 - distance / reach, 0.0, None)
    half = source.spacing_mm / 2 + 1e-6
    outside = (target.centres_mm < source.centres_mm[0] - half) | (target.centres_mm > source.centres_mm[-1] + half)
    weights[outside] = 0.0
    total = weights.sum(1, keepdims=True)
    return (weights / np.where(total > 0, total, 1.0)).astype(np.float32)


@dataclass(frozen=True)
class SliceGrid:
    """How a box of a canonical slice and the network's pixels lie over each other.

    Attributes:
        rows, columns: the box, in canonical voxels (j and i).
        row_axis, column_axis: positions of the box's voxels in mm from the slice's first voxel.
        pixel_row_axis, pixel_column_axis: positions of the network's pixels in the same coordinates.
    """

    rows: slice
    columns: slice
    row_axis: Axis
    column_axis: Axis
    pixel_row_axis: Axis
    pixel_column_axis: Axis

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input in pixels."""
        return self.pixel_row_axis.size, self.pixel_column_axis.size

    def to_pixels(self, slices: np.ndarray) -> np.ndarray:
        """Resample boxed slices (n, rows, columns) to network pixels: float32 (n, height, width)."""
        down = triangle_weights(self.row_axis, self.pixel_row_axis)
        across = triangle_weights(self.column_axis, self.pixel_column_axis)
        return down @ slices.astype(np.float32, copy=False) @ across.T

    def to_voxels(self, scores: np.ndarray) -> np.ndarray:
        """Interpolate scores (n, h, w), h and w dividing `size`, to the box's voxels: float32 (n, rows, columns)."""
        down = _upsampling(self.row_axis, self.pixel_row_axis, scores.shape[1])
        across = _upsampling(self.column_axis, self.pixel_column_axis, scores.shape[2])
        return down @ scores.astype(np.float32, copy=False) @ across.T


def _upsampling(voxels: Axis, pixels: Axis, size: int) -> np.ndarray:
    """Weights from scores, each of which covers pixels.size / size pixels, to voxels; constant past the ends."""
    stride = pixels.size // size
    spacing = pixels.spacing_mm * stride
    centres = pixels.start_mm + pixels.spacing_mm * (stride - 1) / 2 + spacing * np.arange(size)
    position = np.clip((voxels.centres_mm - centres[0]) / spacing, 0, size - 1)
    weights = np.clip(1.0 - np.abs(position[:, None] - np.arange(size)[None, :]), 0.0, None)
    return weights.astype(np.float32)


def slice_grid(volume: Volume, pixel_spacing_mm: float, multiple: int) -> SliceGrid:
    """Lay network pixels over the patient's body.

    Args:
        volume: canonical volume in HU.
        pixel_spacing_mm: size of the network's square pixels.
        multiple: height and width become multiples of this many pixels.

    Returns:
        The grid, centred on the body's bounding box; pixels past the box read as air.
    """
    rows, columns = body_box(volume)
    row_axis, pixel_row_axis = _axes(rows, volume.spacing_mm[1], pixel_spacing_mm, multiple)
    column_axis, pixel_column_axis = _axes(columns, volume.spacing_mm[0], pixel_spacing_mm, multiple)
    return SliceGrid(rows, columns, row_axis, column_axis, pixel_row_axis, pixel_column_axis)


def _axes(box: slice, spacing_mm: float, pixel_spacing_mm: float, multiple: int) -> tuple[Axis, Axis]:
    voxels = Axis(box.start * spacing_mm, spacing_mm, box.stop - box.start)
    pixels = max(1, int(np.ceil(voxels.size * spacing_mm / pixel_spacing_mm - 1e-6)))
    size = -(-pixels // multiple) * multiple
    centre = (voxels.centres_mm[0] + voxels.centres_mm[-1]) / 2
    return voxels, Axis(float(centre - pixel_spacing_mm * (size - 1) / 2), pixel_spacing_mm, size)


def body_box(volume: Volume) -> tuple[slice, slice]:
    """Bounding box (rows, columns) of the patient over all slices of a canonical volume, with a margin.

    The body is the largest connected thing denser than air after an opening that detaches the table. Where
    nothing of that kind is found, the box is the whole slice.
    """
    step = [max(1, int(_COARSE_MM / s)) for s in volume.spacing_mm[::-1]]
    coarse = volume.voxels[::step[0], ::step[1], ::step[2]]
    # In a scan that was clipped to a soft-tissue window, air lies above the usual threshold.
    body = coarse > max(BODY_HU, float(coarse.min()) + 10.0)
    image = sitk.GetImageFromArray(body.astype(np.uint8))
    image = sitk.BinaryMorphologicalOpening(image, [1, 1, 0])
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(image), sortByObjectSize=True)
    largest = sitk.GetArrayViewFromImage(parts) == 1
    rows = _extent(largest.any(axis=(0, 2)), step[1], volume.spacing_mm[1], volume.voxels.shape[1])
    columns = _extent(largest.any(axis=(0, 1)), step[2], volume.spacing_mm[0], volume.voxels.shape[2])
    return rows, columns


def _extent(occupied: np.ndarray, step: int, spacing_mm: float, size: int) -> slice:
    where = np.flatnonzero(occupied)
    if not len(where):
        return slice(0, size)
    margin = int(round(BODY_MARGIN_MM / spacing_mm)) + step
    return slice(max(0, int(where[0]) * step - margin), min(size, int(where[-1]) * step + margin + 1))
