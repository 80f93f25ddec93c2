"""The phantom, coarse enough to be made in a second, with HU in which everything is as in a patient."""

from functools import lru_cache

import numpy as np

from MISTKDSegmentLib.phantom.abdomen import make_phantom

SPACING_MM = (4.0, 4.0, 6.0)


@lru_cache(maxsize=1)
def phantom():
    """Volume of 50 x 72 x 96 voxels and its labels; not to be changed."""
    volume, labels = make_phantom(spacing_mm=SPACING_MM)
    volume.voxels.flags.writeable = labels.flags.writeable = False
    return volume, labels


def outside_circle(shape):
    """Where a round field of view ends in slices of a shape (k, j, i)."""
    j, i = np.ogrid[: shape[1], : shape[2]]
    return ((2 * j + 1) / shape[1] - 1) ** 2 + ((2 * i + 1) / shape[2] - 1) ** 2 > 1
