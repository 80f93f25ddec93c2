"""Volume and mean HU of each organ, and the CSV file of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from MISTKDSegmentLib.geometry.canonical_frame import axial_view
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.no_data import find_no_data
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.quality import Quality

CSV_COLUMNS = ("label", "name", "title", "volume_ml", "mean_hu", "voxels", "flag", "doubt", "quality",
               "predicted_dice", "absence_probability", "why", "least_sure_lps_mm")
_FEWEST_BESIDE = 5  # voxels, so that a lone one that noise brought about cuts nothing
_COARSE_MM = 8.0
SPECK = 0.05  # of the smallest plausible volume
FLAGS = ("not found", "cut by the field of view", "cut by the region", "cut by missing data", "implausibly small",
         "implausibly large")


@dataclass(frozen=True)
class OrganRow:
    """What was measured of one organ.

    Attributes:
        label: the organ.
        volume_ml: its volume in millilitres; 0 where it was not found.
        mean_hu: its mean HU, or None where it was not found.
        voxels: number of voxels.
        touches_edge: whether it reaches the first or last slice along any axis of the grid, so that part of
            it may lie outside the scan and its volume be too small.
        touches_rim: the same of the region that the run was restricted to.
        touches_no_data: whether it reaches a part of the scan that was filled with one value.
        quality: how good it is likely to be; None where the model does not say.
    """

    label: Label
    volume_ml: float
    mean_hu: Optional[float]
    voxels: int
    touches_edge: bool
    touches_rim: bool = False
    touches_no_data: bool = False
    quality: Optional[Quality] = None

    @property
    def is_cut(self) -> bool:
        """Whether part of it may be missing."""
        return self.touches_edge or self.touches_rim or self.touches_no_data

    @property
    def is_small(self) -> bool:
        """Whether there is less of it than an adult has; where it is cut off, a speck."""
        low, _ = self.label.plausible_ml or (0.0, 0.0)
        return 0 < self.volume_ml < (low * SPECK if self.is_cut else low)

    @property
    def is_large(self) -> bool:
        """Whether there is more of it than an adult has."""
        return self.label.plausible_ml is not None and self.volume_ml > self.label.plausible_ml[1]

    @property
    def flags(self) -> tuple[str, ...]:
        """What a reader should beware of: those of `FLAGS` that are true."""
        true = (not self.voxels, self.touches_edge, self.touches_rim, self.touches_no_data, self.is_small,
                self.is_large)
        return tuple(flag for flag, holds in zip(FLAGS, true) if holds)


def measure(volume: Volume, labels: np.ndarray, label_table: Sequence[Label],
            region: Optional[Region] = None) -> list[OrganRow]:
    """Measure every organ of a label table.

    Args:
        volume: the scan in HU, voxels of shape (k, j, i).
        labels: uint8 label map of the same shape; values that are not in the table are passed over.
        label_table: the organs, each of which gets a row, found or not.
        region: what was segmented, where it was not everything.

    Returns:
        One row per label, in the order of the table.

    Raises:
        ValueError: the shapes differ.
    """
    if labels.shape != volume.voxels.shape:
        raise ValueError(f"labels has shape {labels.shape}; {volume.name} has {volume.voxels.shape}")
    voxels, hu_sum = np.zeros(256, np.int64), np.zeros(256)
    # Slice by slice: the counts need 64-bit copies, which a whole thin-slice scan has no room for.
    for hu, values in zip(volume.voxels, labels):
        labelled = values != 0  # most voxels are not, and the counts take longest
        voxels += np.bincount(values[labelled], minlength=256)
        hu_sum += np.bincount(values[labelled], weights=hu[labelled], minlength=256)
    at_edge, at_rim = _values_at_edge(labels), _values_at_rim(labels, volume, region)
    at_no_data = _values_at_no_data(labels, volume)
    return [OrganRow(label, float(voxels[label.value] * volume.voxel_ml),
                     float(hu_sum[label.value] / voxels[label.value]) if voxels[label.value] else None,
                     int(voxels[label.value]), label.value in at_edge, label.value in at_rim,
                     label.value in at_no_data) for label in label_table]


def _values_at_edge(labels: np.ndarray) -> set[int]:
    faces = (labels.take(end, axis) for axis in range(3) for end in (0, -1))
    return {int(value) for face in faces for value in np.unique(face)}


def _values_at_rim(labels: np.ndarray, volume: Volume, region: Optional[Region]) -> set[int]:
    if region is None:
        return set()
    return {int(value) for k, values in enumerate(labels) for value in np.unique(values[region.rim(volume, k)])}


def _values_at_no_data(labels: np.ndarray, volume: Volume) -> set[int]:
    """Values of which many voxels lie beside some that hold no data."""
    no_data = find_no_data(axial_view(volume), coarse_mm=_COARSE_MM).apart_from_air()
    found, counts = axial_view(volume.with_voxels(labels)).voxels, np.zeros(256, np.int64)
    for k in no_data.slices_near(found):
        empty = no_data.in_slice(k)
        if empty is not None:
            counts += np.bincount(found[k][_beside(empty)], minlength=256)
    return set(np.flatnonzero(counts >= _FEWEST_BESIDE).tolist())


def _beside(mask: np.ndarray) -> np.ndarray:
    """A 2-D mask and the pixels above, below, left and right of it."""
    found = mask.copy()
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    found[:, 1:] |= mask[:, :-1]
    found[:, :-1] |= mask[:, 1:]
    return found


def write_csv(path: Path, rows: Iterable[OrganRow], doubts: Sequence[str] = ()) -> None:
    """Write the rows as UTF-8 CSV, whole or not at all.

    The columns are `CSV_COLUMNS`: volume in millilitres to 0.01, mean HU to 0.1 (empty where the organ was
    not found), what to beware of (see `FLAGS`), what makes the result doubtful as a whole, the same in each row, and
    how good the organ is likely to be (see `Quality`; empty where the model does not say).

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(Path(path)) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows((*_cells(row), " ".join(doubts), *_quality_cells(row.quality)) for row in rows)


def _cells(row: OrganRow) -> tuple[object, ...]:
    mean_hu = "" if row.mean_hu is None else f"{row.mean_hu:.1f}"
    return (row.label.value, row.label.name, row.label.title, f"{row.volume_ml:.2f}", mean_hu, row.voxels,
            ", ".join(row.flags))


def _quality_cells(quality: Optional[Quality]) -> tuple[str, ...]:
    if quality is None:
        return ("",) * 5
    place = " ".join(f"{mm:.0f}" for mm in quality.least_sure_lps or ())
    score = f"{quality.score:.2f}"
    scores = (score, "") if quality.is_found else ("", score)
    return (quality.word, *scores, ", ".join(quality.reasons), place)
