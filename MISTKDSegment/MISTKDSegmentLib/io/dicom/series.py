"""The DICOM series among files, told apart by their headers; nothing about the patient is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.io.console import captured_stderr
from MISTKDSegmentLib.io.dicom.header import (
    MEDIA_DIRECTORY_CLASS,
    Announcement,
    Header,
    announcement,
    is_ct,
    printable,
    read_header,
)
from MISTKDSegmentLib.io.dicom.joined_series import grouped, of_folders, rejoined
from MISTKDSegmentLib.io.dicom.passes import passes
from MISTKDSegmentLib.io.dicom.stack import SAME_PLACE_MM, is_stack

NOT_AXIAL, LOCALIZER, NO_IMAGES = "not axial", "localizers", "no readable images"
CAPTURES, OTHER_CLASS = "secondary captures (pictures of a screen)", "of a SOP class that is not a CT's"
COLOURS, COPIES = "colour pictures", "copies of slices in another folder"
ONE_PLACE = "repeated pictures of one place"
_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
# Of the slice normal against the patient's long axis: a stack tilted by up to 45 degrees is axial.
_MIN_AXIAL = 0.7
_MIN_PARALLEL = 0.9994  # 2 degrees
_FEWEST_SLICES = 3
# PS3.3 C.8.2.1.1.1 (multi-energy CT), and what makers write: no slices through the body, or no HU.
_COMPUTED = re.compile(r"(?<![A-Z])(MIP|MINIP|MAXIP|VRT|SSD|CPR|SCREEN.?SAVE|DOSE.?INFO|SUBTRACTION|PERFUSION|"
                       r"MAT_(?:SPECIFIC|FRACTIONAL|VALUE_BASED|MODIFIED)|EFF_ATOMIC_NUM|ELECTRON_DENSITY)(?![A-Z])")
_SLICE_SUFFIX = re.compile(r"\.(dcm|dicom|dic|ima)(\.(gz|bz2|xz|zip|part|crdownload))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """One scan in DICOM, or images of another kind that lie among the files.

    Attributes:
        images: the headers, in no order.
        unreadable: files that may belong to it and cannot be read.
        fault: why it is no scan to segment; empty for axial CT, and for CT images that cannot be read, so that reading
            them tells what is wrong.
        part: which pass over the body it is, counted from 1, where its series has several; else 0.
    """

    images: tuple[Header, ...]
    unreadable: tuple[Path, ...] = ()
    fault: str = ""
    part: int = 0

    @property
    def number(self) -> str:
        """Its number in the study, digits only; empty where the headers have none."""
        return "".join(filter(str.isdigit, self.images[0].series_number)) if self.images else ""

    @property
    def files(self) -> tuple[Path, ...]:
        """All that reading it needs."""
        return (*sorted(image.path for image in self.images), *self.unreadable)

    def __str__(self) -> str:
        what = self.fault or (f"pass {self.part}" if self.part else "CT")
        return f"series {self.number or 'without number'} ({what}, {len(self.files)} images)"


def find_series(paths: Iterable[Path]) -> list[Series]:
    """Tell the series among files of one or more folders apart; what is no DICOM is passed over.

    A series may lie in several folders, have a UID for each slice, or hold several passes over the body; each pass is
    a scan. DICOM files that cannot be read count for the series of their UID, or for each in their folder: whether one
    of them is a damaged slice is found out when the series is read.

    Args:
        paths: of the files.
    """
    headers, others = [], []
    with captured_stderr():  # some decoders print
        # Reading a pipe or a device would not end.
        for path in sorted(path for path in paths if path.is_file()):
            header = read_header(path)
            if header is None:
                others.append(path)
            else:
                headers.append(header)
    return sorted(_with_unreadable(_told_apart(headers), others, headers), key=_order)


def _order(series: Series) -> tuple[str, bool, int, tuple[Path, ...]]:
    return series.images[0].series_uid if series.images else "~", bool(series.fault), series.part, series.files


def _told_apart(headers: Sequence[Header]) -> list[Series]:
    found, scans = [], []
    for images in grouped(headers, lambda image: (*_series_of(image), why_no_slice(image))):
        fault = why_no_slice(images[0])
        if fault or not all(image.is_placed for image in images):
            found.append(Series(tuple(images), fault=fault))
        else:
            scans += [part for plane in _of_planes(images) for scan in of_folders(plane) for part in passes(scan)]
    # Slices with a UID each make passes only now.
    wholes = [(_series_of(whole[0]), part) for whole in rejoined(scans) for part in passes(whole)]
    for alike in grouped(wholes, lambda whole: (whole[0], _why_no_scan(whole[1]))):
        found += [Series(tuple(images), fault=_why_no_scan(images), part=number if len(alike) > 1 else 0)
                  for number, (_, images) in enumerate(alike, 1)]
    folders = {image.path.parent for one in found for image in one.images}
    copies = grouped((image for image in headers if image.path.parent not in folders), lambda image: image.path.parent)
    return [*found, *(Series(tuple(images), fault=COPIES) for images in copies)]


def _series_of(image: Header) -> tuple[str, str, str]:
    return image.patient, image.study_uid, image.series_uid


def why_no_slice(image: Header) -> str:
    """Why an image is no slice of a CT in HU, by itself; empty where it is one."""
    if image.modality != "CT":
        return f"of modality {image.modality if image.modality.isalnum() else 'unknown'}"
    if "LOCALIZER" in image.image_type:
        return LOCALIZER
    if not image.is_ct_class:
        return CAPTURES if f"{image.sop_class}.".startswith(f"{_CAPTURE_CLASS}.") else OTHER_CLASS
    if image.components > 1:
        return COLOURS
    computed = _COMPUTED.search(image.image_type)
    return f"computed, not scanned ({computed[1]} in their ImageType)" if computed else ""


def _why_no_scan(images: Sequence[Header]) -> str:
    """Why slices, each of which may be one of a CT, are no scan to segment together; empty where they may be."""
    if len(images) > 1 and np.ptp([image.position for image in images], axis=0).max() < SAME_PLACE_MM:
        return ONE_PLACE
    if not any(image.is_in_hu for image in images):
        return f"not in HU but in {printable(', '.join(sorted({image.rescale_type for image in images})))}"
    return _why_not_axial(images)


def _of_planes(images: Sequence[Header]) -> list[list[Header]]:
    """The images by their planes; a few that are axial by another angle stay, so that reading finds them."""
    planes: list[list[Header]] = []
    for image in images:
        for plane in planes:
            if abs(plane[0].normal @ image.normal) > _MIN_PARALLEL:
                plane.append(image)
                break
        else:
            planes.append([image])
    axial = sorted((plane for plane in planes if not _why_not_axial(plane)), key=len)
    strays = [plane for plane in axial[:-1] if len(plane) < _FEWEST_SLICES or not is_stack(plane)]
    for stray in strays:
        axial[-1].extend(stray)
    return [plane for plane in planes if plane not in strays]


def _why_not_axial(images: Sequence[Header]) -> str:
    return "" if abs(np.median([image.normal[2] for image in images])) >= _MIN_AXIAL else NOT_AXIAL


def _with_unreadable(found: Sequence[Series], others: Sequence[Path], headers: Sequence[Header]) -> list[Series]:
    names = {(header.path.parent, _shape(header.path)) for header in headers}
    damaged: dict[Path, str] = {}
    reports: list[Path] = []
    for path in others:
        said = _announcement(path)
        if said.sop_class == MEDIA_DIRECTORY_CLASS or path.name.upper() == "DICOMDIR":
            continue
        if said.sop_class and not is_ct(said.sop_class):
            reports.append(path)
        elif said.is_dicom or _SLICE_SUFFIX.search(path.name) or (path.parent, _shape(path)) in names:
            damaged[path] = said.series_uid
    result = [replace(one, unreadable=tuple(path for path, uid in damaged.items() if _may_hold(one, path, uid)))
              for one in found]
    noticed = {path for one in result if not one.fault for path in one.unreadable}
    result += [Series((), tuple(paths)) for paths in
               grouped((path for path in damaged if path not in noticed), lambda path: path.parent)]
    folders = {path.parent for one in result for path in one.files}
    return result + [Series((), tuple(paths), NO_IMAGES) for paths in grouped(reports, lambda path: path.parent)
                     if paths[0].parent not in folders]


def _announcement(path: Path) -> Announcement:
    try:
        return announcement(path)
    except OSError:
        return Announcement(True, "", "", "")


def _may_hold(series: Series, path: Path, uid: str) -> bool:
    """Whether an unreadable file may be a slice of a series: by the UID that it still tells, else by its folder."""
    if uid:
        return any(image.series_uid == uid for image in series.images)
    return any(image.path.parent == path.parent for image in series.images)


def _shape(path: Path) -> str:
    """A name with any number where it has one; of a name without, nothing that another one shares."""
    return re.sub(r"\d+", "0", path.name) if re.search(r"\d", path.name) else path.name
