"""Made-up scans whose labels can be worked out by hand, of any shape, geometry, voxel type and format."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st

from Testing.lib.dicom_files import write_slice
from Testing.lib.orientations import rotation

FAT, LIVER_HU, LIVER = -100, 150, 5
MIN_FAT = 0.001  # of the voxels: a scan with less is none
# The network sees pixels of 2 mm, slices 3 mm apart: blur reaches no further from a border than this and two voxels.
BLUR_MM = 6.0
# Half of the scans are as large as organs; of the others some have one slice or one column.
ROOMY = st.tuples(st.integers(20, 32), st.sampled_from([2.5, 3.0, 4.0, 5.5]))
ANY = st.tuples(st.integers(1, 24), st.floats(0.3, 12).map(lambda mm: round(mm, 3)))
SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
COMPRESSED = (".nii.gz", ".nrrd", ".mha")


@dataclass(frozen=True)
class Scan:
    """Fat with a block of liver in it.

    Attributes:
        hu: (k, j, i).
        low, high: the block, in voxels (k, j, i).
        spacing_mm, origin_mm, direction: as in `Volume`.
    """

    hu: np.ndarray
    low: tuple[int, ...]
    high: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: np.ndarray

    @property
    def ijk_to_lps(self) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction @ np.diag(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        return matrix

    @property
    def is_ct(self) -> bool:
        return bool((self.hu == FAT).mean() >= MIN_FAT and (self.hu == LIVER_HU).any())

    @property
    def is_oblique(self) -> bool:
        return bool(np.abs(np.abs(self.direction) - np.rint(np.abs(self.direction))).max() > 1e-4)

    def certain(self) -> tuple[np.ndarray, np.ndarray]:
        """Which voxels must be liver and which must not, however the borders are blurred."""
        # An oblique scan is resampled along other axes.
        blur_mm = BLUR_MM + 2 * max(self.spacing_mm) * self.is_oblique
        inside, outside = np.ones(self.hu.shape, bool), np.zeros(self.hu.shape, bool)
        for axis, (low, high, mm) in enumerate(zip(self.low, self.high, self.spacing_mm[::-1])):
            place = np.arange(self.hu.shape[axis]).reshape([-1 if axis == other else 1 for other in range(3)])
            margin = blur_mm / mm + 2
            # Around a slice lies air, beyond the last slice nothing.
            endless = not self.is_oblique and abs(self.direction[2, 2 - axis]) > 0.5
            inside &= (place >= low + margin) | (endless and low == 0)
            inside &= (place < high - margin) | (endless and high == self.hu.shape[axis])
            outside |= (place < low - margin) | (place >= high + margin)
        return inside, outside

    def image(self, voxels: np.ndarray) -> sitk.Image:
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin_mm)
        image.SetDirection(self.direction.ravel().tolist())
        return image


def block(shape: tuple[int, int, int], low: tuple[int, ...], high: tuple[int, ...]) -> np.ndarray:
    hu = np.full(shape, FAT, np.int16)
    hu[tuple(slice(a, b) for a, b in zip(low, high))] = LIVER_HU
    return hu


def plain(shape: tuple[int, int, int] = (6, 24, 20)) -> Scan:
    """One ordinary scan of 2 x 2 x 5 mm."""
    low, high = tuple(n // 4 for n in shape), tuple(n - n // 4 for n in shape)
    return Scan(block(shape, low, high), low, high, (2.0, 2.0, 5.0), (-20.0, -24.0, 10.0), np.eye(3))


def directions() -> st.SearchStrategy[np.ndarray]:
    """All ways of naming the axes, right- and left-handed, turned by any angles or by none."""
    axes = st.sampled_from([np.eye(3)[list(order)] * signs
                            for order in permutations(range(3)) for signs in product((1, -1), repeat=3)])
    angles = st.tuples(*[st.one_of(st.just(0.0), st.floats(-180, 180))] * 3)
    turns = st.one_of(st.just((0.0, 0.0, 0.0)), angles)
    return st.builds(lambda axis, degrees: axis @ rotation(degrees[0], 0) @ rotation(degrees[1], 1)
                     @ rotation(degrees[2], 2), axes, turns)


@st.composite
def scans(draw: st.DrawFn, right_handed: bool = False) -> Scan:
    """Scans of 2 to some ten thousand voxels, one slice or one column among them, of 0.3 to 12 mm."""
    axes = draw(st.one_of(*[st.tuples(*[kind] * 3) for kind in (ROOMY, ANY)]))
    shape, spacing = tuple(size for size, _ in axes), tuple(mm for _, mm in axes[::-1])
    low = tuple(draw(st.sampled_from([0, n // 6, n // 4])) for n in shape)
    high = tuple(draw(st.sampled_from([n, n - n // 6, n - n // 3])) for n in shape)
    hu = block(shape, low, high)
    if hu.size > 1 and (hu == LIVER_HU).all():
        hu.flat[draw(st.sampled_from([0, hu.size - 1]))] = FAT
    origin = draw(st.tuples(*[st.floats(-2000, 2000).map(lambda mm: round(mm, 2))] * 3))
    direction = draw(directions())
    if right_handed and np.linalg.det(direction) < 0:
        direction[:, 2] *= -1
    return Scan(hu, low, high, spacing, origin, direction)


# Voxel types with the scales that keep the two values exact, slope before intercept.
STORAGE = {np.uint8: [(1, -100), (2, -100)], np.int16: [(1, 0), (0.5, 10), (-1, 0), (2, -1024)],
           np.uint16: [(1, -1024), (0.25, -1000)], np.int32: [(1, 0), (0.001953125, -8)], np.uint32: [(1, -1024)],
           np.float32: [(1, 0), (1000, -100)], np.float64: [(1, 0), (1, 3.5)]}


def write(scan: Scan, path: Path, kind: type = np.int16, slope: float = 1, intercept: float = 0,
          compress: bool = False) -> Path:
    """Store a scan; a scale other than 1 and 0 is for NIfTI alone, whose header has a place for it."""
    stored = (scan.hu - float(intercept)) / slope
    voxels = stored.astype(kind) if np.issubdtype(kind, np.floating) else np.rint(stored).astype(kind)
    sitk.WriteImage(scan.image(voxels), str(path), compress)
    if path.suffix == ".nii":
        data = bytearray(path.read_bytes())
        struct.pack_into("<2f", data, 112, slope, intercept)
        path.write_bytes(data)
    return path


def write_dicom(scan: Scan, folder: Path, slope: float = 1, intercept: float = -1024) -> Path:
    """Store a scan as a series, one file for each slice."""
    folder.mkdir(exist_ok=True)
    rows = scan.direction.T
    for k, values in enumerate(scan.hu):
        position = scan.ijk_to_lps @ (0, 0, k, 1)
        write_slice(folder / f"{k:03}.dcm", k, position[:3], values=values, axes=(rows[0], rows[1]), slope=slope,
                    intercept=intercept, spacing=scan.spacing_mm[:2],
                    **{"0018|0050": str(scan.spacing_mm[2])})
    return folder
