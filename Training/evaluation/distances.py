"""Distances of two surfaces: by border voxels, as published tables have them, and by area."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

from MISTKDSegmentLib.geometry.box import bounding_box
from Training.evaluation.surface import NOTHING, element_areas, surface_of

Spacing = tuple[float, float, float]

VOXEL_UNITS: Spacing = (1.0, 1.0, 1.0)


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing = VOXEL_UNITS
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from each border voxel of one mask to the nearest border voxel of the other, as published tables do.

    A border voxel has one of its six face neighbours outside the mask or outside the grid, as in
    `medpy.metric.binary` with connectivity 1.

    Args:
        prediction: mask of shape (k, j, i); zero is outside.
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k (the reverse of the array's axes, as in `Volume`);
            left out, distances are in voxels.

    Returns:
        Distances prediction -> reference, one per border voxel of the prediction, and reference ->
        prediction likewise. Infinite where the mask that is looked for is empty.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    prediction, reference = as_masks(prediction, reference)
    scale = _spacing_kji(prediction, spacing_mm)
    from_prediction = _border_points(prediction) * scale
    from_reference = _border_points(reference) * scale
    return _nearest(from_prediction, from_reference), _nearest(from_reference, from_prediction)


class SurfaceDistances(NamedTuple):
    """Distances of one mask's surface from another's, element by element (see `surface.py`).

    Attributes:
        distances_mm: (n,), to the nearest element of the other surface; infinite where that is empty.
        areas_mm2: (n,), how much each element counts.
    """

    distances_mm: np.ndarray
    areas_mm2: np.ndarray


def element_distances(
    prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing
) -> tuple[SurfaceDistances, SurfaceDistances]:
    """Distances prediction -> reference and reference -> prediction, of surface elements with their areas.

    Args:
        prediction: mask of shape (k, j, i); zero is outside.
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    prediction, reference = as_masks(prediction, reference)
    scale = _spacing_kji(prediction, spacing_mm)
    surfaces = [surface_of(mask) for mask in (prediction, reference)]
    points = [surface.points * scale for surface in surfaces]
    areas = [element_areas(surface.codes, scale) for surface in surfaces]
    return (SurfaceDistances(_nearest(points[0], points[1]), areas[0]),
            SurfaceDistances(_nearest(points[1], points[0]), areas[1]))


def as_masks(prediction: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as bool.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != reference.shape:
        raise ValueError(f"prediction is {prediction.shape}, reference {reference.shape}; make them equal")
    return prediction.astype(bool, copy=False), reference.astype(bool, copy=False)


def _spacing_kji(mask: np.ndarray, spacing_mm: Spacing) -> np.ndarray:
    if mask.ndim != 3 or len(spacing_mm) != 3:
        raise ValueError(f"masks must be (k, j, i) with three spacings, not {mask.shape} with {spacing_mm}")
    if not all(np.isfinite(spacing_mm)) or min(spacing_mm) <= 0:
        raise ValueError(f"spacing_mm must be positive, not {spacing_mm}")
    return np.asarray(spacing_mm[::-1], dtype=float)


def _border_points(mask: np.ndarray) -> np.ndarray:
    """Indices (n, 3) along (k, j, i) of the mask's border voxels."""
    box = bounding_box(mask) or NOTHING
    # Nothing of the mask lies outside its box, so erosion sees the same zeros there as in the whole grid.
    inside = mask[box]
    border = inside & ~binary_erosion(inside, generate_binary_structure(3, 1))
    return np.argwhere(border) + [axis.start for axis in box]


def _nearest(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # A tree over border voxels instead of a distance transform: time and memory follow the organ's surface,
    # not the box that one stray voxel at the other end of the scan would open.
    if not len(points) or not len(targets):
        return np.full(len(points), np.inf)
    return cKDTree(targets).query(points)[0]
