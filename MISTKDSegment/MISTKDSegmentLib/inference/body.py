"""Where in a scan the patient is: the largest thing denser than air."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import format_mm
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.no_data import COARSE_MM, NoData, find_no_data

BODY_HU = -300.0
BODY_MARGIN_MM = 8.0
# A newborn's abdomen is 90 to 110 mm wide; nobody is wider than the bore of a scanner, which is at most 850 mm.
NARROWEST_MM, WIDEST_MM = 75.0, 900.0
# What is shown with fewer voxels than that is a thumbnail or a made-up scan, and its size says nothing of its unit.
_FEWEST_ACROSS = 48


@dataclass(frozen=True)
class Body:
    """The patient on a coarse grid.

    Attributes:
        mask: bool (k, j, i); empty where there is nothing denser than air.
        no_data: where the scan holds none and is filled with something denser than air; on the same grid.
    """

    mask: np.ndarray
    no_data: NoData

    @property
    def step(self) -> tuple[int, int, int]:
        """Of the coarse grid, in voxels along k, j and i."""
        return self.no_data.step

    def span(self, axis: int) -> Optional[tuple[int, int]]:
        """First and last place along an axis of the coarse grid; None where there is no body."""
        others = tuple(other for other in range(3) if other != axis)
        where = np.flatnonzero(self.mask.any(axis=others))
        return (int(where[0]), int(where[-1])) if len(where) else None

    def is_cut(self, axis: int) -> bool:
        """Whether it reaches an end of the scan along an axis, so that more of it may lie outside."""
        span = self.span(axis)
        return span is not None and (span[0] == 0 or span[1] == self.mask.shape[axis] - 1)


def find_body(volume: Volume, coarse_mm: float = COARSE_MM) -> Body:
    """Find the patient in an axial volume: the largest connected thing after an opening that detaches the table.

    Args:
        volume: HU, i and j in the axial plane. Regions without data are air, whatever value fills them.
        coarse_mm: how finely it is looked at, in mm.
    """
    no_data = find_no_data(volume, BODY_HU, coarse_mm)
    coarse = volume.voxels[:: no_data.step[0], :: no_data.step[1], :: no_data.step[2]]
    dense = coarse > _air_limit(coarse, no_data.fills)
    for region in no_data.regions.values():
        dense &= ~region
    image = sitk.GetImageFromArray(_opened(dense).astype(np.uint8))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(image), sortByObjectSize=True)
    return Body(sitk.GetArrayFromImage(parts) == 1, no_data)


def _air_limit(coarse: np.ndarray, fills: Sequence[float]) -> float:
    """In a scan that was clipped to a soft-tissue window, air lies above the usual threshold."""
    measured = coarse[~np.isin(coarse, [value for value in fills if value <= BODY_HU])] if fills else coarse
    return max(BODY_HU, float(measured.min()) + 10.0) if measured.size else BODY_HU


def body_box(volume: Volume) -> tuple[slice, slice]:
    """Bounding box (rows, columns) of the patient over all slices of a canonical volume, with a margin.

    Where there is nothing denser than air, the box is the whole slice.
    """
    body = find_body(volume)
    rows, columns = (_widened(body.span(axis), body.step[axis], volume.spacing_mm[2 - axis], volume.voxels.shape[axis])
                     for axis in (1, 2))
    return rows, columns


def check_body_size(name: Union[Path, str], volume: Volume, body: Body) -> None:
    """Refuse a scan whose spacing makes its body smaller than a newborn's or larger than any.

    Args:
        name: for the message.
        volume: i and j in the axial plane.
        body: the patient in it.

    Raises:
        InputError: it is, as where centimetres or inches were taken for millimetres.
    """
    spans = [body.span(axis) for axis in (2, 1)]
    if spans[0] is None or spans[1] is None:
        return
    across = [(last - first + 1) * body.step[axis] for (first, last), axis in zip((spans[0], spans[1]), (2, 1))]
    size_mm = [count * mm for count, mm in zip(across, volume.spacing_mm)]
    is_whole = not any(body.is_cut(axis) for axis in (1, 2))
    if is_whole and max(size_mm) < NARROWEST_MM and max(across) >= _FEWEST_ACROSS:
        raise InputError(f"{name} shows a body of {format_mm(size_mm)} across, smaller than a newborn's, so that its "
                         "spacing is probably in another unit than mm; correct the spacing in its header.")
    if max(size_mm) > WIDEST_MM:
        raise InputError(f"{name} shows a body of {format_mm(size_mm)} across, larger than anybody's, so that its "
                         "spacing is probably wrong or in another unit than mm; correct the spacing in its header.")


def _widened(span: Optional[tuple[int, int]], step: int, spacing_mm: float, size: int) -> slice:
    if span is None:
        return slice(0, size)
    margin = int(round(BODY_MARGIN_MM / spacing_mm)) + step
    return slice(max(0, span[0] * step - margin), min(size, span[1] * step + margin + 1))


def _opened(mask: np.ndarray) -> np.ndarray:
    """Morphological opening of every slice with 3 x 3 pixels."""
    for combine in (np.logical_and, np.logical_or):
        for axis in (1, 2):
            mask = _with_neighbours(mask, axis, combine)
    return mask


def _with_neighbours(mask: np.ndarray, axis: int, combine: np.ufunc) -> np.ndarray:
    """Each value combined with the ones before and after it along an axis, where there are such."""
    given = np.moveaxis(mask, axis, 0)
    result = given.copy()
    combine(result[1:], given[:-1], out=result[1:])
    combine(result[:-1], given[1:], out=result[:-1])
    return np.moveaxis(result, 0, axis)
