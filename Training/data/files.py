"""Whether files can be read and written, found out before the work whose result they hold; and which file it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryFile

from MISTKDSegmentLib.errors import InputError, OutputError
from Training.data.scans import Scan


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, and find out whether files can be written into it.

    Raises:
        OutputError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from None
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Find out whether files can be written into a folder, or into the one where it would be made; none is left.

    Raises:
        OutputError: they cannot.
    """
    try:
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror}); choose another folder.") from None


def check_scan(scan: Scan) -> None:
    """Find out whether a scan can be used, as far as that is known without its voxels.

    Raises:
        InputError: a file is missing or may not be read, or the scan says itself why it cannot be used.
    """
    for path in scan.files:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); put it there or leave {scan.name} "
                             "out.") from None
    scan.check()


def size_mb(scan: Scan) -> float:
    """What the files of a scan take on disk, in 1e6 bytes."""
    return sum(path.stat().st_size for path in scan.files) / 1e6


def file_sha256(path: Path) -> str:
    """Checksum of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a file that can.") from None
