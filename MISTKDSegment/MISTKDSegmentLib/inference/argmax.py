"""Which class has the highest score at each voxel, worked out where a class can win at all."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.geometry.box import extent_of
from MISTKDSegmentLib.inference.preprocess import SliceGrid


def winners(scores: np.ndarray, grid: SliceGrid, values: np.ndarray) -> np.ndarray:
    """The label of the class that wins at each voxel of a slice, the first of those that share the highest score.

    Between pixels, the lead of a class over the background is a mean of its leads around: where it leads at none of
    them, it cannot win. So each class is interpolated around the pixels where it leads, which are few, and the
    background nowhere.

    Args:
        scores: float32 (classes, h, w), class 0 the background; h and w divide `grid.size`.
        grid: how the slice's voxels and the network's pixels lie over each other.
        values: uint8 (classes,), the label of each class; that of the background is 0.

    Returns:
        uint8 (rows, columns) of the grid's box.
    """
    best = np.zeros((grid.row_axis.size, grid.column_axis.size), np.float32)
    found = np.zeros(best.shape, np.uint8)
    leads = scores[1:] - scores[0]
    ahead = leads > 0
    for lead, value, rows, columns in zip(leads, values[1:], ahead.any(2), ahead.any(1)):
        down, across = extent_of(rows), extent_of(columns)
        if down is None or across is None:
            continue
        box = grid.voxels_near((down, across), lead.shape)
        if best[box].size:
            here = grid.to_voxels(lead, box)
            wins = here > best[box]
            np.copyto(best[box], here, where=wins)
            np.copyto(found[box], value, where=wins)
    return found
