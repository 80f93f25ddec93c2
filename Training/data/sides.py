"""Telling left from right: an organ that a data set has under one label on both sides."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from MISTKDSegmentLib.geometry.frame import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.preprocess import body_box

_MIN_SHARE = 0.9


def split_sides(
    channels: np.ndarray, mask: np.ndarray, volume: Volume, *, left: int, right: int, unclear: int
) -> None:
    """Write the side's number into each connected part of a mask.

    A part belongs to the side of the body's middle on which at least nine tenths of it lie; parts that cross the
    middle, such as a horseshoe kidney, belong to neither.

    Args:
        channels: uint8 array (k, j, i) on the grid of `volume`, written into where `mask` is true.
        mask: bool, same shape.
        volume: the scan in HU.
        left, right: numbers of the patient's left and right.
        unclear: number of parts that belong to neither.
    """
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if not count:
        return
    on_left = _is_left(mask, volume)
    labels = parts[mask]
    share = np.bincount(labels, on_left, count + 1) / np.maximum(np.bincount(labels, minlength=count + 1), 1)
    side = np.full(count + 1, unclear, np.uint8)
    side[share >= _MIN_SHARE] = left
    side[1 - share >= _MIN_SHARE] = right
    channels[mask] = side[labels]


def _is_left(mask: np.ndarray, volume: Volume) -> np.ndarray:
    """For each voxel of the mask whether it lies to the left of the body's middle."""
    canonical = canonical_frame(volume).volume
    _, columns = body_box(canonical)
    middle_mm = (columns.start + columns.stop - 1) / 2 * canonical.spacing_mm[0]
    ijk = np.argwhere(mask)[:, ::-1]
    lps = ijk @ volume.ijk_to_lps[:3, :3].T + np.asarray(volume.origin_mm)
    return (lps - np.asarray(canonical.origin_mm)) @ canonical.direction[:, 0] > middle_mm
