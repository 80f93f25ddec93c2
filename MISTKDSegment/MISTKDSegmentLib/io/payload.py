"""The voxels of a file: all there, undamaged, and no more of them than the header says."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Optional

import numpy as np

from MISTKDSegmentLib.errors import InputError

_CHUNK_BYTES = 1 << 20
# Some programs round the length of a file up.
PADDING_BYTES = 512
_ANY_ZLIB = 47  # for zlib: gzip or zlib, whichever its first bytes say, with the largest window


@dataclass(frozen=True)
class GzipSeal:
    """The checksum and the length that a gzip file ends with (RFC 1952), and what they are of.

    Decompressing takes longer than all else of reading, and ITK does it anyway. What it made of the file is whole if
    it has that sum.

    Attributes:
        file: the gzip file; it is the only one in a row, or the seal does not fit.
        before: what is compressed in front of the voxels.
        kind: of a voxel as it is stored, byte order included.
        size: of all voxels, in bytes.
    """

    file: Path
    before: bytes
    kind: np.dtype
    size: int

    def has_length(self) -> bool:
        """Whether the file says that it holds as many bytes as the header says."""
        return self._end()[1] == (len(self.before) + self.size) % 2**32

    def fits(self, voxels: np.ndarray) -> bool:
        """Whether voxels, in any byte order, are those that were compressed."""
        if voxels.dtype.newbyteorder("=") != self.kind.newbyteorder("=") or voxels.nbytes != self.size:
            return False
        found = zlib.crc32(self.before)
        for part in voxels:  # one at a time: the bytes of some have to be swapped
            found = zlib.crc32(np.ascontiguousarray(part, self.kind).data, found)
        return found == self._end()[0]

    def _end(self) -> tuple[int, int]:
        with open(self.file, "rb") as file:
            file.seek(max(0, file.seek(0, 2) - 8))
            end = file.read(8)
        return int.from_bytes(end[:4], "little"), int.from_bytes(end[4:], "little")


@dataclass(frozen=True)
class StoredVoxels:
    """What a header that is in order says of its voxels.

    Attributes:
        check: looks at each of them, and raises InputError where they are damaged, missing or too many.
        seal: saves that where it fits what ITK has read; None where ITK changes voxels, or nothing is compressed.
        unwanted_shift: what ITK adds to the voxels although the header does not say so.
    """

    check: Callable[[], None]
    seal: Optional[GzipSeal] = None
    unwanted_shift: float = 0.0


def check_is_file(path: Path) -> None:
    """Refuse what nobody would come to the end of: pipes and devices.

    Raises:
        InputError: it is no regular file, or cannot be reached.
    """
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    if not is_file:
        raise InputError(f"{path} is no regular file; pass a file or a DICOM folder.")


def file_of_voxels(header: Path, name: str) -> Path:
    """The one file that a header names for its voxels.

    Raises:
        InputError: there are several, or it is no regular file that is there.
    """
    # LIST, and patterns such as slice%03d.raw, in both formats that have such headers.
    if name.split()[:1] == ["LIST"] or "%" in name:
        raise InputError(f"{header} spreads its voxels over several files; save it as one.")
    # Not Path.is_file, which raises where a name is too long.
    if not os.path.isfile(header.parent / name):
        raise InputError(f"{header} is damaged or incomplete: {name} with its voxels is not there; copy both files.")
    return header.parent / name


def check_raw(path: Path, file: BinaryIO, expected: int, skip: int = 0) -> None:
    """Refuse a file with too few or too many bytes of voxels.

    Args:
        path: for the message.
        file: positioned where the voxels begin.
        expected: bytes, by the header.
        skip: bytes before the first voxel; -1 where the voxels end with the file.

    Raises:
        InputError: the header belongs to other voxels, or some are missing.
    """
    start = file.tell() + max(skip, 0)
    found = file.seek(0, 2) - start
    check_length(path, found if skip >= 0 else min(found, expected), expected)


def check_compressed(path: Path, file: BinaryIO, expected: int) -> None:
    """Decompress voxels to the end, which is where their checksum stands; ITK stops before it.

    Args:
        path: for the message.
        file: positioned at the first compressed byte, gzip or zlib.
        expected: bytes when decompressed, by the header.

    Raises:
        InputError: the checksum does not match, or there are too few or too many voxels.
    """
    found, packed = 0, b""
    stream = zlib.decompressobj(_ANY_ZLIB)
    try:
        while found <= expected + PADDING_BYTES:
            packed = packed or file.read(_CHUNK_BYTES)
            if not packed and not stream.eof:
                raise damaged(path)
            if not packed:
                break
            if stream.eof:
                # gzip files may be joined, and zeros may follow.
                packed = packed.lstrip(b"\0")
                if not packed:
                    continue
                stream = zlib.decompressobj(_ANY_ZLIB)
            found += len(stream.decompress(packed, _CHUNK_BYTES))
            packed = stream.unused_data if stream.eof else stream.unconsumed_tail
    except zlib.error:
        raise damaged(path) from None
    check_length(path, found, expected)


def check_length(path: Path, found: int, expected: int) -> None:
    """Refuse voxels that are fewer or more than the header says."""
    if found < expected:
        raise InputError(f"{path} is truncated: it holds {found:,} of {expected:,} bytes of voxels; copy it again.")
    if found > expected + PADDING_BYTES:
        raise InputError(f"{path} holds more voxels than its header says ({expected:,} bytes); export it again.")


def damaged(path: Path) -> InputError:
    """The error for a file whose checksum or structure is broken."""
    return InputError(f"{path} is damaged or truncated; copy or export it again.")
