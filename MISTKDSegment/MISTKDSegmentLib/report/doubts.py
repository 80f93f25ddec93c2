"""Doubts about a result as a whole: what cannot be, with the likely reason.

Nothing here changes a label. The limits were chosen on the scans that `Resources/Documentation/trust.md` lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.canonical_frame import axial_view
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.body import BODY_HU, Body, find_body
from MISTKDSegmentLib.model.labels import LEFT, RIGHT, Code
from MISTKDSegmentLib.report.quality import POOR
from MISTKDSegmentLib.report.table import SPECK, OrganRow

# SNOMED CT; models name organs as they like.
LIVER, SPLEEN, KIDNEY, AORTA, PANCREAS = "10200004", "78961009", "64033007", "15825003", "15776009"
# Wider than any phase, spectral image at 40 keV and fatty organs included.
_POSSIBLE_HU = {LIVER: (-60.0, 400.0), SPLEEN: (-20.0, 500.0), KIDNEY: (-20.0, 1000.0), AORTA: (-20.0, 1600.0),
                PANCREAS: (-100.0, 500.0)}
_TIMES_TOO_LARGE, _MOST_OF_BODY = 3.0, 0.5
_FEW, _MANY, _WHOLE_MM, _WIDE_MM = 2, 5, 80.0, 200.0
_GRID_MM = 5.0
_BONE_HU, _FEWEST_BONE, _FEWEST_BONE_IN_SLICE, _MAX_GAS, _MIN_SPINE_BEHIND = 250.0, 20, 5, 0.12, 0.4
_MIN_SLICE_CM2, _UNCUT_MM, _CLIPPED_HU = 15.0, 300.0, 10.0
_SPLEEN_TO_LIVER, _SUSPICIOUS_SPLEEN_ML = 0.25, 50.0
_FEWEST_POOR = 3
_LUNG, _CHEST, _APART_MM = 0.2, 0.25, 20.0


def find_doubts(volume: Volume, labels: np.ndarray, rows: Sequence[OrganRow], region: Optional[Region] = None,
                is_mirrored: Optional[Callable[[], bool]] = None) -> tuple[str, ...]:
    """What makes a result doubtful as a whole.

    Args:
        volume: the scan in HU, in any orientation.
        labels: uint8 label map of its shape.
        rows: what was measured of the organs that were wanted.
        region: what was segmented, where it was not everything.
        is_mirrored: takes a second look, for when the liver seems to lie on the left.

    Returns:
        One sentence each, the weightiest first; empty for nearly every scan.
    """
    scan = _Scan(axial_view(volume), _as_axial(volume, labels), rows)
    doubts = [_doubt_of_coverage(scan, region), _doubt_of_orientation(scan, is_mirrored), _doubt_of_values(scan),
              _doubt_of_volumes(scan), _doubt_of_sizes(scan), _doubt_of_confidence(scan), _missing_data(scan)]
    return tuple(doubt for doubt in doubts if doubt)


def in_short(doubt: str) -> str:
    """The beginning of a doubt, which says what it is about.

    Examples:
        >>> in_short("The orientation is doubtful: the spine lies in front.")
        'The orientation is doubtful'
    """
    return re.split(r": |; | \(", doubt, maxsplit=1)[0].rstrip(".")


def _as_axial(volume: Volume, labels: np.ndarray) -> np.ndarray:
    """Labels in the axes of `axial_view`."""
    return axial_view(volume.with_voxels(labels)).voxels


@dataclass(frozen=True)
class _Scan:
    """An axial scan with its labels, and both on a coarse grid."""

    volume: Volume
    labels: np.ndarray
    rows: Sequence[OrganRow]

    def row(self, code: str, side: Optional[Code] = None) -> Optional[OrganRow]:
        """What was measured of an organ; None where it was not wanted."""
        return next((row for row in self.rows if row.label.type.value == code and row.label.modifier == side), None)

    @cached_property
    def body(self) -> Body:
        return find_body(self.volume, _GRID_MM)

    @cached_property
    def hu(self) -> np.ndarray:
        k, j, i = self.body.step
        return self.volume.voxels[::k, ::j, ::i]

    @cached_property
    def found(self) -> np.ndarray:
        k, j, i = self.body.step
        return self.labels[::k, ::j, ::i]

    @property
    def cell_mm(self) -> tuple[float, ...]:
        """Size of a cell of the coarse grid along k, j and i."""
        return tuple(step * mm for step, mm in zip(self.body.step, self.volume.spacing_mm[::-1]))

    @property
    def extent_mm(self) -> tuple[float, ...]:
        """Size of the scan along k, j and i."""
        return tuple(size * mm for size, mm in zip(self.volume.voxels.shape, self.volume.spacing_mm[::-1]))

    @property
    def is_long(self) -> bool:
        """Whether it shows more than a few slices of the body."""
        return self.extent_mm[0] >= _WHOLE_MM

    @cached_property
    def gas(self) -> np.ndarray:
        """For each coarse slice, the share of the body that is lung or gas in the bowel."""
        mask = self.body.mask
        seen = [np.flip(np.logical_or.accumulate(np.flip(mask, ends), axis), ends)
                for axis in (1, 2) for ends in ((), axis)]
        inside = np.logical_and.reduce(seen)  # there is body before and behind, left and right
        return 1 - mask.sum(axis=(1, 2)) / np.maximum(1, inside.sum(axis=(1, 2)))

    def centre_mm(self, row: Optional[OrganRow]) -> Optional[np.ndarray]:
        """Centre of an organ along k, j and i (upwards, backwards, to the left); None where there is too little."""
        if row is None or not row.voxels or _is_speck(row):
            return None
        places = np.nonzero(self.found == row.label.value)
        return np.array([place.mean() for place in places]) * self.cell_mm if len(places[0]) else None


def _is_speck(row: OrganRow) -> bool:
    low = (row.label.plausible_ml or (0.0, 0.0))[0]
    return row.volume_ml < SPECK * low


def _doubt_of_coverage(scan: _Scan, region: Optional[Region]) -> str:
    """Whether the abdomen is in the scan at all."""
    found = [row for row in scan.rows if row.voxels and not _is_speck(row)]
    is_large = scan.is_long and min(scan.extent_mm[1:]) >= _WIDE_MM and region is None
    whole = [row for row in found if not row.is_small]
    is_hardly_any = len(found) <= _FEW or (len(found) <= 2 * _FEW and len(whole) < _FEW)
    if len(scan.rows) < _MANY or (found and not (is_large and is_hardly_any)):
        return ""
    what = "None of the organs was found" if not found else f"Hardly any organ was found ({_names(found)} alone)"
    return f"{what}: {_likely_content(scan)}, or its orientation or its values are not what the file says."


def _likely_content(scan: _Scan) -> str:
    if float(np.median(scan.gas)) > _CHEST:
        return "the scan probably shows the lungs and not the abdomen"
    if _is_in_two_parts(scan):
        return "the scan probably shows the legs and not the abdomen"
    return "the scan probably shows another part of the body than the abdomen"


def _is_in_two_parts(scan: _Scan) -> bool:
    """Whether most slices show two things of similar size that do not touch."""
    two = 0
    dense = (scan.hu > BODY_HU).astype(np.uint8)
    for one in dense:
        parts = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(one)), sortByObjectSize=True)
        sizes = np.bincount(sitk.GetArrayFromImage(parts).ravel(), minlength=3)
        two += bool(sizes[2] > 0.5 * sizes[1] > 0)
    return two > len(dense) / 2


def _doubt_of_orientation(scan: _Scan, is_mirrored: Optional[Callable[[], bool]]) -> str:
    """Whether the patient lies as the header says."""
    seen = [_spine_in_front(scan), _liver_on_the_left(scan, is_mirrored), _kidneys_crossed(scan), _feet_up(scan)]
    seen = [what for what in seen if what]
    if not seen:
        return ""
    return (f"The orientation is doubtful: {', '.join(seen)}; what the file says of it is probably wrong, so that "
            "left and right organs may be confused: correct its header, or state the orientation (--orientation).")


def _spine_in_front(scan: _Scan) -> str:
    # In slices with liver or spleen, apart from those with lungs, where the heart may be as bright as bone. Organs
    # with contrast medium are left out, and each slice counts alike, so that a full bowel outweighs no spine.
    if any(scan.body.is_cut(axis) and scan.extent_mm[axis] < _UNCUT_MM for axis in (1, 2)):
        return ""  # where half of the body is cut off, its middle is anywhere
    values = [row.label.value for code in (LIVER, SPLEEN) if (row := scan.row(code)) is not None]
    cell_cm2 = scan.cell_mm[1] * scan.cell_mm[2] / 100
    measured = scan.hu[~np.isin(scan.hu, scan.body.no_data.fills)]
    highest = float(measured.max()) if measured.size else _BONE_HU
    bone_hu = min(_BONE_HU, highest - _CLIPPED_HU)  # some windows end below bone
    shares, bones = [], 0
    for k in np.flatnonzero(np.isin(scan.found, values).sum(axis=(1, 2)) * cell_cm2 >= _MIN_SLICE_CM2):
        rows, columns = (np.flatnonzero(scan.body.mask[k].any(axis=axis)) for axis in (1, 0))
        if scan.gas[k] > _MAX_GAS or not len(rows):
            continue
        width = columns[-1] - columns[0]
        box = (k, slice(rows[0], rows[-1] + 1),
               slice(columns[0] + int(0.3 * width), columns[0] + int(0.7 * width) + 1))
        bone = (scan.hu[box] > bone_hu) & (scan.found[box] == 0)
        count = int(np.count_nonzero(bone))
        bones += count
        if count >= _FEWEST_BONE_IN_SLICE:
            shares.append(np.count_nonzero(bone[(len(bone) + 1) // 2 :]) / count)
    is_in_front = bones >= _FEWEST_BONE and bool(shares) and float(np.mean(shares)) < _MIN_SPINE_BEHIND
    return "the spine lies in front" if is_in_front else ""


def _liver_on_the_left(scan: _Scan, is_mirrored: Optional[Callable[[], bool]]) -> str:
    liver, spleen = scan.row(LIVER), scan.row(SPLEEN)
    if liver is None or spleen is None:
        return ""
    centres = scan.centre_mm(liver), scan.centre_mm(spleen)
    crossed = centres[0] is not None and centres[1] is not None and centres[0][2] > centres[1][2]
    # A liver on the left is taken for a spleen; some spleens are as large as that, so a second look decides.
    suspected = spleen.volume_ml > max(_SPLEEN_TO_LIVER * liver.volume_ml, _SUSPICIOUS_SPLEEN_ML)
    seems_so = crossed or (suspected and is_mirrored is not None and is_mirrored())
    return "the liver lies on the left" if seems_so else ""


def _kidneys_crossed(scan: _Scan) -> str:
    left, right = (scan.centre_mm(scan.row(KIDNEY, side)) for side in (LEFT, RIGHT))
    if left is None or right is None or left[2] > right[2]:
        return ""
    return "the left kidney lies on the right"


def _feet_up(scan: _Scan) -> str:
    """Lungs, liver and spleen lie above the kidneys: two of three must say otherwise, and none agree."""
    liver, spleen = scan.centre_mm(scan.row(LIVER)), scan.centre_mm(scan.row(SPLEEN))
    kidneys = [_whole_centre_mm(scan, scan.row(KIDNEY, side)) for side in (LEFT, RIGHT)]
    heights = [centre[0] for centre in kidneys if centre is not None]
    votes = []
    if liver is not None and heights:
        votes.append(float(liver[0]) - float(np.mean(heights)))
    if spleen is not None and kidneys[0] is not None:
        votes.append(float(spleen[0] - kidneys[0][0]))
    lungs = np.flatnonzero(scan.gas > _LUNG)
    if liver is not None and len(lungs):
        votes.append(float(lungs.mean() * scan.cell_mm[0] - liver[0]))
    down = sum(vote < -_APART_MM for vote in votes)
    return "the lungs or the liver lie below the kidneys" if down >= 2 and not any(v > 0 for v in votes) else ""


def _whole_centre_mm(scan: _Scan, row: Optional[OrganRow]) -> Optional[np.ndarray]:
    low = (row.label.plausible_ml or (0.0, 0.0))[0] if row is not None else 0.0
    return scan.centre_mm(row) if row is not None and row.volume_ml >= low else None


def _doubt_of_values(scan: _Scan) -> str:
    """Whether an organ has a mean HU that it has in no phase."""
    odd = []
    for row in scan.rows:
        low, high = _POSSIBLE_HU.get(row.label.type.value, (-np.inf, np.inf))
        if row.mean_hu is not None and not _is_speck(row) and not low <= row.mean_hu <= high:
            odd.append(f"{row.label.title} {row.mean_hu:.0f}")
    if not odd:
        return ""
    return f"The values are doubtful: no phase gives a mean HU of {', '.join(odd)}; check slope and intercept."


def _doubt_of_volumes(scan: _Scan) -> str:
    """Whether an organ is larger than any, or most of the body."""
    body_ml = float(np.prod(scan.cell_mm)) * int(np.count_nonzero(scan.body.mask)) / 1000
    # In a crop, and in a lone slice, one organ may well be most of what there is.
    is_whole = scan.is_long and not any(scan.body.is_cut(axis) for axis in (1, 2))
    odd = [row for row in scan.rows
           if (is_whole and row.volume_ml > _MOST_OF_BODY * body_ml)
           or (row.label.plausible_ml is not None and row.volume_ml > _TIMES_TOO_LARGE * row.label.plausible_ml[1])]
    if not odd:
        return ""
    listed = ", ".join(f"{row.label.title} of {row.volume_ml / 1000:.1f} L" for row in odd)
    return f"The result cannot be right ({listed}): the values, the spacing or the orientation are probably wrong."


def _doubt_of_sizes(scan: _Scan) -> str:
    """Whether most of the organs that are wholly in the scan are too small, or too large."""
    whole = [row for row in scan.rows if row.voxels and not row.is_cut]
    small, large = ([row for row in whole if getattr(row, odd)] for odd in ("is_small", "is_large"))
    for odd, what in ((small, "small"), (large, "large")):
        if len(odd) >= 3 and len(odd) > len(whole) / 2:
            return (f"Most organs are too {what} for an adult ({_names(odd)}): this is a child, or the spacing or the "
                    "orientation in the header is wrong.")
    return ""


def _doubt_of_confidence(scan: _Scan) -> str:
    """Whether the model itself says that most of what it found is poor."""
    words = [row.quality.word for row in scan.rows if row.quality is not None and row.quality.is_found]
    poor = words.count(POOR)
    if poor < _FEWEST_POOR or 2 * poor < len(words):
        return ""
    return (f"Most organs are uncertain: {poor} of the {len(words)} that were found are probably poor; the scan may "
            "be unlike those that the model learnt from: look at each organ before you use a number.")


def _missing_data(scan: _Scan) -> str:
    named = " and ".join(f"{value:g}" for value in scan.body.no_data.apart_from_air().regions)
    return f"Regions of exactly {named} HU at the border hold no data; they were taken for air." if named else ""


def _names(rows: Sequence[OrganRow]) -> str:
    return ", ".join(row.label.name.replace("_", " ") for row in rows)
