"""One series, several passes over the body: acquisitions, phases or reconstructions that lie over one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Optional

import numpy as np

from MISTKDSegmentLib.io.dicom.header import Header
from MISTKDSegmentLib.io.dicom.stack import SAME_PLACE_MM, heights_mm, is_stack

_Attribute = Callable[[Header], Any]
# What may differ between passes and is the same throughout one, or grows along it: last, what grows most often.
_ATTRIBUTES = tuple(map(attrgetter, (
    "series_number", "frame_of_reference_uid", "image_type", "axes", "size", "spacing_mm", "thickness_mm", "kernel",
    "kvp", "contrast_agent", "series_time", "trigger_time", "cardiac_phase", "temporal_position", "temporal_index",
    "acquisition_number", "time", "instance_number")))
# Two slices are equally far apart wherever they lie, so numbers given at random would make stacks of them.
_FEWEST_SLICES = 3


def passes(images: Sequence[Header]) -> list[list[Header]]:
    """Tell passes over the body apart.

    A pass covers each place once. An attribute tells passes apart where the images, in its order, come back to places
    that were covered before, and what lies between is a whole stack each time: so a scan of many rotations that have
    numbers of their own, one after the other along the body, stays one.

    Args:
        images: placed and parallel, of one series.
    """
    for attribute in _ATTRIBUTES:
        parts = _parts(images, attribute)
        if len(parts) > 1 and all(len(part) >= _FEWEST_SLICES and is_stack(part) for part in parts):
            return [one for part in parts for one in passes(part)]
    return [list(images)]


def mingled_acquisitions(images: Sequence[Header]) -> Optional[tuple[int, int]]:
    """Two acquisition numbers whose slices lie among each other, or None.

    Args:
        images: placed and parallel.
    """
    if any(math.isnan(image.acquisition_number) for image in images):
        return None
    heights = heights_mm(images)
    ranges = sorted((heights[group].min(), heights[group].max(), int(images[group[0]].acquisition_number))
                    for group in _groups(images, attrgetter("acquisition_number")))
    for (_, highest, one), (lowest, _, other) in zip(ranges, ranges[1:]):
        if lowest < highest + SAME_PLACE_MM:
            return min(one, other), max(one, other)
    return None


def _parts(images: Sequence[Header], attribute: _Attribute) -> list[list[Header]]:
    """The images in an attribute's order, divided where they come back into the range that they covered."""
    parts: list[list[list[int]]] = []
    heights, lowest, highest = heights_mm(images), np.inf, -np.inf
    for group in _groups(images, attribute):
        low, high = heights[group].min(), heights[group].max()
        comes_back = low < highest + SAME_PLACE_MM and high > lowest - SAME_PLACE_MM
        if not parts or comes_back:
            parts.append(_turning_point(images, parts))
            lowest, highest = np.inf, -np.inf
        parts[-1].append(group)
        covered = heights[parts[-1][0] + group]
        lowest, highest = min(covered.min(), lowest), max(covered.max(), highest)
    return [[images[n] for group in part for n in group] for part in parts]


def _turning_point(images: Sequence[Header], parts: Sequence[list[list[int]]]) -> list[list[int]]:
    """The last group of the last part, taken from it, if it lies farther out than that part goes on regularly.

    It is where a pass begins that runs the other way.
    """
    if not parts or len(parts[-1]) < 2:
        return []
    *before, last = parts[-1]
    without = [images[n] for group in before for n in group]
    if is_stack(without) and not is_stack([*without, *(images[n] for n in last)]):
        return [parts[-1].pop()]
    return []


def _groups(images: Sequence[Header], attribute: _Attribute) -> list[list[int]]:
    """Numbers of the images that share a value, in the order of the values; those without one come last."""
    groups: dict[Any, list[int]] = {}
    for n, image in enumerate(images):
        value = attribute(image)
        groups.setdefault(None if value in ("", ()) or value != value else value, []).append(n)
    return [groups[value] for value in sorted(groups, key=lambda value: (value is None, value))]
