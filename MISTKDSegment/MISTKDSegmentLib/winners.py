"""Which class has the highest score at each voxel, worked out where a class can win at all."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.postprocess import bounding_box
from MISTKDSegmentLib.preprocess import SliceGrid


def winners(scores: np.ndarray, grid: SliceGrid) -> np.ndarray:
    """The class that wins at each voxel of a slice, the first of those that share the highest score.

    Between pixels, the lead of a class over the background is a mean of its leads around: where it leads at none of
    them, it cannot win. So each class is interpolated around the pixels where it leads, which are few, and the
    background nowhere.

    Args:
        scores: float32 (classes, h, w), class 0 the background; h and w divide `grid.size`.
        grid: how the slice's voxels and the network's pixels lie over each other.

    Returns:
        uint8 (rows, columns) of the grid's box.
    """
    best = np.zeros((grid.row_axis.size, grid.column_axis.size), np.float32)
    found = np.zeros(best.shape, np.uint8)
    for number, lead in enumerate(scores[1:] - scores[0], 1):
        box = _reach(lead, grid)
        if best[box].size:
            here = grid.to_voxels(lead, box)
            wins = here > best[box]
            np.copyto(best[box], here, where=wins)
            found[box][wins] = number
    return found


def _reach(lead: np.ndarray, grid: SliceGrid) -> tuple[slice, slice]:
    """Around the pixels with a lead."""
    pixels = bounding_box(lead > 0)
    return (slice(0), slice(0)) if pixels is None else grid.voxels_near(pixels, lead.shape)
