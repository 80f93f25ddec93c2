"""A DICOM folder as one volume: its slices, in order, complete and in HU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_spacing
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.dicom.checks import ONE_SERIES, check_slices
from MISTKDSegmentLib.io.dicom.header import Header
from MISTKDSegmentLib.io.dicom.series import NOT_AXIAL, Series, find_series
from MISTKDSegmentLib.io.dicom.stack import heights_mm, in_order
from MISTKDSegmentLib.io.dicom.voxels import read_voxels, why_unreadable

_NAMED = 3


def read_dicom_folder(folder: Path, files: Sequence[str] = ()) -> Volume:
    """Read the one CT series in a folder; files may have any name and order, files of other kinds are ignored.

    Args:
        folder: holds the slices themselves (subfolders are not searched).
        files: paths of the slices below the folder; by default all its files are looked at.

    Returns:
        float32 HU, slices ordered along the slice normal, so that the direction is right-handed.

    Raises:
        InputError: no images, several scans, not a CT, values that are no HU by the headers, missing, doubled or
            irregular slices, gantry tilt, or a damaged file.
    """
    slices = ordered_slices(folder, files)
    first = slices[0]
    column_mm, row_mm = first.spacing_mm
    spacing = (column_mm, row_mm, _slice_distance(folder, slices))
    check_spacing(folder, spacing)
    direction = np.column_stack([first.axes[:3], first.axes[3:], first.normal])
    x, y, z = first.position
    return Volume(read_voxels(folder, slices), spacing, (x, y, z), direction)


def ordered_slices(folder: Path, files: Sequence[str] = ()) -> list[Header]:
    """The slices of the one CT series in a folder, in the order of the volume that they make.

    Args:
        folder: as in `read_dicom_folder`.
        files: as in `read_dicom_folder`.

    Raises:
        InputError: as in `read_dicom_folder`.
    """
    # Hidden files are other programs': macOS writes ._NAME.dcm beside NAME.dcm.
    paths = [folder / name for name in files] or [path for path in folder.iterdir() if not path.name.startswith(".")]
    series = _only_one(folder, find_series(paths), is_named=bool(files))
    for path in series.unreadable:
        raise why_unreadable(path)
    check_slices(folder, series.images)
    return in_order(series.images)


def _only_one(folder: Path, found: Sequence[Series], is_named: bool) -> Series:
    """The one scan; whatever can be no part of it is passed over, unless it is named."""
    scans = [one for one in found if not one.fault] or [one for one in found if one.fault == NOT_AXIAL]
    if len(scans) == 1 and not (is_named and len(found) > 1):
        return scans[0]
    if not found:
        raise InputError(f"{folder} contains no DICOM images; pass the folder that holds the slices.")
    listed = ", ".join(map(str, found[:_NAMED])) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")
    if not scans:
        raise InputError(f"{folder} holds no slices of a CT in HU but {listed}; pass the folder of a CT series.")
    raise InputError(f"{folder} contains {len(found)} DICOM series or passes over the body: {listed}; {ONE_SERIES}.")


def _slice_distance(folder: Path, slices: Sequence[Header]) -> float:
    if len(slices) > 1:
        heights = heights_mm(slices)
        return float(heights[-1] - heights[0]) / (len(slices) - 1)
    if not slices[0].thickness_mm > 0:
        raise InputError(f"{folder} holds one slice without a slice thickness; pass the whole series.")
    return slices[0].thickness_mm
