"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

from MISTKDSegmentLib.errors import InputError

_GZIP = b"\x1f\x8b"
_UNPACK = "unpack it first"
_ANEW = "get the file itself"
# (offset, first bytes, what it is, what to do). What stands here is not read under any of our names.
_FOREIGN = (
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (0, b"BZh", "compressed with bzip2", _UNPACK),
    (0, b"\xfd7zXZ", "compressed with xz", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x89HDF", "an HDF5 file", "convert it to NIfTI first"),
    (0, b"MATLAB", "a MATLAB file", "convert it to NIfTI first"),
    (0, b"\x89PNG", "a PNG picture", "pass the CT itself"),
    (0, b"\xff\xd8\xff", "a JPEG picture", "pass the CT itself"),
    (0, b"%PDF", "a PDF document", "pass the CT itself"),
    (0, b"<", "a web page or XML, as a failed download leaves it", _ANEW),
    (0, b"version https://git-lfs", "a Git LFS pointer to another file", "fetch that with git lfs pull"),
    (128, b"DICM", "a DICOM file", "pass the folder of its series"),
)
_OURS = ((0, b"NRRD", ".nrrd"), (0, b"ObjectType", ".mha"), (0, b"NDims", ".mha"), (344, b"n+1\0", ".nii"))
_FAMILY = {".nii": ".nii", ".nii.gz": ".nii", ".nrrd": ".nrrd", ".nhdr": ".nrrd", ".mha": ".mha", ".mhd": ".mha"}


def check_signature(path: Path, suffix: str) -> None:
    """Refuse a file that is of another kind than its name says.

    Args:
        path: of the file.
        suffix: of its name, in lower case: what it should be.

    Raises:
        InputError: it is empty, zeros, compressed under a name that does not say so, or of another kind.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(4096)
    if not start.strip(b"\0"):
        what = "holds nothing but zeros at its beginning" if start else "is an empty file"
        raise InputError(f"{path} {what}, as a copy that was broken off leaves it; copy it again.")
    if start.startswith(_GZIP) and suffix != ".nii.gz":
        remedy = f"rename it to {path.name}.gz" if suffix == ".nii" else _UNPACK
        raise InputError(f"{path} is compressed with gzip, which its name does not say; {remedy}.")
    for offset, signature, what, remedy in _FOREIGN:
        if start.startswith(signature, offset):
            raise InputError(f"{path} is {what}, and no {suffix} file; {remedy}.")
    for offset, signature, kind in _OURS:
        if start.startswith(signature, offset) and kind != _FAMILY[suffix]:
            raise InputError(f"{path} is a {kind} file by its content; give it that ending.")
