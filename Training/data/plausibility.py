"""What a label map cannot be right about: organs on the wrong side of each other, or none at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Organs whose centres lie in a known order, also in a part of the abdomen: the first lies to the patient's left of
# the second (axis 2) or behind it (axis 1). This is not true in situs inversus: a doubt can be overruled.
_ORDER = (
    ("left_kidney", "right_kidney", 2, "left"),
    ("spleen", "liver", 2, "left"),
    ("left_kidney", "stomach", 1, "back"),
    ("right_kidney", "liver", 1, "back"),
)
EMPTY = "has none of the organs"


def doubts(labels: np.ndarray, organs: Sequence[str]) -> list[str]:
    """What is hard to believe of a label map, one phrase each.

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
        f"has its {one.replace('_', ' ')} on the wrong side of its {other.replace('_', ' ')} (not to the {side})"
        for one, other, axis, side in _ORDER
        if one in centres and other in centres and centres[one][axis] <= centres[other][axis]
    ]


def _centre(mask: np.ndarray) -> tuple[float, ...] | None:
    counts = [mask.sum(tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    total = counts[0].sum()
    if not total:
        return None
    return tuple(float(count @ np.arange(len(count)) / total) for count in counts)
