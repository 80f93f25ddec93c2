"""The scans that are measured: a made-up abdomen, the same in other slices and pixels, and folders of many."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.phantom.abdomen import make_phantom

SIZE_MM = (384.0, 384.0, 450.0)
THIN_TIMES = 4
LONG_SLICES = {False: 2000, True: 250}
SMALL_MM, SMALL_SIZE_MM = (4.0, 4.0, 5.0), (128.0, 128.0, 40.0)
SPACING_MM = {False: (0.75, 0.75, 3.0), True: (1.5, 1.5, 6.0)}


def standard_scan(quick: bool) -> Volume:
    """512 x 512 x 150 voxels of 0.75 x 0.75 x 3 mm; an eighth of them in a quick run."""
    return make_phantom(spacing_mm=SPACING_MM[quick], size_mm=SIZE_MM)[0]


def thin_scan(volume: Volume, times: int = THIN_TIMES) -> Volume:
    """The same patient with several times as many slices, each so much thinner."""
    i, j, k = volume.spacing_mm
    return replace(volume, voxels=np.repeat(volume.voxels, times, axis=0), spacing_mm=(i, j, k / times))


def with_slices(volume: Volume, slices: int) -> Volume:
    """As many slices of the same thickness: the patient cut short, or again and again one on top of the other."""
    return replace(volume, voxels=volume.voxels[np.arange(slices) % len(volume.voxels)])


def with_pixels(volume: Volume, pixels: int) -> Volume:
    """The same patient in slices of about pixels x pixels, a power of two more or fewer than there are."""
    i, j, k = volume.spacing_mm
    size = volume.voxels.shape[1]
    if pixels <= size:
        step = size // pixels
        return replace(volume, voxels=np.ascontiguousarray(volume.voxels[:, ::step, ::step]),
                       spacing_mm=(i * step, j * step, k))
    times = pixels // size
    voxels = volume.voxels.repeat(times, axis=1).repeat(times, axis=2)
    return replace(volume, voxels=voxels, spacing_mm=(i / times, j / times, k))


def small_scan() -> Volume:
    """32 x 32 x 8 voxels, so that what a run does for each scan outweighs what it does for its voxels."""
    return make_phantom(spacing_mm=SMALL_MM, size_mm=SMALL_SIZE_MM)[0]


def evenly(counts: Sequence[int]) -> list[int]:
    """Numbers of the kinds in a row in which each is spread as evenly as can be.

    Examples:
        >>> evenly([4, 2])
        [0, 1, 0, 0, 1, 0]
    """
    places = [((place + 0.5) / count, kind) for kind, count in enumerate(counts) for place in range(count)]
    return [kind for _, kind in sorted(places)]


def write_many(folder: Path, volumes: Sequence[Volume], order: Sequence[int]) -> None:
    """Write a folder of files 000000.nii.gz and so on; those of the same scan share their bytes on the disk.

    Args:
        folder: is made.
        volumes: the different scans.
        order: for each file, the number of its scan.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as originals:
        paths = [Path(originals) / f"{number}.nii.gz" for number in range(len(volumes))]
        for path, volume in zip(paths, volumes):
            write_scan(path, volume)
        for place, number in enumerate(order):
            os.link(paths[number], folder / f"{place:06}.nii.gz")


def labels_of(volume: Volume, bundle: Bundle, *, threads: int = 0) -> np.ndarray:
    """From the array to its labels."""
    out = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, bundle, out, SegmentOptions(threads=threads)):
        pass
    return out
