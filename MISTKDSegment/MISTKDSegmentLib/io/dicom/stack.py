"""Slices that lie over one another: in what order, how far apart, and what is wrong with a pile that is no stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from MISTKDSegmentLib.io.dicom.header import Header

# Headers round positions, some to 0.1 mm; a missing slice is a whole slice distance.
_DISTANCE_TOLERANCE = 0.1
_MIN_TOLERANCE_MM = 0.11
SAME_PLACE_MM = 0.01
_SIDEWAYS_TOLERANCE_MM = 0.5
SPACING_TOLERANCE = 1e-4  # relative


def heights_mm(images: Sequence[Header]) -> np.ndarray:
    """Where images lie along the normal of the first."""
    return np.array([image.position for image in images]) @ images[0].normal


def in_order(images: Sequence[Header]) -> list[Header]:
    """The images along the normal of the first."""
    return [images[n] for n in np.argsort(heights_mm(images), kind="stable")]


def is_stack(images: Sequence[Header]) -> bool:
    """Whether images of any order make one volume: of one size, equally far apart, none missing or twice."""
    if len({image.size for image in images}) > 1 or not all(image.is_placed for image in images):
        return False
    spacing = np.array([image.spacing_mm for image in images])
    return bool((np.ptp(spacing, axis=0) <= SPACING_TOLERANCE * spacing[0]).all()) and fault(in_order(images)) is None


def fault(images: Sequence[Header]) -> Optional[str]:
    """What is wrong with a stack, as the rest of a sentence that begins with its folder, or None.

    Args:
        images: placed, parallel and in order.
    """
    positions, heights = np.array([image.position for image in images]), heights_mm(images)
    return (_duplicates(images, heights) or _irregular(heights)
            or _sideways(positions - positions[0], heights - heights[0], images[0].normal))


def _duplicates(images: Sequence[Header], heights: np.ndarray) -> Optional[str]:
    doubles = np.flatnonzero(np.diff(heights) < SAME_PLACE_MM)
    if not len(doubles):
        return None
    first = doubles[0]
    return (f"has {len(doubles)} slices at the place of another one (first: {images[first].path.name} and "
            f"{images[first + 1].path.name} at {heights[first]:.2f} mm), perhaps of several phases that the headers "
            "do not tell apart; pass a folder with the slices of one phase only")


def _irregular(heights: np.ndarray) -> Optional[str]:
    steps = np.diff(heights)
    usual = float(np.median(steps)) if len(steps) else 0.0
    odd = np.flatnonzero(np.abs(steps - usual) > max(_DISTANCE_TOLERANCE * usual, _MIN_TOLERANCE_MM))
    if not len(odd):
        return None
    missing = int(np.rint(steps[odd] / usual - 1).clip(0).sum())
    places = ", ".join(f"between {heights[n]:.2f} and {heights[n + 1]:.2f} mm" for n in odd[:3])
    what = f"about {missing} slices missing" if missing else "irregular slice distances"
    return (f"has {what}: slices are {usual:g} mm apart, but not {places}{' and elsewhere' if len(odd) > 3 else ''}; "
            "export the whole series again")


def _sideways(offsets: np.ndarray, heights: np.ndarray, direction: np.ndarray) -> Optional[str]:
    shift = float(np.linalg.norm(offsets - np.outer(heights, direction), axis=1).max())
    if shift <= _SIDEWAYS_TOLERANCE_MM:
        return None
    degrees = np.degrees(np.arctan2(shift, heights[-1]))
    return (f"has slices shifted sideways by up to {shift:.1f} mm (gantry tilt of {degrees:.1f} degrees); resample it "
            "first, for example with dcm2niix")
