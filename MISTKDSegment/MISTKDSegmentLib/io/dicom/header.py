"""The header of one DICOM image: what it says of the picture and of where it belongs, and nothing of the patient."""

from __future__ import annotations

import hashlib
import math
import os
import re
from operator import mul
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import is_utf8

CT_CLASS, MEDIA_DIRECTORY_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.3.10"
# PS3.3 C.11.1.1.2; US is "unspecified", and some makers write HU in words.
_HU = re.compile(r"|US|HU.*|HOUNSFIELD.*")
_AXES_TOLERANCE = 0.01
_START_BYTES = 1 << 16


class Header(NamedTuple):
    """What the header of an image says; texts are empty and numbers NaN where it does not.

    Attributes:
        path: the file.
        size: columns and rows.
        components: values per pixel.
        patient: tells patients apart, and is nothing by which they are known.
        spacing_mm: along a row and along a column.
        position: LPS of the first pixel, in mm.
        axes: unit vectors along a row and along a column, one after the other.
        time: date and time of the acquisition.
        frames: images in the file.
    """

    path: Path
    size: tuple[int, ...]
    components: int
    patient: str
    spacing_mm: tuple[float, ...]
    position: tuple[float, ...]
    axes: tuple[float, ...]
    time: str
    sop_class: str
    instance_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    series_number: str
    modality: str
    image_type: str
    photometric: str
    rescale_type: str
    kernel: str
    kvp: str
    contrast_agent: str
    series_time: str
    trigger_time: str
    cardiac_phase: str
    temporal_position: str
    temporal_index: str
    acquisition_number: float
    instance_number: float
    frames: float
    thickness_mm: float
    bits_allocated: float
    bits_stored: float
    pixel_representation: float
    slope: float
    intercept: float

    @property
    def is_placed(self) -> bool:
        """Whether position and axes say where in the patient the image lies."""
        row, column = self.axes[:3], self.axes[3:]
        products = [sum(map(mul, one, other)) for one, other in ((row, row), (column, column), (row, column))]
        return all(map(math.isfinite, self.position)) and all(
            abs(product - right) <= _AXES_TOLERANCE for product, right in zip(products, (1, 1, 0)))

    @property
    def normal(self) -> np.ndarray:
        """Unit vector at right angles to the image, LPS."""
        a, b, c, d, e, f = self.axes
        return np.array([b * f - c * e, c * d - a * f, a * e - b * d])

    @property
    def is_ct_class(self) -> bool:
        """Whether it is a CT image by its SOP class: plain, enhanced or converted; or of a class that is not told."""
        return not self.sop_class or is_ct(self.sop_class)

    @property
    def is_in_hu(self) -> bool:
        """Whether its values are HU by their rescale type, or it does not tell."""
        return bool(_HU.fullmatch(self.rescale_type))


_TEXTS = {
    "sop_class": "0008|0016", "instance_uid": "0008|0018", "study_uid": "0020|000d", "series_uid": "0020|000e",
    "frame_of_reference_uid": "0020|0052", "series_number": "0020|0011", "modality": "0008|0060",
    "image_type": "0008|0008", "photometric": "0028|0004", "rescale_type": "0028|1054", "kernel": "0018|1210",
    "kvp": "0018|0060", "contrast_agent": "0018|0010", "series_time": "0008|0031", "trigger_time": "0018|1060",
    "cardiac_phase": "0020|9241", "temporal_position": "0020|0100", "temporal_index": "0020|9128"}
_NUMBERS = {
    "acquisition_number": "0020|0012", "instance_number": "0020|0013", "frames": "0028|0008",
    "thickness_mm": "0018|0050", "bits_allocated": "0028|0100", "bits_stored": "0028|0101",
    "pixel_representation": "0028|0103", "slope": "0028|1053", "intercept": "0028|1052"}


def read_header(path: Path) -> Optional[Header]:
    """Read the header of an image; None where the file is no DICOM image or cannot be read."""
    if not is_utf8(path):
        return None
    reader = image_reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None

    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    def numbers(tag: str, count: int) -> tuple[float, ...]:
        try:
            values = tuple(float(value) for value in text(tag).split("\\"))
        except ValueError:
            values = ()
        return values if len(values) == count else (math.nan,) * count

    row_mm, column_mm = numbers("0028|0030", 2)
    fields: dict[str, Any] = {name: text(tag).upper() for name, tag in _TEXTS.items()}
    fields.update((name, numbers(tag, 1)[0]) for name, tag in _NUMBERS.items())
    fields["modality"] = fields["modality"] or ("CT" if is_ct(fields["sop_class"]) else "")
    return Header(
        path=path, size=reader.GetSize()[:2], components=reader.GetNumberOfComponents(),
        patient=_digest(f"{text('0010|0020')}\n{text('0010|0010')}"), spacing_mm=(column_mm, row_mm),
        position=numbers("0020|0032", 3), axes=numbers("0020|0037", 6),
        time=text("0008|002a") or text("0008|0022") + text("0008|0032"), **fields)


def image_reader(path: Path) -> sitk.ImageFileReader:
    """A reader of one DICOM image; named, because ITK would otherwise try all that it has."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(os.fspath(path))
    return reader


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def is_ct(sop_class: str) -> bool:
    """Whether a SOP class is CT Image Storage or one of its kin."""
    return f"{sop_class}.".startswith(f"{CT_CLASS}.")


class Announcement(NamedTuple):
    """What the start of a file says of it, also where the rest is damaged or no image; empty where it does not."""

    is_dicom: bool
    sop_class: str
    series_uid: str
    transfer_syntax: str


def announcement(path: Path) -> Announcement:
    """Look at the start of a file, without a word about what does not fit.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(_START_BYTES)

    def uids(*tags: bytes) -> list[str]:
        # Explicit VR has two letters and two bytes of length before the value, implicit VR four bytes of length.
        pattern = rb"(?:%s)(?:UI..|..\0\0)([\d.]+)" % b"|".join(map(re.escape, tags))
        return [uid.decode() for uid in re.findall(pattern, start, re.DOTALL)]

    classes, series = uids(b"\x02\0\x02\0", b"\x08\0\x16\0"), set(uids(b"\x20\0\x0e\0"))
    return Announcement(is_dicom=start[128:132] == b"DICM" or bool(classes), sop_class=next(iter(classes), ""),
                        # A sequence in the header may name further series.
                        series_uid=series.pop() if len(series) == 1 else "",
                        transfer_syntax=next(iter(uids(b"\x02\0\x10\0")), ""))


def printable(text: str) -> str:
    """A text from a header for people, without what could disturb a console."""
    return re.sub(r"[^\w ,.()/-]", "?", text)
