"""A DICOM folder as one volume: which slices belong together, in what order, and whether any is missing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, check_name, is_utf8
from MISTKDSegmentLib.geometry.checks import check_spacing
from MISTKDSegmentLib.geometry.volume import Volume

# Headers round positions, some to 0.1 mm; a missing slice is a whole slice distance.
_DISTANCE_TOLERANCE = 0.1
_MIN_TOLERANCE_MM = 0.11
_SAME_PLACE_MM = 0.01
_SIDEWAYS_TOLERANCE_MM = 0.5
_ONE_SERIES = "pass a folder that holds the slices of one CT series only"


@dataclass(frozen=True)
class _Slice:
    """What a DICOM header says about one slice; nothing about the patient."""

    path: Path
    series_uid: str
    series_number: str
    modality: str
    is_localizer: bool
    frames: float
    size: tuple[int, ...]
    components: int
    spacing_mm: tuple[float, float]
    thickness_mm: float
    position: np.ndarray
    axes: np.ndarray


def read_dicom_folder(folder: Path, files: Sequence[str] = ()) -> Volume:
    """Read the one CT series in a folder; files may have any name and order, other files are ignored.

    Args:
        folder: holds the slices themselves (subfolders are not searched).
        files: names of the slices; by default all files are looked at.

    Returns:
        float32 HU, slices ordered along the slice normal, so that the direction is right-handed.

    Raises:
        InputError: no images, several series, not a CT, a localizer among the slices, missing, duplicated or
            irregular slices, gantry tilt, or a damaged file.
    """
    slices = _read_headers(folder, files)
    _check_one_series(folder, slices)
    _check_is_ct(folder, slices)
    _check_same_grid(folder, slices)
    normal = np.cross(*slices[0].axes)
    slices = sorted(slices, key=lambda s: float(s.position @ normal))
    _check_stack(folder, slices, normal)
    spacing = (*slices[0].spacing_mm, _slice_distance(folder, slices, normal))
    check_spacing(folder, spacing)
    direction = np.column_stack([*slices[0].axes, normal])
    x, y, z = slices[0].position.tolist()
    return Volume(_read_voxels(slices), spacing, (x, y, z), direction)


def _read_headers(folder: Path, files: Sequence[str]) -> list[_Slice]:
    paths = [folder / name for name in files] or [path for path in folder.iterdir() if path.is_file()]
    slices = [header for path in sorted(paths) if (header := _read_header(path))]
    if not slices:
        raise InputError(f"{folder} contains no DICOM images; pass the folder that holds the slices.")
    return slices


def _read_header(path: Path) -> Optional[_Slice]:
    if not is_utf8(path):
        if _claims_to_be_ct(path):
            check_name(path, InputError)
        return None
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        if _claims_to_be_ct(path):
            raise InputError(f"{path} is damaged or truncated; copy the DICOM series again.") from None
        return None
    return _parse(path, reader)


def _reader(path: Path) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(os.fspath(path))
    return reader


def _claims_to_be_ct(path: Path) -> bool:
    """Whether the DICOM preamble announces a CT image (SOP class 1.2.840.10008.5.1.4.1.1.2 and its kin)."""
    try:
        with open(path, "rb") as file:
            start = file.read(1024)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    return start[128:132] == b"DICM" and b"1.2.840.10008.5.1.4.1.1.2\0" in start


def _parse(path: Path, reader: sitk.ImageFileReader) -> _Slice:
    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    def numbers(tag: str, count: int) -> list[float]:
        try:
            values = [float(value) for value in text(tag).split("\\")]
        except ValueError:
            values = []
        return values if len(values) == count else [float("nan")] * count

    row_mm, column_mm = numbers("0028|0030", 2)
    return _Slice(
        path=path, series_uid=text("0020|000e"), series_number=text("0020|0011"), modality=text("0008|0060"),
        is_localizer="LOCALIZER" in text("0008|0008").upper(), frames=numbers("0028|0008", 1)[0],
        size=reader.GetSize()[:2], components=reader.GetNumberOfComponents(), spacing_mm=(column_mm, row_mm),
        thickness_mm=numbers("0018|0050", 1)[0], position=np.array(numbers("0020|0032", 3)),
        axes=np.array(numbers("0020|0037", 6)).reshape(2, 3))


def _check_one_series(folder: Path, slices: Sequence[_Slice]) -> None:
    sizes = Counter(s.series_uid for s in slices)
    if len(sizes) > 1:
        of_series = {s.series_uid: s for s in slices}
        names = ", ".join(f"number {s.series_number or '?'} ({s.modality or 'unknown modality'}, {sizes[uid]} images)"
                          for uid, s in sorted(of_series.items()))
        raise InputError(f"{folder} contains {len(sizes)} DICOM series: {names}; {_ONE_SERIES}.")


def _check_is_ct(folder: Path, slices: Sequence[_Slice]) -> None:
    first = slices[0]
    if first.modality != "CT":
        raise InputError(f"{folder} holds DICOM images of modality {first.modality or 'unknown'}, not CT; "
                         "pass the folder of a CT series.")
    if first.components > 1:
        raise InputError(f"{folder} holds colour pictures, not CT slices; {_ONE_SERIES}.")
    if any(s.frames > 1 for s in slices):
        raise InputError(f"{folder} holds multi-frame DICOM, which is not supported; convert it to "
                         "NIfTI first, for example with dcm2niix.")


def _check_same_grid(folder: Path, slices: Sequence[_Slice]) -> None:
    unplaced = sum(not (np.isfinite(s.position).all() and np.isfinite(s.axes).all()) for s in slices)
    if unplaced:
        raise InputError(f"{folder} has {unplaced} images without position or orientation in their headers; "
                         f"{_ONE_SERIES}.")
    axes = np.median([s.axes for s in slices], axis=0)
    strays = [s for s in slices if s.is_localizer or np.abs(s.axes - axes).max() > 1e-3]
    if strays:
        raise InputError(f"{folder} has {len(strays)} localizer or differently oriented images among its "
                         f"{len(slices)} (first: {strays[0].path.name}); move them to another folder.")
    grids = len({(s.size, tuple(round(mm, 4) for mm in s.spacing_mm)) for s in slices})
    if grids > 1:
        raise InputError(f"{folder} has slices of {grids} different sizes or pixel spacings; {_ONE_SERIES}.")


def _check_stack(folder: Path, slices: Sequence[_Slice], normal: np.ndarray) -> None:
    positions = np.array([s.position for s in slices])
    along = positions @ normal
    steps = np.diff(along)
    _check_distinct(folder, along, steps)
    _check_regular(folder, along, steps)
    sideways = positions - positions[0] - np.outer(along - along[0], normal)
    shift = float(np.linalg.norm(sideways, axis=1).max())
    if shift > _SIDEWAYS_TOLERANCE_MM:
        degrees = np.degrees(np.arctan2(shift, along[-1] - along[0]))
        raise InputError(f"{folder} has slices shifted sideways by up to {shift:.1f} mm (gantry tilt of "
                         f"{degrees:.1f} degrees); resample it first, for example with dcm2niix.")


def _check_distinct(folder: Path, along: np.ndarray, steps: np.ndarray) -> None:
    doubles = np.flatnonzero(steps < _SAME_PLACE_MM)
    if len(doubles):
        raise InputError(f"{folder} has {len(doubles)} duplicated slices (first at "
                         f"{along[doubles[0]]:.2f} mm), from copies or several phases; {_ONE_SERIES}.")


def _check_regular(folder: Path, along: np.ndarray, steps: np.ndarray) -> None:
    if not len(steps):
        return
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > max(_DISTANCE_TOLERANCE * usual, _MIN_TOLERANCE_MM))
    if not len(odd):
        return
    missing = int(np.rint(steps[odd] / usual - 1).clip(0).sum())
    places = ", ".join(f"between {along[i]:.2f} and {along[i + 1]:.2f} mm" for i in odd[:3])
    fault = f"about {missing} slices missing" if missing else "irregular slice distances"
    raise InputError(f"{folder} has {fault}: slices are {usual:g} mm apart, but not {places}"
                     f"{' and elsewhere' if len(odd) > 3 else ''}; export the whole series again.")


def _slice_distance(folder: Path, slices: Sequence[_Slice], normal: np.ndarray) -> float:
    if len(slices) > 1:
        return float((slices[-1].position - slices[0].position) @ normal) / (len(slices) - 1)
    if not slices[0].thickness_mm > 0:
        raise InputError(f"{folder} holds one slice without a slice thickness; pass the whole series.")
    return slices[0].thickness_mm


def _read_voxels(slices: Sequence[_Slice]) -> np.ndarray:
    # Slice by slice: ITK's series reader casts every slice to the first one's type, whatever its rescale.
    columns, rows = slices[0].size
    voxels = np.empty((len(slices), rows, columns), np.float32)
    for k, one in enumerate(slices):
        try:
            image = _reader(one.path).Execute()  # by name: the view below does not keep it alive
            voxels[k] = sitk.GetArrayViewFromImage(image).reshape(rows, columns)
        except (RuntimeError, ValueError):
            raise InputError(f"{one.path} is damaged or truncated; copy the DICOM series again.") from None
    return voxels
