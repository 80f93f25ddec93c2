"""What ITK hides about NIfTI files: repaired spacing and sizes, missing voxels, contradictory geometry."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_direction, check_spacing, format_mm
from MISTKDSegmentLib.inference.hu_checks import not_numbers
from MISTKDSegmentLib.io.header_errors import no_orientation, other_unit, state_orientation
from MISTKDSegmentLib.io.payload import PADDING_BYTES, GzipSeal, StoredVoxels, check_length, check_raw, damaged

_GZIP = b"\x1f\x8b"
_HEADER_BYTES = 348
_NIFTI2_HEADER_BYTES = 540
_CHUNK_BYTES = 1 << 20
# NIfTI-1 data type codes (nifti1.h): 8 to 64 bit integers and floats, then RGB, RGBA and complex.
_KINDS = {2: "u1", 256: "i1", 4: "i2", 512: "u2", 8: "i4", 16: "f4", 768: "u4", 64: "f8", 1024: "i8", 1280: "u8",
          128: "V3", 2304: "V4", 32: "V8", 1792: "V16"}
# The low bits of xyzt_units; 2 is millimetres, and 0, unknown, is what many programs write for them.
_LENGTH_UNIT_BITS, _OTHER_UNITS = 7, {1: "metres", 3: "micrometres"}
# A quaternion of 32-bit numbers is off by up to 0.0007 near half a turn; spacing is rounded to 3 digits by some.
_SAME_PLACE_MM, _SAME_PLACE = 1.0, 0.005


@dataclass(frozen=True)
class _Header:
    """The fields of a NIfTI-1 header that decide about geometry and length."""

    sizes: tuple[int, ...]
    spacing: tuple[float, ...]
    data_type: int
    data_offset: int
    byte_order: str
    slope: float
    intercept: float
    length_unit: int
    has_qform: bool
    has_sform: bool
    qform: np.ndarray
    sform: np.ndarray

    @property
    def kind(self) -> np.dtype:
        """Of a voxel as it is stored."""
        return np.dtype(self.byte_order + _KINDS[self.data_type])

    @property
    def size(self) -> int:
        """Of all voxels, in bytes."""
        return math.prod(self.sizes) * self.kind.itemsize

    @property
    def is_unscaled(self) -> bool:
        """Whether ITK leaves the voxels as they are stored."""
        slope, intercept = (value if math.isfinite(value) else 0.0 for value in (self.slope, self.intercept))
        return slope in (0.0, 1.0) and intercept == 0.0

    @property
    def unwanted_shift(self) -> float:
        """The intercept that ITK adds although a slope of 0, or none, means that nothing is scaled (nifti1.h)."""
        scales = math.isfinite(self.slope) and self.slope != 0
        return 0.0 if scales or not math.isfinite(self.intercept) else self.intercept


def check_nifti(path: Path, orientation_is_stated: bool = False) -> StoredVoxels:
    """Refuse a NIfTI file whose faults ITK would repair or overlook without a word.

    ITK replaces a spacing of zero by 1 mm, mirrors the volume at a negative one, takes any size below 1 for 1,
    invents the voxels that a truncated file lacks, makes 0 HU of NaN, supposes an orientation where there is none, and
    takes one of two that contradict each other: results would look plausible and be wrong.

    Args:
        path: `.nii` or `.nii.gz` file.
        orientation_is_stated: by the user, so that the file need not say it.

    Returns:
        What is left to check: voxels that are damaged, missing or no numbers.

    Raises:
        InputError: no NIfTI-1 header, impossible size, spacing or direction, lengths that are not in mm, or no
            orientation or two.
    """
    with _opened(path) as file:
        start = file.read(_HEADER_BYTES)
        header = _parse(path, start)
        _check_unit(path, header)
        _check_grid(path, header)
        _check_scaling(path, header)
        if not orientation_is_stated:
            _check_orientation(path, header)
        return StoredVoxels(partial(_check_voxels, path, header), _seal(path, file, start, header),
                            header.unwanted_shift)


@contextmanager
def _opened(path: Path) -> Iterator[Union[gzip.GzipFile, BinaryIO]]:
    """The file, decompressed where it is compressed, whatever its name says."""
    try:
        with open(path, "rb") as file:
            is_gzip = file.read(2) == _GZIP
        with gzip.open(path, "rb") if is_gzip else open(path, "rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(path) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _parse(path: Path, data: bytes) -> _Header:
    order = _byte_order(path, data)

    def field(offset: int, kind: str) -> tuple:
        return struct.unpack_from(order + kind, data, offset)

    axes = field(40, "h")[0]
    if not 1 <= axes <= 7:
        raise InputError(f"{path} has a damaged NIfTI header ({axes} axes); export it again.")
    return _Header(
        sizes=field(42, "7h")[:axes], spacing=field(80, "3f")[:axes], data_type=field(70, "h")[0],
        data_offset=_offset(path, field(108, "f")[0]), byte_order=order,
        slope=field(112, "f")[0], intercept=field(116, "f")[0], length_unit=field(123, "B")[0] & _LENGTH_UNIT_BITS,
        has_qform=field(252, "h")[0] > 0, has_sform=field(254, "h")[0] > 0,
        qform=_qform(field(76, "4f"), field(256, "6f")), sform=np.array(field(280, "12f"), float).reshape(3, 4))


def _qform(pixdim: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """3 x 4 matrix from (i, j, k, 1) to RAS of a quaternion and an offset ("method 2" of nifti1.h)."""
    b, c, d, *offset = values
    a = math.sqrt(max(0.0, 1.0 - b * b - c * c - d * d)) if math.isfinite(b + c + d) else math.nan
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c]])
    spacing = np.array([pixdim[1], pixdim[2], pixdim[3] * (-1 if pixdim[0] < 0 else 1)])
    with np.errstate(invalid="ignore"):
        return np.column_stack([rotation * spacing, offset])


def _offset(path: Path, value: float) -> int:
    if not 0 <= value < 2**31:  # NaN compares as false
        raise InputError(f"{path} has a damaged NIfTI header (voxels begin at byte {value}); export it again.")
    return int(value)


def _byte_order(path: Path, data: bytes) -> str:
    for order in "<>":
        length = struct.unpack(order + "i", data[:4])[0] if len(data) == _HEADER_BYTES else 0
        if length == _HEADER_BYTES and data[344:347] == b"n+1":
            return order
        if length == _NIFTI2_HEADER_BYTES:
            raise InputError(f"{path} is a NIfTI-2 file, which is not supported; save it as NIfTI-1 or NRRD.")
    raise InputError(f"{path} has no complete NIfTI-1 header; copy or export it again.")


def _check_grid(path: Path, header: _Header) -> None:
    if min(header.sizes) < 1:
        raise InputError(f"{path} has an impossible size in its header {header.sizes}; export it again.")
    if header.data_type not in _KINDS:
        raise InputError(f"{path} has the unknown voxel type {header.data_type}; save it as 16-bit integers.")
    check_spacing(path, header.spacing)


def _check_unit(path: Path, header: _Header) -> None:
    if header.length_unit in _OTHER_UNITS:
        raise other_unit(path, _OTHER_UNITS[header.length_unit])


def _check_scaling(path: Path, header: _Header) -> None:
    if math.isfinite(header.slope) and header.slope != 0 and not math.isfinite(header.intercept):
        raise InputError(f"{path} has a slope of {header.slope:g} and the intercept {header.intercept} in its header, "
                         "so that its HU are unknown; export it again.")


def _check_orientation(path: Path, header: _Header) -> None:
    if not header.has_qform and not header.has_sform:
        raise no_orientation(path, "qform and sform code are 0")
    if len(header.spacing) < 3:
        return
    if header.has_sform:
        _check_sform(path, header)
    if header.has_qform and header.has_sform:
        _check_same(path, header)


def _check_sform(path: Path, header: _Header) -> None:
    axes = header.sform[:, :3]
    lengths = np.linalg.norm(axes, axis=0)
    # With a qform as well, ITK (and so Slicer) falls back on that one, which cannot be sheared.
    if not header.has_qform:
        check_direction(path, axes / np.maximum(lengths, np.finfo(float).tiny))
    if not np.allclose(lengths, header.spacing, rtol=0.01):
        # ITK would go by pixdim, others by the sform: organ volumes would depend on the program.
        raise InputError(f"{path} contradicts itself: its sform says {format_mm(lengths.tolist())} per voxel "
                         f"and its pixdim {format_mm(header.spacing)}; correct the header.")


def _check_same(path: Path, header: _Header) -> None:
    """Refuse qform and sform that put the scan into different places; programs take the one or the other."""
    corners = np.array(list(product(*((0, size - 1) for size in header.sizes[:3]), (1,))), float).T
    apart_mm = float(np.linalg.norm((header.qform - header.sform) @ corners, axis=0).max())
    extent_mm = float(np.linalg.norm(np.array(header.sizes[:3]) * header.spacing))
    if not apart_mm <= max(_SAME_PLACE_MM, _SAME_PLACE * extent_mm):  # NaN compares as false
        raise InputError(f"{path} contradicts itself: its qform and its sform lie up to {apart_mm:.1f} mm apart, and "
                         f"programs take the one or the other; correct the header, or {state_orientation()}.")


def _seal(path: Path, file: Union[gzip.GzipFile, BinaryIO], start: bytes, header: _Header) -> Optional[GzipSeal]:
    is_usual = header.is_unscaled and _HEADER_BYTES <= header.data_offset <= _CHUNK_BYTES
    if not is_usual or not isinstance(file, gzip.GzipFile):
        return None
    # ITK reads NaN as 0, so that this does not fit a file with any.
    before = start + file.read(header.data_offset - len(start))
    return GzipSeal(path, before, header.kind, header.size)


def _check_voxels(path: Path, header: _Header) -> None:
    with _opened(path) as file:
        file.seek(header.data_offset)
        if header.kind.kind != "f" and not isinstance(file, gzip.GzipFile):
            check_raw(path, file, header.size)
            return
        found = broken = 0
        # Reading to the very end also makes gzip compare its checksum; what goes on and on is refused all the same.
        while found <= header.size + PADDING_BYTES and (chunk := file.read(_CHUNK_BYTES)):
            broken += _not_finite(chunk[:max(0, header.size - found)], header.kind)
            found += len(chunk)
    check_length(path, found, header.size)
    if broken:
        raise not_numbers(path, broken)


def _not_finite(chunk: bytes, kind: np.dtype) -> int:
    if kind.kind != "f":
        return 0
    whole = len(chunk) // kind.itemsize * kind.itemsize
    return int(np.count_nonzero(~np.isfinite(np.frombuffer(chunk[:whole], kind))))
