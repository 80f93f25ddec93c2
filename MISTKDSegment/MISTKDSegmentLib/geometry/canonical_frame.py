"""The canonical axial frame: i to the patient's left, j to posterior, k to superior; and the exact way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import format_mm
from MISTKDSegmentLib.geometry.orientation import is_oblique, nearest_axes
from MISTKDSegmentLib.geometry.sitk_image import to_image, to_volume
from MISTKDSegmentLib.geometry.volume import Volume

AIR_HU = -1024.0
# Long, thin voxels that lie askew need hundreds of upright ones each.
_MOST_TIMES_AS_MANY = 16
_ALWAYS_VOXELS = 1 << 26


@dataclass(frozen=True)
class CanonicalFrame:
    """A volume seen in the canonical axial frame.

    Attributes:
        volume: the canonical volume. Its voxels are a view of the input's, or a linear resampling of them.
        source: the input volume.
        transpose: numpy axes of the input in canonical order (k, j, i).
        flips: canonical numpy axes that run against the input's.
        is_oblique: whether voxels were resampled.
    """

    volume: Volume
    source: Volume
    transpose: tuple[int, ...]
    flips: tuple[int, ...]
    is_oblique: bool

    def canonical_labels(self, labels: np.ndarray) -> np.ndarray:
        """Labels on the input's grid as the frame sees them: a view, or by nearest neighbour where it is oblique.

        Args:
            labels: uint8 array of the input's shape.

        Returns:
            uint8 array of the canonical volume's shape.
        """
        if self.is_oblique:
            return _nearest(self.source.with_voxels(labels), self.volume)
        return np.flip(labels.transpose(self.transpose), self.flips)

    def labels_for(self, out: np.ndarray) -> np.ndarray:
        """Where to write canonical labels so that they reach `out`: a view of it, unless oblique.

        Args:
            out: uint8 labels on the input's grid, shape (k, j, i).

        Returns:
            uint8 array of the canonical volume's shape.
        """
        if self.is_oblique:
            return np.zeros(self.volume.voxels.shape, np.uint8)
        return self.canonical_labels(out)

    def finish(self, labels: np.ndarray, out: np.ndarray) -> None:
        """Bring labels obtained from `labels_for` to `out`, by nearest neighbour where voxels were resampled."""
        if self.is_oblique:
            out[...] = _nearest(self.volume.with_voxels(labels), self.source)


def canonical_frame(volume: Volume) -> CanonicalFrame:
    """Find the canonical axial frame of a volume with any orientation: upright, where it is oblique.

    Args:
        volume: voxels of shape (k, j, i) with an orthonormal direction matrix.

    Returns:
        The frame, with the canonical volume in it.

    Raises:
        InputError: the scan is oblique, and upright it would be many times as large.
    """
    return canonical_frames(volume)[-1]


def canonical_frames(volume: Volume) -> tuple[CanonicalFrame, ...]:
    """Find the frames that a volume may be seen in: along its own axes, and upright as well where it is oblique.

    Args, Raises: as in `canonical_frame`.
    """
    axis_of, transpose, flips = _axes(volume)
    own = CanonicalFrame(_permuted(volume, axis_of, transpose, flips), volume, transpose, flips, False)
    if not is_oblique(volume):
        return (own,)
    return own, CanonicalFrame(_resampled_axial(volume, axis_of), volume, transpose, flips, True)


def axial_view(volume: Volume) -> Volume:
    """The volume with i nearest to the patient's left, j to posterior and k to superior; a view, never resampled."""
    return _permuted(volume, *_axes(volume))


def _axes(volume: Volume) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """For L, P and S the input axes; the numpy axes in canonical order; those that run the other way."""
    axis_of = nearest_axes(volume.direction)
    transpose = tuple(2 - axis_of[lps] for lps in (2, 1, 0))
    return axis_of, transpose, tuple(2 - lps for lps in (2, 1, 0) if volume.direction[lps, axis_of[lps]] < 0)


def _nearest(labels: Volume, grid: Volume) -> np.ndarray:
    """A label map on another grid; 0 outside."""
    resampled = sitk.Resample(to_image(labels), to_image(grid), sitk.Transform(), sitk.sitkNearestNeighbor, 0,
                              sitk.sitkUInt8)
    return sitk.GetArrayFromImage(resampled)


def _permuted(volume: Volume, axis_of: tuple[int, ...], transpose: tuple[int, ...],
              flips: tuple[int, ...]) -> Volume:
    voxels = np.flip(volume.voxels.transpose(transpose), flips)
    direction = volume.direction[:, list(axis_of)].copy()
    first = np.zeros(3)
    for numpy_axis in flips:
        lps = 2 - numpy_axis
        direction[:, lps] *= -1
        first[axis_of[lps]] = volume.voxels.shape[2 - axis_of[lps]] - 1
    origin = volume.ijk_to_lps[:3, :3] @ first + np.asarray(volume.origin_mm)
    left, posterior, superior = (volume.spacing_mm[axis] for axis in axis_of)
    return Volume(voxels, (left, posterior, superior), tuple(origin.tolist()), direction, volume.name)


def _resampled_axial(volume: Volume, axis_of: tuple[int, ...]) -> Volume:
    spacing = np.array([volume.spacing_mm[axis] for axis in axis_of])
    size_ijk = np.array(volume.voxels.shape[::-1])
    corners_ijk = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * size_ijk - 0.5
    corners_lps = corners_ijk @ volume.ijk_to_lps[:3, :3].T + np.asarray(volume.origin_mm)
    low, high = corners_lps.min(0), corners_lps.max(0)
    size = np.maximum(1, np.ceil((high - low) / spacing - 1e-6)).astype(int)
    _check_size(volume, size)
    resample = sitk.ResampleImageFilter()
    resample.SetSize([int(n) for n in size])
    resample.SetOutputSpacing(spacing.tolist())
    resample.SetOutputOrigin(((low + high) / 2 - spacing * (size - 1) / 2).tolist())
    resample.SetInterpolator(sitk.sitkLinear)
    resample.SetDefaultPixelValue(AIR_HU)
    return to_volume(resample.Execute(to_image(volume)), volume.name)


def _check_size(volume: Volume, size_ijk: np.ndarray) -> None:
    voxels = float(np.prod(size_ijk, dtype=float))
    if voxels > max(_MOST_TIMES_AS_MANY * volume.voxels.size, _ALWAYS_VOXELS):
        raise InputError(f"{volume.name} lies askew and has such long, thin voxels ({format_mm(volume.spacing_mm)}) "
                         f"that upright it would have {voxels / volume.voxels.size:.0f} times as many; resample it "
                         "to an axial grid first.")
