"""A scan in memory: voxels and where they lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Volume:
    """A scalar volume with its geometry.

    Attributes:
        voxels: array of shape (k, j, i); HU for a CT, label values for a label map.
        spacing_mm: distance between voxel centres along i, j and k.
        origin_mm: LPS position of the centre of voxel (i, j, k) = (0, 0, 0).
        direction: 3 x 3; its columns are the unit vectors of the i, j and k axes in LPS (as in ITK and
            DICOM: x to the patient's left, y to posterior, z to superior).
        name: short name for messages and output files; never taken from DICOM patient tags.
    """

    voxels: np.ndarray
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: np.ndarray
    name: str = "volume"

    @property
    def ijk_to_lps(self) -> np.ndarray:
        """4 x 4 matrix from (i, j, k, 1) to LPS millimetres."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * np.asarray(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def with_voxels(self, voxels: np.ndarray) -> Volume:
        """The same grid with other voxels of the same shape."""
        if voxels.shape != self.voxels.shape:
            raise ValueError(f"voxels has shape {voxels.shape}; the grid of {self.name} is {self.voxels.shape}")
        return replace(self, voxels=voxels)
