"""Overlap and surface distance of two masks, and the two protocols in which results are reported."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from Training.evaluation.distances import (
    VOXEL_UNITS,
    Spacing,
    SurfaceDistances,
    as_masks,
    element_distances,
    surface_distances,
)

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
    "millimetre": "Dice, HD95 in mm and surface Dice at 2 mm, surfaces counted by their area in mm2 as "
                  "DeepMind's surface-distance does: an organ missed or invented has Dice and surface Dice 0 and no "
                  "distance, an organ absent from both is left out; all are counted.",
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
    prediction, reference = as_masks(prediction, reference)
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    return 2.0 * int(np.count_nonzero(prediction & reference)) / total if total else float("nan")


def hd95(prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing = VOXEL_UNITS) -> float:
    """95th percentile of the surface distances of both directions pooled, as `medpy.metric.binary.hd95`.

    Args:
        prediction: mask of shape (k, j, i); zero is outside.
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k; left out, the distance is in voxels.

    Returns:
        Distance in voxels, or in mm where `spacing_mm` is given; infinite where one mask is empty, NaN
        where both are.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    distances = surface_distances(prediction, reference, spacing_mm=spacing_mm)
    return _pooled_percentile_95(*distances)


def robust_hausdorff_mm(prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing) -> float:
    """The larger of the two directions' 95th percentiles of distance, of the surfaces' areas (Nikolov et al. 2021).

    Args:
        prediction: mask of shape (k, j, i); zero is outside.
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k.

    Returns:
        Distance in mm; infinite where one mask is empty, NaN where both are.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    return _larger_percentile_95(element_distances(prediction, reference, spacing_mm=spacing_mm))


def surface_dice(
    prediction: np.ndarray, reference: np.ndarray, *, spacing_mm: Spacing, tolerance_mm: float = TOLERANCE_MM
) -> float:
    """Share of both surfaces' area that lies within a tolerance of the other (Nikolov et al. 2021, section 3.4).

    Args:
        prediction: mask of shape (k, j, i); zero is outside.
        reference: mask of the same shape.
        spacing_mm: voxel spacing along i, j and k.
        tolerance_mm: largest distance that still counts as agreement; it includes the value itself.

    Returns:
        0 to 1; 0 where one mask is empty, NaN where both are.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    return _share_within(element_distances(prediction, reference, spacing_mm=spacing_mm), tolerance_mm)


def presence(prediction: np.ndarray, reference: np.ndarray) -> str:
    """Presence of an organ in two masks: "both", "missed", "invented" or "absent" (neither)."""
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
        `dice`, `hd95_mm` (`robust_hausdorff_mm`), `surface_dice_2mm` (`surface_dice`), NaN where undefined,
        `prediction_ml` and `reference_ml`.

    Raises:
        ValueError: the shapes differ, the masks are not 3-D, or a spacing is not positive.
    """
    distances = element_distances(prediction, reference, spacing_mm=spacing_mm)
    distance_mm = _larger_percentile_95(distances)
    voxel_ml = math.prod(spacing_mm) / 1000.0
    return {
        "dice": dice(prediction, reference),
        "hd95_mm": distance_mm if np.isfinite(distance_mm) else float("nan"),
        "surface_dice_2mm": _share_within(distances, TOLERANCE_MM),
        "prediction_ml": int(np.count_nonzero(prediction)) * voxel_ml,
        "reference_ml": int(np.count_nonzero(reference)) * voxel_ml,
    }


def _pooled_percentile_95(one_way: np.ndarray, other_way: np.ndarray) -> float:
    pooled = np.hstack((one_way, other_way))
    if not pooled.size:
        return float("nan")
    return float(np.percentile(pooled, 95)) if np.isfinite(pooled).all() else float("inf")


def _larger_percentile_95(both: Sequence[SurfaceDistances]) -> float:
    if not any(way.distances_mm.size for way in both):
        return float("nan")
    return max(_area_percentile_95(way) if way.distances_mm.size else float("inf") for way in both)


def _area_percentile_95(way: SurfaceDistances) -> float:
    """The smallest distance within which 95 % of a surface's area lies."""
    order = np.argsort(way.distances_mm)
    share_within = np.cumsum(way.areas_mm2[order]) / way.areas_mm2.sum()
    place = min(int(np.searchsorted(share_within, 0.95)), len(order) - 1)
    return float(way.distances_mm[order[place]])


def _share_within(both: Sequence[SurfaceDistances], tolerance_mm: float) -> float:
    area_mm2 = sum(float(way.areas_mm2.sum()) for way in both)
    # Place times spacing rounds; that must not push a distance of exactly the tolerance beyond it.
    within_mm2 = sum(float(way.areas_mm2[way.distances_mm <= tolerance_mm + ROUNDING_MM].sum()) for way in both)
    return within_mm2 / area_mm2 if area_mm2 else float("nan")
