"""The same patient stored along other axes: all 48 signed permutations, and rotations."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume

ORIENTATIONS = [
    np.array([[sign * (axis == lps) for axis, sign in zip(axes, signs)] for lps in range(3)], float)
    for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)
]


def turned(volume: Volume, direction: np.ndarray) -> Volume:
    """The same patient in the same place, stored along other axes (a signed permutation of LPS)."""
    lps_of_axis = np.abs(direction).argmax(0)
    sign_of_axis = direction.sum(0)
    voxels = volume.voxels.transpose([2 - lps_of_axis[axis] for axis in (2, 1, 0)])
    voxels = np.flip(voxels, [2 - axis for axis in range(3) if sign_of_axis[axis] < 0])
    size = np.array(volume.voxels.shape[::-1])
    first = np.zeros(3)
    for axis in range(3):
        if sign_of_axis[axis] < 0:
            first[lps_of_axis[axis]] = size[lps_of_axis[axis]] - 1
    origin = np.asarray(volume.origin_mm) + first * volume.spacing_mm
    spacing = tuple(volume.spacing_mm[lps] for lps in lps_of_axis)
    return Volume(np.ascontiguousarray(voxels), spacing, tuple(origin), direction, volume.name)


def rotation(degrees: float, axis: int) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    one, other = [a for a in range(3) if a != axis]
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = cosine
    matrix[one, other], matrix[other, one] = -sine, sine
    return matrix
