"""How the axes of a volume lie in the patient, which takes no look at its voxels."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from MISTKDSegmentLib.geometry.axes import parse_axes
from MISTKDSegmentLib.geometry.volume import Volume

# Up to this angle a scan keeps its own voxels (axes permuted and flipped only): patients lie this crookedly in
# scans that count as axial, and resampling thick slices would blur more than the tilt disturbs.
MAX_TILT_DEGREES = 10.0


_LPS_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def direction_of(axes: str) -> np.ndarray:
    """Direction matrix of axes that are named by where they run to.

    Args:
        axes: as `parse_axes` takes them, such as "LPS".

    Returns:
        3 x 3; its columns are the unit vectors of i, j and k in LPS.

    Raises:
        ValueError: these are no three letters of that kind.

    Examples:
        >>> direction_of("LPS").tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        >>> direction_of("sar").tolist()
        [[0.0, 0.0, -1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return np.array([_LPS_AXES[letter] for letter in parse_axes(axes)], float).T


def nearest_axes(direction: np.ndarray) -> tuple[int, ...]:
    """For each of L, P, S: the input axis (0 i, 1 j, 2 k) that runs along it; each axis used once.

    Args:
        direction: 3 x 3; its columns are the unit vectors of i, j and k in LPS.
    """
    size = np.abs(direction)
    return max(permutations(range(3)), key=lambda axes: sum(size[lps, axis] for lps, axis in enumerate(axes)))


def is_oblique(volume: Volume) -> bool:
    """Whether a volume is resampled to be seen upright, so that its labels come all at once at the end."""
    along = [abs(volume.direction[lps, axis]) for lps, axis in enumerate(nearest_axes(volume.direction))]
    # A lone slice has no neighbours to resample from: it stays whole, however it lies.
    return bool(min(along) < np.cos(np.radians(MAX_TILT_DEGREES))) and min(volume.voxels.shape) > 1
