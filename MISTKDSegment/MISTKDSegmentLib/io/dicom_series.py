"""The DICOM series that lie in a folder, told apart by their headers; nothing about the patient is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import SimpleITK as sitk

from MISTKDSegmentLib.errors import is_utf8

NOT_AXIAL, NO_PLACE = "not axial", "without a place in the patient (reports, screenshots)"
NO_IMAGES, LOCALIZER = "no readable images", "localizers"
# The service-object pair (SOP) classes of files, and of those the CT images, plain, enhanced and converted.
_CLASS, _CT_CLASS = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.[\d.]+"), "1.2.840.10008.5.1.4.1.1.2"
# Of the slice normal against the patient's long axis: a stack tilted by up to 45 degrees is axial.
_MIN_AXIAL = 0.7


@dataclass(frozen=True)
class Series:
    """One DICOM series, or the localizers in it.

    Attributes:
        number: its number in the study, digits only; empty where the headers have none.
        modality: e.g. "CT"; empty where the headers have none.
        files: names of its files.
        fault: why it is no scan to segment; empty for axial CT, and for CT images that cannot be read, so that reading
            them tells what is wrong.
    """

    number: str
    modality: str
    files: tuple[str, ...]
    fault: str


@dataclass(frozen=True)
class _Header:
    name: str
    uid: str
    number: str
    modality: str
    is_ct_class: bool
    is_localizer: bool
    axes: tuple[float, ...]


def find_series(folder: Path, names: Iterable[str]) -> list[Series]:
    """Tell the series among files apart; what is no DICOM is passed over.

    Args:
        folder: holds the files.
        names: of the files.

    Returns:
        In the order of their unique numbers. DICOM files that cannot be read count for each series: whether one of
        them is a damaged slice is found out when the series is read.
    """
    series: dict[tuple[str, bool], list[_Header]] = {}
    unreadable = []
    # Reading a pipe or a device would not end.
    for name in sorted(name for name in names if os.path.isfile(folder / name)):
        header = _read_header(folder / name) if is_utf8(folder / name) else None
        if header is not None:
            series.setdefault((header.uid, header.is_localizer), []).append(header)
        elif _may_be_dicom(folder / name):
            unreadable.append(name)
    found = [_series(headers, unreadable) for _, headers in sorted(series.items())]
    fault = "" if any(_may_be_ct(folder / name) for name in unreadable) else NO_IMAGES
    # A CT of which the localizer alone can be read must not go unnoticed.
    if unreadable and (not found or (not fault and all(one.fault for one in found))):
        found.append(Series("", "", tuple(unreadable), fault))
    return found


def _series(headers: Sequence[_Header], unreadable: Sequence[str]) -> Series:
    first = headers[0]
    files = (*(header.name for header in headers), *unreadable)
    return Series("".join(filter(str.isdigit, first.number)), first.modality, files, _fault(first))


def _fault(header: _Header) -> str:
    if header.modality != "CT":
        return f"of modality {header.modality if header.modality.isalnum() else 'unknown'}"
    if header.is_localizer:
        return LOCALIZER
    if len(header.axes) != 6:
        return "" if header.is_ct_class else NO_PLACE
    a, b, _, d, e, _ = header.axes
    return "" if abs(a * e - b * d) >= _MIN_AXIAL else NOT_AXIAL


def _read_header(path: Path) -> Optional[_Header]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(os.fspath(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None

    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    return _Header(path.name, text("0020|000e"), text("0020|0011"), text("0008|0060"),
                   _is_ct(text("0008|0016")), "LOCALIZER" in text("0008|0008").upper(), _numbers(text("0020|0037")))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in text.split("\\"))
    except ValueError:
        return ()


def _may_be_dicom(path: Path) -> bool:
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return True


def _may_be_ct(path: Path) -> bool:
    """Whether a DICOM file announces CT images, or nothing that can be read; a report or a plan announces itself."""
    try:
        with open(path, "rb") as file:
            announced = _CLASS.search(file.read(1024).decode("latin-1"))
    except OSError:
        return True
    return announced is None or _is_ct(announced[0])


def _is_ct(sop_class: str) -> bool:
    return f"{sop_class}.".startswith(f"{_CT_CLASS}.")
