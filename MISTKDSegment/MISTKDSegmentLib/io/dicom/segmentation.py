"""Segmentations as DICOM SEG objects that belong to the patient, study and slices of their scan."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.io.console import silenced
from MISTKDSegmentLib.io.dicom.folder import ordered_slices
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.model.labels import Code, Label

MANUFACTURER = "MISTKDSegment"
# Type 2 in the standard: must be there, may be empty. Anonymised series often lack them, or have no dates in them.
_MAY_BE_EMPTY = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
                 "StudyDate", "StudyTime", "ReferringPhysicianName")
_SEXES = ("M", "F", "O", "")
_TOLERANCE_MM = 0.1
_MAX_LO = 64  # characters of a name, by the standard
_UTF_8 = "ISO_IR 192"
_one_at_a_time = threading.Lock()  # levels and filters are the whole process's


def write_dicom_seg(path: Path, volume: Volume, labels: np.ndarray, label_table: Sequence[Label], bundle: Bundle,
                    folder: Path, files: Sequence[str] = ()) -> None:
    """Write the organs that were found as binary segments; the file appears whole or not at all.

    Frames and segments without a voxel are left out, as the standard wants it.

    Args:
        path: of the file to write.
        volume: the scan as read from the folder: one slice per file, ordered along the slice normal.
        labels: uint8 of shape (k, j, i), the volume's.
        label_table: organs to write.
        bundle: the model; its name and version go in as those of the algorithm.
        folder: holds the scan's slices.
        files: names of the slices, where the folder holds other images as well.

    Raises:
        InputError: the slices' headers lack what a segmentation refers to.
        OutputError: no organ was found, or the file cannot be written.
    """
    found = [label for label in label_table if (labels == label.value).any()]
    if not found:
        raise OutputError(f"{path} is not written because no organ was found, and a DICOM segmentation cannot be "
                          "empty; choose --format seg.nrrd or nii.gz.")
    numbers = np.zeros(256, np.uint8)
    for number, label in enumerate(found, 1):
        numbers[label.value] = number
    with _silence():
        segmentation = _segmentation(folder, _slices(folder, files, volume), numbers[labels], found, bundle)
        segmentation.ContentCreatorName = ""  # type 2 as well
        with atomic_path(path) as temporary:
            segmentation.save_as(os.fspath(temporary))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the libraries say of odd headers from the console: they quote names and numbers of patients."""
    with _one_at_a_time, warnings.catch_warnings(), silenced("highdicom", "pydicom"):
        warnings.simplefilter("ignore")
        yield


def _slices(folder: Path, files: Sequence[str], volume: Volume) -> list[Any]:
    """Headers of the slices in the volume's order."""
    from pydicom import dcmread

    slices = ordered_slices(folder, files)
    expected = volume.ijk_to_lps[:3, 3] + np.outer(np.arange(len(volume.voxels)), volume.ijk_to_lps[:3, 2])
    if len(slices) != len(expected) or np.abs([one.position for one in slices] - expected).max() > _TOLERANCE_MM:
        raise InputError(f"{folder} has slices that a DICOM segmentation cannot refer to, because they lie at "
                         "irregular places or changed while the program ran; choose --format seg.nrrd or nii.gz.")
    if len({one.series_uid for one in slices}) > 1:
        raise InputError(f"{folder} has slices with different SeriesInstanceUIDs, and a DICOM segmentation refers to "
                         "one series; choose --format seg.nrrd or nii.gz.")
    # Some files lack the preamble by which DICOM is known.
    return [_completed(dcmread(one.path, stop_before_pixels=True, force=True), volume) for one in slices]


def _completed(header: Any, volume: Volume) -> Any:
    """A header as a segmentation's patient and study are made of it.

    In UTF-8, because the scan's character set may lack letters of the organs' names, and highdicom does not take one
    whose first value is empty, as it is in Japan and Korea.
    """
    header.decode()
    header.SpecificCharacterSet = _UTF_8
    for keyword in _MAY_BE_EMPTY:
        if keyword not in header or not _is_valid(keyword, header.get(keyword)):
            setattr(header, keyword, "")
    if not header.get("SliceThickness"):
        header.SliceThickness = f"{volume.spacing_mm[2]:.6g}"
    return header


def _is_valid(keyword: str, value: Any) -> bool:
    from pydicom.valuerep import DA, TM

    if keyword == "PatientSex":
        return value in _SEXES
    kind = {"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}.get(keyword, str)
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _segmentation(folder: Path, slices: Sequence[Any], numbers: np.ndarray, found: Sequence[Label],
                  bundle: Bundle) -> Any:
    from highdicom.seg import Segmentation
    from pydicom.uid import generate_uid

    try:
        return Segmentation(
            source_images=slices, pixel_array=numbers, segmentation_type="BINARY",
            segment_descriptions=[_segment(number, label, bundle) for number, label in enumerate(found, 1)],
            # Universally unique numbers (2.25.…), which need no registered root.
            series_instance_uid=generate_uid(prefix=None), sop_instance_uid=generate_uid(prefix=None),
            series_number=_series_number(slices[0]), instance_number=1, manufacturer=MANUFACTURER,
            manufacturer_model_name=_lo(bundle.name), software_versions=__version__,
            device_serial_number=bundle.sha256, series_description="Organ segmentation, research use only",
            content_label="ORGANS", content_description="Made automatically; research use only")
    except AttributeError as error:
        raise InputError(f"{folder} lacks {error.name or 'an attribute'} in its headers, which a DICOM segmentation "
                         "refers to; choose --format seg.nrrd or nii.gz.") from error
    except (ValueError, TypeError) as error:
        # Without the reason: it may quote the patient's data.
        raise InputError(f"{folder} has headers that break the DICOM standard, so that no DICOM segmentation can "
                         "refer to them; choose --format seg.nrrd or nii.gz.") from error


def _series_number(header: Any) -> int:
    number = header.get("SeriesNumber")
    return max(1, 1000 + int(number)) if number is not None else 1000


def _segment(number: int, label: Label, bundle: Bundle) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    segment = SegmentDescription(
        segment_number=number, segment_label=_lo(label.title), segmented_property_category=_concept(label.category),
        segmented_property_type=_concept(label.type), algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=_lo(bundle.name), family=codes.cid7162.ArtificialIntelligence, version=_lo(bundle.version)),
        display_color=CIELabColor.from_rgb(*label.color))
    if label.modifier is not None:
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [_concept(label.modifier)]
    return segment


def _concept(code: Code) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, _lo(code.meaning))


def _lo(name: str) -> str:
    """A name as DICOM's value representation LO takes it."""
    return name.replace("\\", "/")[:_MAX_LO]
