"""Overlap and surface distance of two masks, and the two protocols in which results are reported."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

Spacing = tuple[float, float, float]

VOXEL_UNITS: Spacing = (1.0, 1.0, 1.0)
TOLERANCE_MM = 2.0
ROUNDING_MM = 1e-6

# Protocol -> the metrics that it has.
METRICS: dict[str, tuple[str, ...]] = {
    "transunet": ("dice", "hd95_voxels"),
    "millimetre": ("dice", "hd95_mm", "surface_dice_2mm", "prediction_ml", "reference_ml"),
}
PROTOCOLS = {
    "transunet": "Dice and HD95 in voxels per volume as in TransUNet's tables: an organ invented scores 1 "
                 "and 0, an organ missed or absent from both scores 0 and 0.",
    "millimetre": "Dice, HD95 in mm and surface Dice at 2 mm: an organ missed or invented has Dice and "
                  "surface Dice 0 and no distance, an organ absent from both is left out; all are counted.",
}


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Dice coefficient 2 |P and R| / (|P| + |R|).

    Args:
        prediction: mask of any shape; zero is outside.
        reference: mask of the same shape.

    Returns:
        0 to 1; NaN where both masks are empty, because there is nothing to agree on.

    Raises:
        ValueError: the shapes differ.
    """
    prediction, reference = _masks(prediction, reference)
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    return 2.0 * int(np.count_nonzero(prediction & reference)) / total if total else float("nan")


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing = VOXEL_UNITS
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from each border voxel of one mask to the nearest border voxel of the other.

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
    prediction, reference = _masks(prediction, reference)
    scale = _spacing_kji(prediction, spacing_mm)
    from_prediction = _border_points(prediction) * scale
    from_reference = _border_points(reference) * scale
    return _nearest(from_prediction, from_reference), _nearest(from_reference, from_prediction)


def hd95(prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing = VOXEL_UNITS) -> float:
    """95th percentile of the surface distances of both directions pooled, as `medpy.metric.binary.hd95`.

    Args and Raises as `surface_distances`.

    Returns:
        Distance in voxels, or in mm where `spacing_mm` is given; infinite where one mask is empty, NaN
        where both are.
    """
    distances = surface_distances(prediction, reference, spacing_mm=spacing_mm)
    return _pooled_percentile_95(*distances)


def surface_dice(
    prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing, tolerance_mm: float = TOLERANCE_MM
) -> float:
    """Share of both surfaces that lies within a tolerance of the other (Nikolov et al. 2021, section 3.4).

    Surface is counted in border voxels, not in mm2 of a mesh.

    Args and Raises as `surface_distances`, and
        tolerance_mm: largest distance that still counts as agreement; it includes the value itself.

    Returns:
        0 to 1; 0 where one mask is empty, NaN where both are.
    """
    distances = surface_distances(prediction, reference, spacing_mm=spacing_mm)
    return _share_within(*distances, tolerance_mm)


def presence(prediction: np.ndarray, reference: np.ndarray) -> str:
    """Which of the two masks holds anything: "both", "missed", "invented" or "absent" (neither)."""
    predicted, real = bool(np.any(prediction)), bool(np.any(reference))
    return {(True, True): "both", (False, True): "missed", (True, False): "invented"}.get(
        (predicted, real), "absent"
    )


def transunet(prediction: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Dice and HD95 as published Synapse tables compute them (TransUNet's `calculate_metric_percase`).

    An organ that is predicted but not in the reference scores Dice 1 and HD95 0; one that is missed, or
    absent from both, scores 0 and 0. These rules are kept, however odd, to compare with those tables.

    Args:
        prediction: mask of one organ in one whole volume, shape (k, j, i).
        reference: mask of the same shape.

    Returns:
        `dice` and `hd95_voxels`, never NaN.

    Raises:
        ValueError: the shapes differ or the masks are not 3-D.
    """
    found = presence(prediction, reference)
    if found == "both":
        return {"dice": dice(prediction, reference), "hd95_voxels": hd95(prediction, reference)}
    return {"dice": 1.0 if found == "invented" else 0.0, "hd95_voxels": 0.0}


def millimetre(prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing) -> dict[str, float]:
    """Dice, HD95 in mm and surface Dice at 2 mm without flattering rules for absent organs.

    An organ missed or invented scores Dice 0 and surface Dice 0 and has no distance; an organ absent from
    both scores nothing. `presence` says which of these a NaN stands for.

    Args:
        prediction: mask of one organ, shape (k, j, i).
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k.

    Returns:
        `dice`, `hd95_mm`, `surface_dice_2mm` (NaN where undefined), `prediction_ml` and `reference_ml`.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    distances = surface_distances(prediction, reference, spacing_mm=spacing_mm)
    distance_mm = _pooled_percentile_95(*distances)
    voxel_ml = math.prod(spacing_mm) / 1000.0
    return {
        "dice": dice(prediction, reference),
        "hd95_mm": distance_mm if np.isfinite(distance_mm) else float("nan"),
        "surface_dice_2mm": _share_within(*distances, TOLERANCE_MM),
        "prediction_ml": int(np.count_nonzero(prediction)) * voxel_ml,
        "reference_ml": int(np.count_nonzero(reference)) * voxel_ml,
    }


def _masks(prediction: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    box = _bounding_box(mask)
    # Nothing of the mask lies outside its box, so erosion sees the same zeros there as in the whole grid.
    inside = mask[box]
    border = inside & ~binary_erosion(inside, generate_binary_structure(3, 1))
    return np.argwhere(border) + [axis.start for axis in box]


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """Smallest box around the mask; of size zero where the mask is empty."""
    box: list[slice] = []
    for axis in range(3):
        # Cutting axis by axis keeps the later passes over a 512 x 512 x 150 grid short.
        part = mask[tuple(box)]
        hits = np.flatnonzero(part.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(hits[0]), int(hits[-1]) + 1) if hits.size else slice(0, 0))
    return box[0], box[1], box[2]


def _nearest(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # A tree over border voxels instead of a distance transform: time and memory follow the organ's surface,
    # not the box that one stray voxel at the other end of the scan would open.
    if not len(points) or not len(targets):
        return np.full(len(points), np.inf)
    return cKDTree(targets).query(points)[0]


def _pooled_percentile_95(one_way: np.ndarray, other_way: np.ndarray) -> float:
    pooled = np.hstack((one_way, other_way))
    if not pooled.size:
        return float("nan")
    return float(np.percentile(pooled, 95)) if np.isfinite(pooled).all() else float("inf")


def _share_within(one_way: np.ndarray, other_way: np.ndarray, tolerance_mm: float) -> float:
    # Index times spacing rounds; that must not push a distance of exactly the tolerance beyond it.
    within = np.hstack((one_way, other_way)) <= tolerance_mm + ROUNDING_MM
    return float(within.mean()) if within.size else float("nan")
