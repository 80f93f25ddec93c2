"""What may be wrong with the header of a volume file, and what is right all the same, format by format."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

from Testing.lib.orientations import ORIENTATIONS

Patch = Callable[[bytes], bytes]
LETTERS = {(1, 0, 0): "L", (-1, 0, 0): "R", (0, 1, 0): "P", (0, -1, 0): "A", (0, 0, 1): "S", (0, 0, -1): "I"}
AXES = {"".join(LETTERS[tuple(int(part) for part in column)] for column in direction.T): direction
        for direction in ORIENTATIONS}
NO_ORIENTATION, UNIT, CONTRADICTION = "does not say how its voxels lie", "gives its lengths in", "contradicts itself"


def packed(offset: int, kind: str, *values: float) -> Patch:
    """Other numbers in a NIfTI header."""
    def patch(data: bytes) -> bytes:
        changed = bytearray(data)
        struct.pack_into("<" + kind, changed, offset, *values)
        return bytes(changed)
    return patch


def mirrored_qform(data: bytes) -> bytes:
    """A quaternion of half a turn about the first axis more, with both codes set."""
    b, c, d = struct.unpack_from("<3f", data, 256)
    a = max(0.0, 1 - b * b - c * c - d * d) ** 0.5
    sign = -1 if b > 0 else 1  # the first of the four, which the header leaves out, is not negative
    return packed(252, "2h", 1, 2)(packed(256, "3f", sign * a, -sign * d, sign * c)(data))


def without(start: bytes, instead: bytes = b"") -> Patch:
    """A text header without the line that begins so."""
    def patch(data: bytes) -> bytes:
        at = data.index(start)
        return data[:at] + instead + data[data.index(b"\n", at) + 1 :]
    return patch


def spacings_alone(data: bytes) -> bytes:
    """A NRRD header with the lengths of its space directions, and nothing of the space."""
    vectors = re.findall(rb"\(([^)]*)\)", data[data.index(b"space directions:") :])[:3]
    lengths = (sum(float(part) ** 2 for part in vector.split(b",")) ** 0.5 for vector in vectors)
    line = b"spacings: " + b" ".join(str(length).encode() for length in lengths) + b"\n"
    return without(b"space origin")(without(b"space directions", line)(without(b"space: ")(data)))


def before(start: bytes, line: bytes) -> Patch:
    return lambda data: data.replace(start, line + start, 1)


NIFTI: dict[str, tuple[Patch, str]] = {
    "no orientation": (packed(252, "2h", 0, 0), NO_ORIENTATION),
    "metres": (packed(123, "B", 1), UNIT), "micrometres": (packed(123, "B", 3), UNIT),
    "qform and sform apart": (mirrored_qform, CONTRADICTION),
    "an intercept that is no number": (packed(112, "2f", 1.0, float("nan")), "HU are unknown"),
    # Right all the same.
    "slope 0": (packed(112, "2f", 0.0, -1024.0), ""), "slope NaN": (packed(112, "2f", float("nan"), 1000.0), ""),
    "no unit": (packed(123, "B", 0), ""), "seconds as well": (packed(123, "B", 10), ""),
}
NRRD: dict[str, tuple[Patch, str]] = {
    "no orientation": (spacings_alone, NO_ORIENTATION),
    "the space of a scanner": (without(b"space: ", b"space: scanner-xyz\n"), NO_ORIENTATION),
    "a space by number of axes": (without(b"space: ", b"space dimension: 3\n"), NO_ORIENTATION),
    "cm": (before(b"sizes: ", b'space units: "cm" "cm" "cm"\n'), UNIT),
    "inches": (before(b"sizes: ", b'space units: "in" "in" "in"\n'), UNIT),
    "mm": (before(b"sizes: ", b'space units: "mm" "mm" "mm"\n'), ""),
    "an abbreviated space": (without(b"space: ", b"space: LPS\n"), ""),
}
META: dict[str, tuple[Patch, str]] = {
    "no orientation": (without(b"TransformMatrix"), NO_ORIENTATION),
    "cm": (before(b"ElementSpacing", b"DistanceUnits = cm\n"), UNIT),
    "um": (before(b"ElementSpacing", b"DistanceUnits = um\n"), UNIT),
    "mm": (before(b"ElementSpacing", b"DistanceUnits = mm\n"), ""),
    "another name of the direction": (lambda data: data.replace(b"TransformMatrix", b"Orientation", 1), ""),
}
OF_SUFFIX = {".nii": NIFTI, ".nii.gz": NIFTI, ".nrrd": NRRD, ".nhdr": NRRD, ".mha": META, ".mhd": META}
ANY = [(suffix, kind) for suffix, kinds in OF_SUFFIX.items() for kind in (None, None, *kinds)]


def spoil(path: Path, suffix: str, kind: str) -> str:
    """Do to a file what `kind` says, and say how its error must begin; nothing where it is right all the same."""
    patch, reason = OF_SUFFIX[suffix][kind]
    data = path.read_bytes()
    if suffix == ".nii.gz":
        path.write_bytes(gzip.compress(patch(gzip.decompress(data)), 1))
    else:
        path.write_bytes(patch(data))
    return reason
