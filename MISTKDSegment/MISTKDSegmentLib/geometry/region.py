"""A box in the patient that a run is restricted to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume


@dataclass(frozen=True)
class Region:
    """A box of any orientation.

    Attributes:
        lps_to_unit: 4 x 4 matrix from LPS millimetres to the box's own coordinates, which lie in [-1, 1] inside.
    """

    lps_to_unit: np.ndarray

    def slices(self, volume: Volume) -> range:
        """The slices (k) of a volume that may meet the box; empty where it lies beside the volume."""
        corners = np.array([[*corner, 1.0] for corner in product((-1.0, 1.0), repeat=3)])
        unit_to_ijk = np.linalg.inv(volume.ijk_to_lps) @ np.linalg.inv(self.lps_to_unit)
        ijk = (corners @ unit_to_ijk.T)[:, :3]
        first = np.maximum(np.ceil(ijk.min(0) - 1e-6), 0).astype(int)
        stop = np.minimum(np.floor(ijk.max(0) + 1e-6) + 1, volume.voxels.shape[::-1]).astype(int)
        return range(int(first[2]), int(stop[2])) if (first < stop).all() else range(0)

    def mask(self, volume: Volume, k: int) -> np.ndarray:
        """Bool (rows, columns): which voxel centres of slice k lie in the box."""
        return self._distance(volume, k, np.zeros(3)) <= 1 + 1e-9

    def rim(self, volume: Volume, k: int) -> np.ndarray:
        """Bool (rows, columns): which voxels of slice k lie in the box and have a neighbour outside."""
        step = np.abs((self.lps_to_unit @ volume.ijk_to_lps)[:3, :3]).max(1)
        return self.mask(volume, k) & (self._distance(volume, k, step) > 1 + 1e-9)

    def _distance(self, volume: Volume, k: int, margin: np.ndarray) -> np.ndarray:
        """Largest of the three unit coordinates of each voxel, each a margin further out than it is."""
        rows, columns = volume.voxels.shape[1:]
        furthest = np.zeros((rows, columns))
        for (along_i, along_j, along_k, start), extra in zip((self.lps_to_unit @ volume.ijk_to_lps)[:3], margin):
            coordinate = along_j * np.arange(rows)[:, None] + along_i * np.arange(columns) + along_k * k + start
            np.maximum(furthest, np.abs(coordinate) + extra, out=furthest)
        return furthest
