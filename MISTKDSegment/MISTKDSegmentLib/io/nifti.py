"""What ITK hides about NIfTI files: repaired spacing and sizes, missing voxels, contradictory geometry."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Union

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_direction, check_spacing, format_mm
from MISTKDSegmentLib.io.payload import PADDING_BYTES, check_length, damaged

_HEADER_BYTES = 348
_NIFTI2_HEADER_BYTES = 540
_CHUNK_BYTES = 1 << 20
# NIfTI-1 data type codes (nifti1.h): 8 to 64 bit integers and floats, then RGB, RGBA and complex.
_BYTES_PER_VOXEL = {2: 1, 256: 1, 4: 2, 512: 2, 8: 4, 16: 4, 768: 4, 64: 8, 1024: 8, 1280: 8,
                    128: 3, 2304: 4, 32: 8, 1792: 16}
_FLOATS = {16: "f4", 64: "f8"}


@dataclass(frozen=True)
class _Header:
    """The fields of a NIfTI-1 header that decide about geometry and length."""

    sizes: tuple[int, ...]
    spacing: tuple[float, ...]
    data_type: int
    data_offset: int
    byte_order: str
    has_qform: bool
    has_sform: bool
    sform: np.ndarray


def check_nifti(path: Path) -> None:
    """Refuse a NIfTI file whose faults ITK would repair or overlook without a word.

    ITK replaces a spacing of zero by 1 mm, mirrors the volume at a negative one, takes any size below 1 for 1,
    invents the voxels that a truncated file lacks and makes 0 HU of NaN: results would look plausible and be
    wrong.

    Args:
        path: `.nii` or `.nii.gz` file.

    Raises:
        InputError: no NIfTI-1 header, impossible size, spacing or direction, or voxels that are damaged,
            missing or no numbers.
    """
    try:
        with _open(path) as file:
            header = _parse(path, file.read(_HEADER_BYTES))
            _check_grid(path, header)
            _check_sform(path, header)
            _check_voxels(path, file, header)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(path) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error


def _open(path: Path) -> Union[gzip.GzipFile, BinaryIO]:
    with open(path, "rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else open(path, "rb")


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
        has_qform=field(252, "h")[0] > 0, has_sform=field(254, "h")[0] > 0,
        sform=np.array(field(280, "12f"), float).reshape(3, 4)[:, :3])


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
    if header.data_type not in _BYTES_PER_VOXEL:
        raise InputError(f"{path} has the unknown voxel type {header.data_type}; save it as 16-bit integers.")
    check_spacing(path, header.spacing)


def _check_sform(path: Path, header: _Header) -> None:
    if not header.has_sform or len(header.spacing) < 3:
        return
    lengths = np.linalg.norm(header.sform, axis=0)
    # With a qform as well, ITK (and so Slicer) falls back on that one, which cannot be sheared.
    if not header.has_qform:
        check_direction(path, header.sform / np.maximum(lengths, np.finfo(float).tiny))
    if not np.allclose(lengths, header.spacing, rtol=0.01):
        # ITK would go by pixdim, others by the sform: organ volumes would depend on the program.
        raise InputError(f"{path} contradicts itself: its sform says {format_mm(lengths.tolist())} per voxel "
                         f"and its pixdim {format_mm(header.spacing)}; correct the header.")


def _check_voxels(path: Path, file: Union[gzip.GzipFile, BinaryIO], header: _Header) -> None:
    expected = math.prod(header.sizes) * _BYTES_PER_VOXEL[header.data_type]
    file.seek(header.data_offset)
    found = broken = 0
    # Reading to the very end also makes gzip compare its checksum; what goes on and on is refused all the same.
    while found <= expected + PADDING_BYTES and (chunk := file.read(_CHUNK_BYTES)):
        broken += _not_finite(chunk[:max(0, expected - found)], header)
        found += len(chunk)
    check_length(path, found, expected)
    if broken:
        raise not_numbers(path, broken)


def _not_finite(chunk: bytes, header: _Header) -> int:
    if header.data_type not in _FLOATS:
        return 0
    kind = np.dtype(header.byte_order + _FLOATS[header.data_type])
    whole = len(chunk) // kind.itemsize * kind.itemsize
    return int(np.count_nonzero(~np.isfinite(np.frombuffer(chunk[:whole], kind))))


def not_numbers(path: Union[Path, str], voxels: int) -> InputError:
    """The error for voxels that are NaN or infinite."""
    return InputError(f"{path} has {voxels:,} voxels that are not numbers (NaN or infinite); replace them by "
                      "-1024 HU (air) or export the scan again.")
