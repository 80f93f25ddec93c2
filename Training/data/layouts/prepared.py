"""Prepared cases, read as scans again: HU of the 8-bit window on the grid that training sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from Training.data.label_roles import ValueTable, assign, value_table
from Training.data.layouts.base import DatasetRequest, by_name
from Training.data.manifest import MANIFEST, read_manifest
from Training.data.prepared import IGNORE, load_cases
from Training.data.scans import Dataset, Scan

NAME = "prepared"
WHAT = f"{MANIFEST} and NAME.npz (mistkd prepare)"


@dataclass(frozen=True, kw_only=True)
class PreparedScan(Scan):
    """A prepared case; `table` is None where nothing is labelled."""

    window_hu: tuple[float, float]
    table: ValueTable | None

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.annotated, self.table, self.window_hu)

    def read_volume(self) -> Volume:
        (case,) = load_cases([self.image.parent], [self.name])
        low, high = self.window_hu
        hu = low + case.image[:].astype(np.float32) * np.float32((high - low) / 255)
        spacing_mm = (case.pixel_spacing_mm, case.pixel_spacing_mm, case.slice_spacing_mm)
        return Volume(hu, spacing_mm, (0.0, 0.0, 0.0), np.eye(3), self.name)

    def read_reference(self, volume: Volume) -> np.ndarray:
        (case,) = load_cases([self.image.parent], [self.name])
        if self.table is None:
            return np.zeros(case.labels.shape, np.uint8)
        return self.table.apply(case.labels[:], volume, self.image)


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return (folder / MANIFEST).is_file()


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the prepared cases.

    Raises:
        InputError: the manifest cannot be read, or no organ comes of its labels.
    """
    manifest = read_manifest(folder)
    theirs = {label.name: (channel,) for channel, label in enumerate(manifest.labels, 1)} | {"ignore": (IGNORE,)}
    table = value_table(request.organs, theirs, request.label_map, folder / MANIFEST)
    roles = assign(request.organs, theirs, request.label_map, folder / MANIFEST)
    paths = {case.name: folder / f"{case.name}.npz" for case in manifest.cases}
    scans = [
        PreparedScan(name=case.name, image=paths[case.name], files=(paths[case.name],), window_hu=manifest.window_hu,
                     annotated=roles.annotated(request.organs, case.annotated),
                     table=table if case.annotated else None)
        for case in manifest.cases
    ]
    return Dataset(folder, NAME, manifest.source, manifest.licence, by_name(scans, folder), table.unused)
