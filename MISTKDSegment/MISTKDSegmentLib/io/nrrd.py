"""What ITK hides about NRRD files: missing spacing, failed checksums, voxels that do not fit the header."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, Optional

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.header_errors import no_orientation, other_unit
from MISTKDSegmentLib.io.payload import (
    GzipSeal,
    StoredVoxels,
    check_compressed,
    check_length,
    check_raw,
    damaged,
    file_of_voxels,
)

# https://teem.sourceforge.net/nrrd/format.html: a NaN in `spacings` means unknown.
_SPACING = {"space directions": re.compile(r"(?!.*nan).*\(", re.I), "spacings": re.compile(r"(?!.*nan).*\d", re.I)}
_NAMES = {"i1": ("signed char", "int8", "int8_t"), "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
          "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
          "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
          "i4": ("int", "signed int", "int32", "int32_t"), "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
          "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64",
                 "int64_t"),
          "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
          "f4": ("float",), "f8": ("double",)}
_KINDS = {name: np.dtype(kind) for kind, names in _NAMES.items() for name in names}
# The spaces that say where in the patient an axis runs; "scanner-xyz" and "3D-right-handed" do not.
_PATIENT_SPACES = ("right-anterior-superior", "left-anterior-superior", "left-posterior-superior", "ras", "las", "lps")
_MILLIMETRES = ("", "mm", "millimeter", "millimeters", "millimetre", "millimetres", "???")
_RAW, _GZIP = "raw", ("gz", "gzip")
_SAME_FIELD = {"datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip"}
_MAX_HEADER_BYTES = 1 << 20


def check_nrrd(path: Path, orientation_is_stated: bool = False) -> StoredVoxels:
    """Refuse a NRRD file that ITK would misread.

    ITK takes a missing spacing for 1 mm, so that organ volumes would be invented, any unit for millimetres, a missing
    space for LPS, and voxels whose checksum fails.

    Args:
        path: `.nrrd` or `.nhdr` file.
        orientation_is_stated: by the user, so that the file need not say it.

    Returns:
        What is left to check: voxels that are damaged, missing or too many.

    Raises:
        InputError: the header is damaged, has no spacing or orientation, or lengths that are not in mm; voxels are
            not there or in several files; or the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            header = _read_header(path, file)
            if not any(pattern.match(header.get(field, "")) for field, pattern in _SPACING.items()):
                raise InputError(f"{path} has no spacing in its header; write the file again with space directions.")
            _check_units(path, header)
            if not orientation_is_stated:
                _check_orientation(path, header)
            name, start = header.get("data file"), file.tell()
        voxels, start = (path, start) if name is None else (file_of_voxels(path, name), 0)
        return StoredVoxels(partial(_check_voxels, path, header, voxels, start), _seal(path, header, voxels))
    except OSError as error:
        raise _unreadable(path, error) from error


def voxels_of_nrrd(path: Path) -> Path:
    """The file that holds the voxels: the file itself, or the one that its header names.

    Raises:
        InputError: the header is damaged or the file is not there.
    """
    with open(path, "rb") as file:
        name = _read_header(path, file).get("data file")
    return path if name is None else file_of_voxels(path, name)


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read ({error.strerror}); check its permissions.")


def _read_header(path: Path, file: BinaryIO) -> dict[str, str]:
    """The fields, without comments and key/value pairs; the file is left at what follows."""
    if not file.readline(80).startswith(b"NRRD"):
        raise damaged(path)
    header: dict[str, str] = {}
    while line := file.readline(_MAX_HEADER_BYTES).rstrip(b"\r\n"):
        if file.tell() > _MAX_HEADER_BYTES:
            raise damaged(path)
        field, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if not colon and not line.startswith(b"#"):
            raise damaged(path)
        if not line.startswith(b"#") and not value.startswith("="):
            field = field.strip().lower()
            header[_SAME_FIELD.get(field, field)] = value.strip()
    return header


def _check_units(path: Path, header: Mapping[str, str]) -> None:
    # `space units` go with `space directions`, `units` with `spacings`; axes of other kinds have units of their own.
    named = header.get("space units" if "space directions" in header else "units", "")
    units = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', named)]
    for unit in units if "space directions" in header else units[:3]:
        if unit.strip().lower() not in _MILLIMETRES:
            raise other_unit(path, unit.strip()[:40])


def _check_orientation(path: Path, header: Mapping[str, str]) -> None:
    sizes = header.get("sizes", "").split()
    if len(sizes) < 3 or len([size for size in sizes if size != "1"]) > 3:
        return  # no volume, as the reader will say
    space = header.get("space", "").lower().removesuffix("-time")
    if not space:
        raise no_orientation(path, "the header has no space")
    if space not in (*_PATIENT_SPACES, *(f"{name}t" for name in _PATIENT_SPACES[3:])):
        raise no_orientation(path, f"the space {space[:40]} is not the patient's")
    if "space directions" not in header:
        raise no_orientation(path, "the header has no space directions")


def _seal(path: Path, header: Mapping[str, str], voxels: Path) -> Optional[GzipSeal]:
    kind = _kind(path, header).newbyteorder(">" if header.get("endian", "").lower() == "big" else "<")
    is_plain = header.get("byte skip", "0") == header.get("line skip", "0") == "0"
    if not is_plain or header.get("encoding", "").lower() not in _GZIP:
        return None
    return GzipSeal(voxels, b"", kind, _values(path, header) * kind.itemsize)


def _check_voxels(path: Path, header: Mapping[str, str], voxels: Path, start: int) -> None:
    try:
        with open(voxels, "rb") as file:
            file.seek(start)
            _check_bytes(path, file, header)
    except OSError as error:
        raise _unreadable(path, error) from error


def _check_bytes(path: Path, file: BinaryIO, header: Mapping[str, str]) -> None:
    expected, encoding = _values(path, header) * _kind(path, header).itemsize, header.get("encoding", "").lower()
    byte_skip = _whole(path, header.get("byte skip", "0"))
    for _ in range(_whole(path, header.get("line skip", "0"))):
        if not file.readline():
            raise damaged(path)
    if encoding in _GZIP:
        check_compressed(path, file, expected + max(byte_skip, 0))
    elif encoding != _RAW:
        # Text takes more bytes than there are voxels.
        values = _values(path, header)
        check_length(path, min(file.seek(0, 2), values), values)
    else:
        check_raw(path, file, expected, byte_skip)


def _kind(path: Path, header: Mapping[str, str]) -> np.dtype:
    name = header.get("type", "").lower()
    if name not in _KINDS:
        raise InputError(f"{path} has the unknown voxel type {name[:40]!r}; save it as 16-bit integers.")
    return _KINDS[name]


def _values(path: Path, header: Mapping[str, str]) -> int:
    sizes = [_whole(path, size) for size in header.get("sizes", "").split()]
    if not sizes or min(sizes) < 1:
        raise damaged(path)
    return math.prod(sizes)


def _whole(path: Path, number: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", number):
        raise damaged(path)
    return int(number)
