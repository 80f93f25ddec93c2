"""Left and right: an organ's two sides told apart, and labels doubted whose organs lie on the wrong side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.preprocess import body_box
from Training.system.words import spaced

_MIN_SHARE = 0.9
# Organs whose centres lie in a known order, also in a part of the abdomen: the first lies to the patient's left of
# the second (axis 2) or behind it (axis 1). This is not true in situs inversus: a doubt can be overruled.
_ORDER = (
    ("left_kidney", "right_kidney", 2, "left"),
    ("spleen", "liver", 2, "left"),
    ("left_kidney", "stomach", 1, "back"),
    ("right_kidney", "liver", 1, "back"),
)
EMPTY = "has none of the organs"


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
    """Bool (voxels of the mask,): true to the left of the body's middle."""
    canonical = canonical_frame(volume).volume
    _, columns = body_box(canonical)
    middle_mm = (columns.start + columns.stop - 1) / 2 * canonical.spacing_mm[0]
    ijk = np.argwhere(mask)[:, ::-1]
    lps = ijk @ volume.ijk_to_lps[:3, :3].T + np.asarray(volume.origin_mm)
    return (lps - np.asarray(canonical.origin_mm)) @ canonical.direction[:, 0] > middle_mm


def doubts(labels: np.ndarray, organs: Sequence[str]) -> list[str]:
    """Phrases about what is hard to believe of a label map.

    Args:
        labels: channel numbers, uint8 (k, j, i), i to the patient's left, j to posterior, k to superior.
        organs: names of channels 1, 2, ...

    Returns:
        Phrases that follow on a case's name; none where nothing is wrong.
    """
    centres = {name: centre for channel, name in enumerate(organs, 1)
               if (centre := _centre(labels == channel)) is not None}
    if not centres:
        return [EMPTY]
    return [
        f"has its {spaced(one)} on the wrong side of its {spaced(other)} (not to the {side})"
        for one, other, axis, side in _ORDER
        if one in centres and other in centres and centres[one][axis] <= centres[other][axis]
    ]


def _centre(mask: np.ndarray) -> tuple[float, ...] | None:
    counts = [mask.sum(tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    total = counts[0].sum()
    if not total:
        return None
    return tuple(float(count @ np.arange(len(count)) / total) for count in counts)
