"""Boxes of voxels in an array."""

from __future__ import annotations

from typing import Optional

import numpy as np


def bounding_box(mask: np.ndarray) -> Optional[tuple[slice, ...]]:
    """Slices of the smallest box around all that is not zero, one an axis; None where there is nothing."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        extent = extent_of(np.asarray(mask.any(axis=others)))
        if extent is None:
            return None
        box.append(extent)
        mask = mask[(slice(None),) * axis + (extent,)]  # the other axes have less to look at
    return tuple(box)


def extent_of(occupied: np.ndarray) -> Optional[slice]:
    """From the first to the last that is true, of booleans in a row; None where none is."""
    where = np.flatnonzero(occupied)
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else None


def round_up(number: int, multiple: int) -> int:
    """The next multiple of a number that is no smaller.

    Examples:
        >>> round_up(33, 32), round_up(32, 32)
        (64, 32)
    """
    return -(-number // multiple) * multiple
