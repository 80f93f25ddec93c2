"""Regions that no scanner measured: filled with one exact value, from the border of the slices inwards.

Registration, masking, anonymising and correction of a gantry tilt leave them, and so does a round field of view. They
hold 0 as often as -1000, -1024, -2000, -3024 or 32767, and 0 HU is water.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.volume import Volume

AIR_HU = -1024.0
_NO_AIR_HU = -1100.0  # below it lies no air
_NO_BONE_HU = 2000.0  # where a window ends below it, bone and contrast medium have that one value
COARSE_MM = 4.0
# Of the voxels at the border and of all. A value that noise brings about is nowhere as frequent beside itself.
_MIN_AT_BORDER, _MIN_SHARE, _MIN_SAME_BESIDE = 0.02, 0.005, 0.5
# A made-up picture takes a few values, each of them exactly: nothing in it is missing.
_FEWEST_MEASURED_VALUES = 16
_SAMPLE_VOXELS = 1 << 17


def sample_of(voxels: np.ndarray) -> np.ndarray:
    """Every n-th of a scan's voxels along each axis, some 100,000 of them, or all where there are fewer: a view."""
    step = [-(-size // 64) for size in voxels.shape]
    while np.prod([-(-size // each) for size, each in zip(voxels.shape, step)]) < _SAMPLE_VOXELS and max(step) > 1:
        step[step.index(max(step))] -= 1
    return voxels[:: step[0], :: step[1], :: step[2]]


def fill_values(sample: np.ndarray) -> tuple[float, ...]:
    """The values that fill regions without data.

    Args:
        sample: some of the voxels of a scan on a regular grid, (k, j, i).

    Returns:
        From the lowest up; what clips all the air around a patient, such as -1024, is among them.
    """
    at_border, counts = np.unique(_border(sample), return_counts=True)
    frequent = at_border[counts >= _MIN_AT_BORDER * counts.sum()]
    highest = sample.max()
    found = [value for value in frequent if (value < highest or value > _NO_BONE_HU) and _is_solid(sample == value)]
    rest = sample[~np.isin(sample, found)] if found else sample
    # A few thousand voxels are enough to see many values, and quick to sort.
    is_drawn = len(np.unique(rest[:: max(1, len(rest) >> 12)])) < _FEWEST_MEASURED_VALUES
    return () if is_drawn else tuple(float(value) for value in found)


def _border(sample: np.ndarray) -> np.ndarray:
    faces = [sample.take(end, axis).ravel() for axis in range(3) if sample.shape[axis] > 1 for end in (0, -1)]
    return np.concatenate(faces) if faces else sample.ravel()


def _is_solid(is_value: np.ndarray) -> bool:
    count = int(np.count_nonzero(is_value))
    beside = max(int(np.count_nonzero(is_value[..., 1:] & is_value[..., :-1])),
                 int(np.count_nonzero(is_value[:, 1:] & is_value[:, :-1])))
    return count >= _MIN_SHARE * is_value.size and beside >= _MIN_SAME_BESIDE * count


@dataclass(frozen=True)
class NoData:
    """Where an axial volume holds no data.

    Attributes:
        voxels: of the volume, (k, j, i), i and j in the axial plane.
        step: of the coarse grid, along k, j and i.
        fills: the values that fill regions.
        regions: bool mask on the coarse grid for each of them, or for some.
    """

    voxels: np.ndarray
    step: tuple[int, int, int]
    fills: tuple[float, ...]
    regions: dict[float, np.ndarray]

    def in_slice(self, k: int, box: tuple[slice, slice] = (slice(None), slice(None))) -> Optional[np.ndarray]:
        """Which voxels of a slice (or of a box in it) hold no data: a bool mask, or None where all hold some."""
        values = self.voxels[k][box]
        mask: Optional[np.ndarray] = None
        for value, region in self.regions.items():
            near = region[min(k // self.step[0], len(region) - 1)]
            if not near.any():
                continue
            # The border of a region lies anywhere in its coarse cells and those beside them.
            rows, columns = (np.minimum(np.arange(size)[part] // step, cells - 1) for size, part, step, cells
                             in zip(self.voxels.shape[1:], box, self.step[1:], near.shape))
            found = _grown(near)[rows[:, None], columns] & (values == value)
            mask = found if mask is None else mask | found
        return mask

    def apart_from_air(self) -> NoData:
        """Without the value at which a scanner or a window clips air, which is that of lungs and airways as well."""
        lowest = float(sample_of(self.voxels).min())
        return replace(self, regions={value: region for value, region in self.regions.items()
                                      if value > lowest or value < _NO_AIR_HU})

    def slices_near(self, labels: np.ndarray) -> Iterator[int]:
        """The slices in which labels (k, j, i) may lie beside regions without data."""
        labelled = labels[:: self.step[0], :: self.step[1], :: self.step[2]] != 0
        for place, cells in enumerate(labelled):
            wide = _grown(cells)
            if any((_grown(region[place]) & wide).any() for region in self.regions.values()):
                yield from range(place * self.step[0], min((place + 1) * self.step[0], len(labels)))


def find_no_data(volume: Volume, above_hu: float = -np.inf, coarse_mm: float = COARSE_MM) -> NoData:
    """Find the regions of an axial volume that reach the border of their slices and hold one exact value.

    Args:
        volume: i and j in the axial plane.
        above_hu: pass over values up to this one, such as those that look like air anyway.
        coarse_mm: how finely it is looked at, in mm.
    """
    step = coarse_step(volume, coarse_mm)
    fills = fill_values(sample_of(volume.voxels))
    coarse = volume.voxels[:: step[0], :: step[1], :: step[2]]
    regions = {value: _reaching_border(coarse == value) for value in fills if value > above_hu}
    return NoData(volume.voxels, step, fills, {value: region for value, region in regions.items() if region.any()})


def coarse_step(volume: Volume, coarse_mm: float) -> tuple[int, int, int]:
    """Every how many voxels along k, j and i there is one for a grid of about `coarse_mm`."""
    k, j, i = (max(1, int(coarse_mm / mm)) for mm in volume.spacing_mm[::-1])
    return k, j, i


def _reaching_border(mask: np.ndarray) -> np.ndarray:
    """The parts that reach an edge of the slices; the first and the last slice are no border of the patient."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    parts = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(padded.astype(np.uint8))))
    return parts[:, 1:-1, 1:-1] == parts[0, 0, 0]


def _grown(mask: np.ndarray) -> np.ndarray:
    """A 2-D mask and the cells around it."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
