"""From canonical HU slices to network pixels and from network scores back: the only place where either is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from MISTKDSegmentLib.geometry.box import round_up
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.body import body_box
from MISTKDSegmentLib.inference.interpolation import Axis, Neighbours, interpolate, neighbours, resampling


def window(hu: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """Map HU to float32 in [0, 1]: 0 at and below the lower end of the window, 1 at and above the upper."""
    low, high = window_hu
    return np.clip((hu.astype(np.float32) - low) / (high - low), 0.0, 1.0)


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
        down = resampling(self.row_axis, self.pixel_row_axis) @ slices.astype(np.float32, copy=False)
        across = resampling(self.column_axis, self.pixel_column_axis) @ down.swapaxes(-1, -2)
        return across.swapaxes(-1, -2)

    def to_voxels(self, scores: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
        """Interpolate scores (h, w), h and w dividing `size`, to some of the box's voxels.

        Args:
            scores: float32; past the ends, the last ones count.
            box: which rows and columns of the grid's box; at least one voxel.

        Returns:
            float32 (rows, columns) of these voxels.
        """
        rows, columns = self._neighbours(scores.shape)
        return interpolate(scores, rows, columns, box)

    def voxels_near(self, pixels: Sequence[slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The box's voxels that scores in a box of pixels have a say in.

        Args:
            pixels: rows and columns of the scores.
            shape: of all scores, (h, w).
        """
        rows, columns = self._neighbours(shape)
        return rows.near(pixels[0]), columns.near(pixels[1])

    def cells(self, shape: tuple[int, ...]) -> tuple[Axis, Axis]:
        """Positions of the rows and columns of scores (h, w), in mm from the slice's first voxel."""
        return _coarser(self.pixel_row_axis, shape[0]), _coarser(self.pixel_column_axis, shape[1])

    def _neighbours(self, shape: tuple[int, ...]) -> tuple[Neighbours, Neighbours]:
        rows, columns = self.cells(shape)
        return neighbours(rows, self.row_axis), neighbours(columns, self.column_axis)


def _coarser(pixels: Axis, size: int) -> Axis:
    """The axis of scores, each of which covers pixels.size / size pixels."""
    covered = pixels.size // size
    return Axis(pixels.start_mm + pixels.spacing_mm * (covered - 1) / 2, pixels.spacing_mm * covered, size)


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
    size = round_up(pixels, multiple)
    centre = (voxels.centres_mm[0] + voxels.centres_mm[-1]) / 2
    # An even number of pixels on both sides of a box that is narrower than one would all lie outside of it.
    before = size // 2 if voxels.size * spacing_mm < pixel_spacing_mm else (size - 1) / 2
    return voxels, Axis(float(centre - pixel_spacing_mm * before), pixel_spacing_mm, size)
