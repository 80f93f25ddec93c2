"""The voxels of DICOM slices in HU, and why a file has none."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, check_name
from MISTKDSegmentLib.io.console import captured_stderr
from MISTKDSegmentLib.io.dicom.header import Header, announcement, image_reader

# PS3.5 annex A: what GDCM decodes. Newer ones (High-Throughput JPEG 2000, JPEG XL, video) it does not.
_DECODED = frozenset(f"1.2.840.10008.1.2{end}" for end in (
    "", ".1", ".1.99", ".2", ".5", ".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90", ".4.91"))
_PIXEL_DATA, _VRS = b"\xe0\x7f\x10\0", (b"OW\0\0", b"OB\0\0")
# For the comparison of neighbours: so many pixels across a slice, and a difference that no anatomy makes.
_SAMPLES, _JUMP_HU = 64, 500.0
# Measured: at most 0.8 in 21 abdominal scans of 1 to 5 mm, also with noise of 40 HU, 0.9 with every tenth slice alone
# and from 1.9 on where one of two or three passes moved by 2 mm.
_MINGLED, _MOST_PASSES = 1.3, 4
_SEEN_HU, _LEAST_HU = (-1000, 400), 1.0


def read_voxels(folder: Path, slices: Sequence[Header]) -> np.ndarray:
    """Read the slices of a volume.

    Args:
        folder: for messages.
        slices: of one size.

    Returns:
        float32 HU of shape (k, j, i).

    Raises:
        InputError: a slice is damaged or in a form that cannot be decoded, or the scales of slices contradict each
            other.
    """
    # Slice by slice: ITK's series reader casts every slice to the first one's type, whatever its rescale.
    columns, rows = slices[0].size
    voxels = np.empty((len(slices), rows, columns), np.float32)
    with captured_stderr():  # some decoders print
        for one, target in zip(slices, voxels):
            _read_slice(one, target)
    every = max(1, min(rows, columns) // _SAMPLES)
    few = voxels[:, ::every, ::every].reshape(len(slices), -1)
    _check_scales(folder, slices, few)
    _check_not_mingled(folder, few)
    return voxels


def _read_slice(one: Header, target: np.ndarray) -> None:
    try:
        if not _has_all_pixels(one):
            raise ValueError("too short")
        image = image_reader(one.path).Execute()  # by name: the view below does not keep it alive
        target[:] = sitk.GetArrayViewFromImage(image).reshape(target.shape)
    except (RuntimeError, ValueError, OSError):
        raise _why_inverted(one) or why_unreadable(one.path) from None
    if one.photometric == "MONOCHROME1":
        _undo_inversion(one, target)


def _why_inverted(one: Header) -> Optional[InputError]:
    # GDCM has no inverse of signed values of less than 16 bits.
    if one.photometric == "MONOCHROME1" and one.pixel_representation == 1 and one.bits_stored < one.bits_allocated:
        return InputError(f"{one.path} has inverted values (MONOCHROME1) of a kind that cannot be read; convert the "
                          "series to MONOCHROME2 first.")
    return None


def _undo_inversion(one: Header, hu: np.ndarray) -> None:
    """MONOCHROME1 says that high values are to be shown dark; GDCM stores them upside down, bit by bit, as well."""
    highest_stored = -1.0 if one.pixel_representation == 1 else 2.0**one.bits_stored - 1
    np.subtract(2 * one.intercept + one.slope * highest_stored, hu, out=hu)


def _has_all_pixels(one: Header) -> bool:
    """Whether uncompressed pixel data are as long as the image needs: GDCM makes up what is not there."""
    needed = math.prod(one.size) * int(one.bits_allocated) // 8
    with open(one.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        longest, at = -1, data.find(_PIXEL_DATA)
        while at >= 0:
            at += 4 + 4 * (data[at + 4 : at + 8] in _VRS)
            longest = max(longest, int.from_bytes(data[at : at + 4], "little"))
            # The first may be that of an icon. The length of compressed data is said to be as large as can be.
            if longest >= needed:
                return True
            at = data.find(_PIXEL_DATA, at)
    return longest < 0  # none is seen in a deflated file


def _check_scales(folder: Path, slices: Sequence[Header], few: np.ndarray) -> None:
    """Where slices have different scales, neighbours show whether they are right."""
    if len({(one.slope, one.intercept) for one in slices}) == 1:
        return
    jumps = np.abs(np.median(np.diff(few, axis=0), axis=1))
    for k in np.flatnonzero(jumps > _JUMP_HU).tolist():
        raise InputError(f"{folder} has different RescaleSlope or RescaleIntercept in its slices, and by them all of "
                         f"{slices[k + 1].path.name} is {jumps[k]:.0f} HU off {slices[k].path.name} beside it; export "
                         "the series again.")


def _check_not_mingled(folder: Path, few: np.ndarray) -> None:
    """Slices of a body are most like their neighbours, unless it moved between passes that lie among each other."""
    seen = few.clip(*_SEEN_HU)
    apart = {n: np.abs(seen[n:] - seen[:-n]).mean(axis=1) for n in range(1, _MOST_PASSES + 1) if len(seen) > 2 * n}
    for passes in range(2, len(apart) + 1):
        likeness = apart[1][: len(apart[passes])] / np.maximum(apart[passes], _LEAST_HU)
        if np.median(likeness) > _MINGLED:
            raise InputError(f"{folder} has slices of {passes} passes over the body among each other: every slice is "
                             f"more like the {'second' if passes == 2 else f'{passes}th'} next one than like its "
                             "neighbour; pass a folder with the slices of one pass only.")


def why_unreadable(path: Path) -> InputError:
    """The reason why a file that should be a slice cannot be read."""
    try:
        check_name(path, InputError)
        said = announcement(path)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"{path} cannot be read ({error.strerror}); check its permissions.")
    if not path.stat().st_size:
        return InputError(f"{path} is empty; copy the DICOM series again.")
    if not said.is_dicom:
        return InputError(f"{path} is named like a slice but is no DICOM file, perhaps packed or damaged; unpack it, "
                          "copy the series again or move it to another folder.")
    if said.transfer_syntax and said.transfer_syntax not in _DECODED:
        return InputError(f"{path} is compressed in a way that cannot be read (transfer syntax "
                          f"{said.transfer_syntax}); decompress the series first.")
    return InputError(f"{path} is damaged or truncated; copy the DICOM series again.")
