"""What ITK hides about MetaImage files: missing spacing, failed checksums, sizes that overrun its memory."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.header_errors import no_orientation, other_unit
from MISTKDSegmentLib.io.payload import StoredVoxels, check_compressed, check_raw, damaged, file_of_voxels

# https://itk.org/Wiki/MetaIO/Documentation
_BYTES = {"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
          "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8}
_SEPARATOR = re.compile(rb"[=:]")
_MAX_HEADER_BYTES = 1 << 20
# Three names for the same nine numbers; AnatomicalOrientation is a remark that readers pass over.
_ORIENTATION = ("TransformMatrix", "Rotation", "Orientation")
_MILLIMETRES = ("mm", "?", "")
_LAST = "ElementDataFile"  # by the format, the voxels follow


def check_metaimage(path: Path, orientation_is_stated: bool = False) -> StoredVoxels:
    """Refuse a MetaImage file that ITK would misread.

    ITK invents a spacing of 1 mm where there is none, and LPS where there is no orientation, takes any unit for
    millimetres and voxels whose checksum fails, and trusts the sizes of a damaged header, over which it may end the
    process.

    Args:
        path: `.mha` or `.mhd` file.
        orientation_is_stated: by the user, so that the file need not say it.

    Returns:
        What is left to check: voxels that are damaged, missing or too many.

    Raises:
        InputError: the header is damaged, has no spacing or orientation, or lengths that are not in mm; voxels are
            not there, text or in several files.
    """
    with _readable(path):
        header, length = _read_header(path)
        _check_header(path, header, orientation_is_stated)
        return StoredVoxels(partial(_check_voxels, path, header, length))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} or the file with its voxels cannot be read ({error.strerror}); check the "
                         "permissions.") from error


def _check_header(path: Path, header: Mapping[str, str], orientation_is_stated: bool) -> None:
    if "ElementSpacing" not in header and "ElementSize" not in header:
        raise InputError(f"{path} has no spacing in its header; write the file again with ElementSpacing.")
    if header.get("DistanceUnits", "mm").lower() not in _MILLIMETRES:
        raise other_unit(path, header["DistanceUnits"][:40])
    if not orientation_is_stated and not any(key in header for key in _ORIENTATION):
        raise no_orientation(path, "the header has no TransformMatrix")
    if not _is_true(header.get("BinaryData", "True")):
        # ITK takes what it cannot read there for 0 HU.
        raise InputError(f"{path} holds its voxels as text, which is not supported; save it in binary form.")
    _file_of_voxels(path, header)


def _check_voxels(path: Path, header: Mapping[str, str], length: int) -> None:
    expected, voxels = _expected_bytes(path, header), _file_of_voxels(path, header)
    with _readable(path), open(voxels, "rb") as file:
        file.seek(length if voxels is path else 0)
        if _is_true(header.get("CompressedData", "False")):
            _check_compressed_size(path, header, voxels.stat().st_size - file.tell())
            check_compressed(path, file, expected)
        else:
            check_raw(path, file, expected, _whole(path, header.get("HeaderSize", "0")))


def voxels_of_metaimage(path: Path) -> Path:
    """The file that holds the voxels: the file itself, or the one that its header names.

    Raises:
        InputError: the header is damaged or the file is not there.
    """
    return _file_of_voxels(path, _read_header(path)[0])


def _file_of_voxels(path: Path, header: Mapping[str, str]) -> Path:
    name = header[_LAST]
    return path if name.upper() == "LOCAL" else file_of_voxels(path, name)


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """The entries, and where the header ends."""
    header: dict[str, str] = {}
    with open(path, "rb") as file:
        while _LAST not in header:
            line = file.readline(_MAX_HEADER_BYTES)
            parts = [part.strip() for part in _SEPARATOR.split(line, maxsplit=1)]
            if len(parts) < 2 or file.tell() > _MAX_HEADER_BYTES:
                raise damaged(path)
            key, value = parts[0].decode("ascii", "replace"), parts[1].decode("utf-8", "surrogateescape")
            if key in header or (key == _LAST and not value):
                raise damaged(path)
            header[key] = value
        return header, file.tell()


def _expected_bytes(path: Path, header: Mapping[str, str]) -> int:
    sizes = [_whole(path, size) for size in header.get("DimSize", "").split()]
    channels = _whole(path, header.get("ElementNumberOfChannels", "1"))
    if len(sizes) != _whole(path, header.get("NDims", "")) or min([channels, *sizes]) < 1:
        raise damaged(path)
    kind = header.get("ElementType", "").removesuffix("_ARRAY")
    if kind not in _BYTES:
        raise InputError(f"{path} has the unknown voxel type {kind[:40]!r}; save it as 16-bit integers.")
    return math.prod(sizes) * channels * _BYTES[kind]


def _is_true(value: str) -> bool:
    return value[:1].upper() in ("T", "1")


def _whole(path: Path, number: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", number):
        raise damaged(path)
    return int(number)


def _check_compressed_size(path: Path, header: Mapping[str, str], found: int) -> None:
    # ITK reads as many bytes as stand here, whether they are there or not.
    if "CompressedDataSize" in header and not 0 < _whole(path, header["CompressedDataSize"]) <= found:
        raise damaged(path)
