"""What ITK hides about NRRD files: a spacing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from MISTKDSegmentLib.errors import InputError

# https://teem.sourceforge.net/nrrd/format.html: a NaN in `spacings` means unknown.
_SPACING = re.compile(rb"^(space directions:(?!.*nan).*\(|spacings:(?!.*nan).*\d)", re.I | re.M)
_MAX_HEADER_BYTES = 1 << 20


def check_nrrd(path: Path) -> None:
    """Refuse a NRRD file without spacing, which ITK would read as 1 mm: organ volumes would be invented.

    Args:
        path: `.nrrd` or `.nhdr` file.

    Raises:
        InputError: the header has no spacing, or the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            header, _, _ = file.read(_MAX_HEADER_BYTES).replace(b"\r\n", b"\n").partition(b"\n\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    if header.startswith(b"NRRD") and not _SPACING.search(header):
        raise InputError(f"{path} has no spacing in its header; write the file again with space directions.")
