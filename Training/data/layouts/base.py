"""Common parts of the layouts: scans that are files, and the checks of names and grids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from MISTKDSegmentLib.model.labels import Label
from Training.data.label_map import LabelMap
from Training.data.label_roles import ValueTable
from Training.data.scans import Scan

GRID_TOLERANCE_MM = 0.1
ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
NO_LICENCE = "not stated by the data set"


@dataclass(frozen=True, kw_only=True)
class FileScan(Scan):
    """A scan that is one file or DICOM folder, with at most one label map file."""

    label_map: Path | None = None
    table: ValueTable | None = None

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.annotated, self.table)

    def read_volume(self) -> Volume:
        return read_volume(self.image)

    def read_reference(self, volume: Volume) -> np.ndarray:
        if self.label_map is None or self.table is None:
            return np.zeros(volume.voxels.shape, np.uint8)
        reference = read_label_map(self.label_map)
        check_same_grid(self.label_map, reference, self.image, volume)
        return self.table.apply(reference.voxels, volume, self.label_map)


@dataclass(frozen=True)
class DatasetRequest:
    """Organs that are asked of a data set, and what it does not say itself.

    Attributes:
        organs: in the order of their channels 1, 2, …
        label_map: None matches labels by name.
        spacing: YAML file with voxel spacings; None where the data set tells them.
    """

    organs: tuple[Label, ...]
    label_map: LabelMap | None = None
    spacing: Path | None = None


def check_same_grid(label_map: Path, reference: Volume, image: Path, volume: Volume) -> None:
    """Refuse a label map that does not lie on its image's grid.

    Raises:
        InputError: shapes or the positions of the corners differ.
    """
    if volume.voxels.shape != reference.voxels.shape:
        raise InputError(f"{label_map} has shape {reference.voxels.shape} but {image} has {volume.voxels.shape}; "
                         "bring the label map to the image's grid.")
    if np.abs(_corners(volume) - _corners(reference)).max() > GRID_TOLERANCE_MM:
        raise InputError(f"{label_map} and {image} differ in spacing, origin or direction; bring the label map to the "
                         "image's grid.")


def by_name(scans: Iterable[Scan], folder: Path) -> dict[str, Scan]:
    """Scans by name, in the order of their names.

    Raises:
        InputError: there are none, or two have one name.
    """
    found: dict[str, Scan] = {}
    for scan in sorted(scans, key=lambda scan: scan.name):
        if scan.name in found:
            raise InputError(f"{scan.image} and {found[scan.name].image} are both named {scan.name}; rename one.")
        found[scan.name] = scan
    if not found:
        raise InputError(f"{folder} has no scans; put some there or name another folder.")
    return found


def volumes_in(folder: Path, endings: Sequence[str] = ENDINGS) -> dict[str, Path]:
    """The volume files directly in a folder, by name without ending.

    Raises:
        InputError: two files differ in the ending alone.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = stem(path.name, endings)
        if name is None or path.name.startswith("."):
            continue
        if name in found:
            raise InputError(f"{path} and {found[name]} have one name; remove one of them.")
        found[name] = path
    return found


def stem(file_name: str, endings: Sequence[str] = ENDINGS) -> str | None:
    """A file's name without its ending; None where the ending is another."""
    return next((file_name[: -len(ending)] for ending in endings if file_name.lower().endswith(ending)), None)


def _corners(volume: Volume) -> np.ndarray:
    corners = np.array(list(product(*((0, size - 1) for size in volume.voxels.shape[::-1]))))
    return corners @ volume.ijk_to_lps[:3, :3].T + np.asarray(volume.origin_mm)
