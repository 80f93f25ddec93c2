"""What the headers of slices must say, each and together, before a volume is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.dicom.header import Header, printable
from MISTKDSegmentLib.io.dicom.passes import mingled_acquisitions
from MISTKDSegmentLib.io.dicom.stack import SPACING_TOLERANCE, fault, in_order

ONE_SERIES = "pass a folder that holds the slices of one CT series only"
_AXES_TOLERANCE = 1e-3


def check_slices(folder: Path, images: Sequence[Header]) -> None:
    """Refuse slices that make no whole volume in HU by their headers.

    Args:
        folder: for the message.
        images: of one series, in any order.

    Raises:
        InputError: it says what is missing or contradictory, and in which slice.
    """
    _check_single_frames(folder, images)
    _check_places(folder, images)
    _check_same_grid(folder, images)
    _check_rescale(folder, images)
    _check_one_pass(folder, images)
    problem = fault(in_order(images))
    if problem:
        raise InputError(f"{folder} {problem}.")


def _check_single_frames(folder: Path, images: Sequence[Header]) -> None:
    if any(image.frames > 1 for image in images):
        raise InputError(f"{folder} holds multi-frame DICOM, which is not supported; convert it to NIfTI first, for "
                         "example with dcm2niix.")


def _check_places(folder: Path, images: Sequence[Header]) -> None:
    _refuse(folder, images, [image for image in images if not image.is_placed],
            "without a usable ImagePositionPatient and ImageOrientationPatient in their headers; export the series "
            "again, or move images that are no slices to another folder")
    _refuse(folder, images, [image for image in images if not all(mm > 0 for mm in image.spacing_mm)],
            "without a usable PixelSpacing in their headers; export the series again")


def _check_same_grid(folder: Path, images: Sequence[Header]) -> None:
    axes = np.median([image.axes for image in images], axis=0)
    _refuse(folder, images, [image for image in images if np.abs(axes - image.axes).max() > _AXES_TOLERANCE],
            "oriented differently from the others; move them to another folder")
    columns, rows = Counter(image.size for image in images).most_common(1)[0][0]
    _refuse(folder, images, [image for image in images if image.size != (columns, rows)],
            f"of another size than the {columns} x {rows} pixels of the others; {ONE_SERIES}")
    mm = np.median([image.spacing_mm for image in images], axis=0)
    others = [image for image in images if np.abs(image.spacing_mm / mm - 1).max() > SPACING_TOLERANCE]
    _refuse(folder, images, others,
            f"with another pixel spacing than the {mm[0]:.4g} x {mm[1]:.4g} mm of the others; {ONE_SERIES}")


def _check_rescale(folder: Path, images: Sequence[Header]) -> None:
    for name, lacking in (
            ("RescaleSlope", [image for image in images if not np.isfinite(image.slope) or image.slope == 0]),
            ("RescaleIntercept", [image for image in images if not np.isfinite(image.intercept)])):
        _refuse(folder, images, lacking, f"without a usable {name}, which every slice of a CT has and without "
                                         "which its values are no HU; export the series again")
    strange = [image for image in images if not image.is_in_hu]
    kinds = printable(", ".join(sorted({image.rescale_type for image in strange})))
    _refuse(folder, images, strange, f"whose values are {kinds} by their RescaleType, not HU; {ONE_SERIES}")


def _check_one_pass(folder: Path, images: Sequence[Header]) -> None:
    mingled = mingled_acquisitions(images)
    if mingled:
        raise InputError(f"{folder} has slices of acquisitions {mingled[0]} and {mingled[1]} (AcquisitionNumber) "
                         f"among each other, which make no whole stacks apart; {ONE_SERIES}.")
    frames = Counter(image.frame_of_reference_uid for image in images if image.frame_of_reference_uid)
    # One for each slice is what some programs make up.
    if 1 < len(frames) < len(images):
        raise InputError(f"{folder} has slices in {len(frames)} frames of reference (FrameOfReferenceUID), which says "
                         f"that the patient moved between them; {ONE_SERIES}.")


def _refuse(folder: Path, images: Sequence[Header], some: Sequence[Header], why: str) -> None:
    if some:
        first = min(image.path.name for image in some)
        raise InputError(f"{folder} has {len(some)} of {len(images)} images (first: {first}) {why}.")
